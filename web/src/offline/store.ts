// What this browser keeps for work without network, in IndexedDB: who was here, his tasks with their forms, photos, and what waits to be sent.
// Everything belongs to one user and goes when he signs out. Used by the page and by the service worker.

import type { Whoami } from '../api/answers';
import type { TaskShown, Variables } from './types';

export interface Who extends Omit<Whoami, 'commit'> {
  operations: Record<string, 'all' | 'some'> | null;
}

/** A task that is kept, with what was typed and not yet given. */
export interface Kept {
  user: string;
  task: string;
  shown: TaskShown;
  /** When it was read. */
  at: string;
  draft?: Variables;
}

export interface KeptForm {
  user: string;
  form: string;
  version: number | null;
  schema: unknown;
}

/** A photo that the unit may not have yet. */
export interface KeptFile {
  user: string;
  file: string;
  blob: Blob;
  isSent: boolean;
}

/** Why the unit refused, as it said it. */
export interface Refusal {
  code: string;
  kind: string;
  status: number;
  detail: string;
  hint?: string;
  place?: object;
  also?: Refusal[];
}

export type Deed = 'task.claim' | 'task.unclaim' | 'task.complete' | 'file.create';

/** Something that was done and waits to be sent, or was refused. */
export interface Waiting {
  /** In this order it is sent. */
  seq: number;
  user: string;
  task: string;
  title: string;
  /** The process and the business key. */
  about: string;
  operation: Deed;
  variables?: Variables;
  /** Of a photo: its hash; the bytes lie in `files`. */
  file?: string;
  /** The idempotency key: however often it is sent, it takes effect once. */
  key: string;
  /** When it was done. */
  at: string;
  state: 'waiting' | 'refused' | 'note';
  refusal?: Refusal;
  /** What the unit had when it refused; null where it has the task no more. */
  theirs?: TaskShown | null;
}

interface Stores {
  who: Who;
  tasks: Kept;
  forms: KeptForm;
  files: KeptFile;
  outbox: Waiting;
}
type Name = keyof Stores;

const databaseVersion = 1;
let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('craton', databaseVersion);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore('who');
      database.createObjectStore('tasks', { keyPath: ['user', 'task'] });
      database.createObjectStore('forms', { keyPath: ['user', 'form'] });
      database.createObjectStore('files', { keyPath: ['user', 'file'] });
      database.createObjectStore('outbox', { keyPath: 'seq', autoIncrement: true });
    };
    request.onsuccess = () => {
      // A newer console wants to change what is kept: this one lets go, and opens it again when it needs it.
      request.result.onversionchange = () => {
        request.result.close();
        opened = undefined;
      };
      resolve(request.result);
    };
    request.onerror = () => {
      opened = undefined;
      reject(request.error ?? new Error('IndexedDB cannot be opened'));
    };
  });
  return opened;
}

/** Runs one transaction; answers when it is on the disk. */
async function run<Result>(names: Name[], mode: IDBTransactionMode, act: (of: (name: Name) => IDBObjectStore) => IDBRequest<Result> | void): Promise<Result> {
  const database = await open();
  return new Promise((resolve, reject) => {
    // What was done without network must outlast a battery that runs empty.
    const transaction = database.transaction(names, mode, { durability: mode === 'readonly' ? 'default' : 'strict' });
    const request = act((name) => transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request?.result as Result);
    transaction.onabort = () => reject(transaction.error ?? new Error('what was to be kept could not be kept'));
    transaction.onerror = () => reject(transaction.error ?? new Error('what was to be kept could not be kept'));
  });
}

export function get<Of extends Name>(name: Of, key: IDBValidKey): Promise<Stores[Of] | undefined> {
  return run([name], 'readonly', (of) => of(name).get(key) as IDBRequest<Stores[Of] | undefined>);
}

export async function put<Of extends Name>(name: Of, value: Stores[Of], key?: IDBValidKey): Promise<void> {
  await run<IDBValidKey>([name], 'readwrite', (of) => of(name).put(value, key));
}

export async function remove(name: Name, key: IDBValidKey): Promise<void> {
  await run<undefined>([name], 'readwrite', (of) => of(name).delete(key));
}

/** Returns all that belongs to a user, in the order of the keys. */
export async function allOf<Of extends Exclude<Name, 'who'>>(name: Of, user: string): Promise<Stores[Of][]> {
  const all = await run(
    [name],
    'readonly',
    (of) => of(name).getAll() as IDBRequest<Stores[Of][]>,
  );
  return all.filter((each) => each.user === user);
}

/** Puts several things into the outbox at once: all or none. */
export async function enqueue(items: Omit<Waiting, 'seq'>[]): Promise<void> {
  await run<undefined>(['outbox'], 'readwrite', (of) => {
    for (const item of items) of('outbox').add(item);
  });
}

/** Takes everything of a user away. */
export async function wipe(user: string): Promise<void> {
  await run<undefined>(['who', 'tasks', 'forms', 'files', 'outbox'], 'readwrite', (of) => {
    of('who').clear();
    for (const name of ['tasks', 'forms', 'files', 'outbox'] as const) {
      const request = of(name).openCursor();
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return;
        if ((cursor.value as { user: string }).user === user) cursor.delete();
        cursor.continue();
      };
    }
  });
}

export const who = (): Promise<Who | undefined> => get('who', 'now');
export const setWho = (value: Who): Promise<void> => put('who', value, 'now');
