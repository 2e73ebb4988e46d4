// The only way from the console to its unit: operations by name, over the public HTTP API.
//
//   const page = await call('task.list', { limit: 50 });
//   await call('task.complete', { name: task, variables });
//
// What is refused is thrown as a `Problem`. Where the session has ended, the sign-in layer opens over the page, the call waits, and is
// made again: nothing typed is lost. Reads are made again where the connection breaks, and once or twice where the unit is busy, after the
// time that it told; changes carry an idempotency key, so that they are too, and take effect once. What carries none is made once.

import type { Answers } from './answers';
import { Problem, problemOf } from './problem';
import type { operations } from './schema';
import { keyless, table } from './table';

const routes: Record<string, readonly [string, string, ...string[]] | undefined> = table;

/** The name of an operation. */
export type OperationName = keyof typeof table;

export type Answer<Name extends OperationName> = Name extends keyof Answers ? Answers[Name] : Described<Name>;

type Described<Name> = Name extends keyof operations
  ? operations[Name] extends { responses: { 200: { content: { 'application/json': infer Body } } } }
    ? Body
    : unknown
  : unknown;

type Query<Name> = Name extends keyof operations
  ? operations[Name] extends { parameters: { query?: infer Given } }
    ? { [Key in keyof Given]?: string | number | boolean | null | undefined }
    : object
  : object;

type Body<Name> = Name extends keyof operations
  ? operations[Name] extends { requestBody?: { content: { 'application/json': infer Given } } }
    ? Partial<Given>
    : object
  : object;

/** What an operation takes: `name` (and `kind`) of its resource, and its parameters, wherever they travel. */
export type Parameters<Name extends OperationName> = { name?: string | number; kind?: string } & Query<Name> &
  Body<Name> &
  // A unit may be newer than the document here: what it takes beyond that passes.
  Record<string, unknown>;

export interface Options {
  signal?: AbortSignal;
  /** Bytes in place of JSON parameters: rows for `stream.append`, a photo for `file.create`. */
  body?: Blob | string;
  media?: string;
  /** The form of the answer, where the operation knows several. */
  accept?: string;
  /** The key of a change that is repeated from outside, as the outbox of the phone does. */
  idempotencyKey?: string;
  /** Refuse at once where the session has ended, in place of asking to sign in. */
  quiet?: boolean;
  /** Do not try again after a broken connection: what is kept in the browser stands in for the answer, or the outbox tries later. */
  once?: boolean;
}

/** How often a request is made again after a broken connection, and how long is waited before each time. */
const retryWaits = [300, 1_000, 3_000];
/** How often a unit that is busy is asked again after the time that it told, and how long such a time may be: else it is for people to decide. */
const toldMax = 2;
const toldMsMax = 10_000;
const onceMs = 45_000;

/** Asks somebody to sign in again; answers when that has happened. Set by the session, which this file does not know. */
let signInAgain: (() => Promise<void>) | undefined;

export function onSessionEnd(ask: () => Promise<void>): void {
  signInAgain = ask;
}

/** Makes a call and returns its JSON answer. */
export async function call<Name extends OperationName>(
  name: Name,
  parameters: Parameters<Name> = {} as Parameters<Name>,
  options: Options = {},
): Promise<Answer<Name>> {
  const response = await ask(name, parameters, options);
  const text = await response.text();
  return (text === '' ? null : JSON.parse(text)) as Answer<Name>;
}

/** Makes a call and returns the response itself, for answers that are no JSON or that stream. */
export async function ask(name: OperationName, parameters: object = {}, options: Options = {}): Promise<Response> {
  const { url, init } = requestOf(name, parameters as Record<string, unknown>, options);
  for (;;) {
    const response = await send(url, init, options.once);
    if (response.ok) return response;
    const problem = await problemOf(response);
    const isOver = problem.kind === 'unauthenticated' && !options.quiet && signInAgain;
    if (!isOver) throw problem;
    await signInAgain?.();
  }
}

/** Returns the address of a read, for `href` and `src`. */
export function addressOf(name: OperationName, parameters: object = {}): string {
  return requestOf(name, parameters as Record<string, unknown>, {}).url;
}

/** True where the operation is known to this console. */
export function isKnown(name: string): boolean {
  return routes[name] !== undefined;
}

function requestOf(name: string, parameters: Record<string, unknown>, options: Options): { url: string; init: RequestInit } {
  const route = routes[name] ?? ruled(name, parameters);
  const [method, path, ...inQuery] = route;
  const rest = { ...parameters };
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = rest[key];
    delete rest[key];
    return encodeURIComponent(String(value ?? ''));
  });
  const query = new URLSearchParams();
  const body: Record<string, unknown> = {};
  const isRead = method === 'GET';
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined || (isRead && (value === null || value === ''))) continue;
    const goesInQuery = isRead || method === 'DELETE' || options.body !== undefined || inQuery.includes(key);
    if (goesInQuery) query.append(key, String(value));
    else body[key] = value;
  }
  const headers: Record<string, string> = { accept: options.accept ?? 'application/json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin', signal: options.signal ?? null };
  if (!isRead && !keyless.has(name)) headers['idempotency-key'] = options.idempotencyKey ?? newKey();
  if (options.body !== undefined) {
    init.body = options.body;
    headers['content-type'] = options.media ?? 'application/octet-stream';
  } else if (method === 'POST') {
    init.body = JSON.stringify(body);
    headers['content-type'] = 'application/json';
  }
  const text = query.toString();
  return { url: text ? `${filled}?${text}` : filled, init };
}

/** Returns the route of an operation that is in no table, as the rule of the API says: screens may name any operation. */
function ruled(name: string, parameters: Record<string, unknown>): readonly [string, string] {
  const [kind = '', verb = ''] = name.split('.');
  const plural = kind.endsWith('s') || kind.endsWith('ch') ? `${kind}es` : kind.replace(/y$/, 'ie') + 's';
  const place = parameters.name === undefined ? `/v1/${plural}` : `/v1/${plural}/{name}`;
  if (verb === 'get' || verb === 'list') return ['GET', place];
  if (verb === 'create') return ['POST', place];
  if (verb === 'delete') return ['DELETE', place];
  return ['POST', `${place}/${verb}`];
}

/** Makes an idempotency key. `randomUUID` would do on secure pages alone; a unit on a plain address of the house is none. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sends a request, and again where the connection broke or the unit was busy. */
async function send(url: string, init: RequestInit, once = false): Promise<Response> {
  const isKeyless = init.method !== 'GET' && !(init.headers as Record<string, string>)['idempotency-key'];
  const isRepeated = !once && !isKeyless;
  for (let tried = 0; ; tried += 1) {
    let ms: number | undefined;
    try {
      // Where the signal is bad a request may hang for ever; what is tried again later gives up in time.
      const inTime = once ? AbortSignal.any([AbortSignal.timeout(onceMs), ...(init.signal ? [init.signal] : [])]) : (init.signal ?? null);
      const response = await fetch(url, { ...init, signal: inTime });
      ms = isRepeated ? msUntilFree(response, tried) : undefined;
      if (ms === undefined) return response;
      response.body?.cancel().catch(() => {});
    } catch (error) {
      if (init.signal?.aborted) throw Problem.of(error);
      ms = isRepeated && navigator.onLine ? retryWaits[tried] : undefined;
      if (ms === undefined) throw Problem.unreachable();
    }
    await pause(ms, init.signal ?? undefined);
  }
}

/** How long a busy unit wants to be left alone before it is asked again; nothing where the answer stands, or where that would take too long. */
function msUntilFree(response: Response, tried: number): number | undefined {
  if (response.status !== 429 && response.status !== 503) return undefined;
  const told = Number(response.headers.get('retry-after')) * 1_000;
  // Without a time, 429 is a limit that no waiting lifts, and 503 comes from something between us and the unit.
  if (!(0 < told)) return response.status === 503 ? retryWaits[tried] : undefined;
  // A little longer for some: not all come back at once.
  return tried < toldMax && told <= toldMsMax ? told * (1 + Math.random() / 4) : undefined;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const giveUp = () => {
      clearTimeout(timer);
      reject(Problem.of(new DOMException('', 'AbortError')));
    };
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}
