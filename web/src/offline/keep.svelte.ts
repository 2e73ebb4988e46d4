// Tasks and their forms for work without network: those that are mine, and those that I have opened.

import { call } from '../api/client';
import { Problem } from '../api/problem';
import { may, session } from '../app/session.svelte';
import { hub } from '../live/hub.svelte';
import { filesIn } from './files';
import { allOf, get, put, remove, type Kept } from './store';
import type { FormShown, TaskShown, Variables } from './types';

const tasksMax = 100;
/** Changes of tasks come often; what is kept need not follow each. */
const settleMs = 30_000;
const everyMs = 300_000;
/** So old may be what is kept of a task before its variables are read again. */
const freshMs = 600_000;

const quietly = { quiet: true, once: true } as const;

/** Keeps the caller's tasks up to date while the console is open. */
export function startKeeping(): void {
  if (typeof indexedDB === 'undefined') return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void keepMine();
    }, ms);
  };
  window.addEventListener('online', () => soon(1_000));
  setInterval(() => soon(0), everyMs);
  $effect.root(() => {
    $effect(() => {
      if (session.state === 'in' && !session.isAlone) soon(1_500);
    });
    $effect(() => (session.state === 'in' ? hub.watch(['task'], () => soon(settleMs)) : undefined));
  });
}

/** Reads the caller's tasks and forms, and lets go of what is over. */
export async function keepMine(): Promise<void> {
  const user = session.principal;
  if (session.state !== 'in' || session.isAlone || !may('task.list') || !navigator.onLine) return;
  try {
    await letGoOfFiles(user);
    const page = await call('task.list', { mine: true, limit: tasksMax }, quietly);
    const kept = new Map((await allOf('tasks', user)).map((each) => [each.task, each]));
    const waiting = new Set((await allOf('outbox', user)).map((item) => item.task));
    for (const row of page.items) {
      const before = kept.get(row.task);
      kept.delete(row.task);
      const isMine = row.assignee === session.user;
      if (!isMine && !before) continue;
      const isOld = !before || before.shown.assignee !== row.assignee || Date.now() - Date.parse(before.at) > freshMs;
      if (isOld && !waiting.has(row.task)) await readAndKeep(row.task, user);
    }
    // Where the list is longer than what was read, what is not on it may be still there.
    if (page.next) return;
    for (const [task, left] of kept) if (!waiting.has(task) && !left.draft) await remove('tasks', [user, task]);
  } catch {
    // Another time.
  }
}

/** Photos that the unit has, and that nothing here names any more, need no room. */
async function letGoOfFiles(user: string): Promise<void> {
  const [files, tasks, deeds] = await Promise.all([allOf('files', user), allOf('tasks', user), allOf('outbox', user)]);
  const named = new Set([...filesIn(tasks.map((task) => task.draft)), ...filesIn(deeds.map((deed) => [deed.variables, deed.file]))]);
  for (const { file, isSent } of files) if (isSent && !named.has(file)) await remove('files', [user, file]);
}

async function readAndKeep(task: string, user: string): Promise<void> {
  const shown = (await call('task.get', { name: task }, quietly)) as TaskShown;
  await keepTask(shown, user);
  if (shown.form) await formOf(shown, user);
}

async function keepTask(shown: TaskShown, user: string): Promise<void> {
  const key = [user, shown.task];
  const before = await get('tasks', key);
  const isOver = shown.ended !== undefined || ['completed', 'cancelled'].includes(shown.state);
  if (isOver && !before?.draft) return remove('tasks', key);
  const next: Kept = { user, task: shown.task, shown, at: new Date().toISOString() };
  if (before?.draft) next.draft = before.draft;
  await put('tasks', next);
}

export interface Read {
  task: TaskShown;
  form: FormShown | undefined;
  draft: Variables | undefined;
  /** When it was read, where it comes from what is kept. */
  keptAt: string | undefined;
}

/** Reads a task with its form; where there is no network, what is kept of it. */
export async function readTask(id: string, signal: AbortSignal): Promise<Read> {
  const user = session.principal;
  const kept = await get('tasks', [user, id]).catch(() => undefined);
  if (!kept || navigator.onLine) {
    try {
      const task = (await call('task.get', { name: id }, { signal, once: kept !== undefined })) as TaskShown;
      // Of a task that is over the form only says what its values are called.
      const form = task.form ? await formOf(task, user, signal).catch((thrown) => (task.ended ? undefined : Promise.reject(thrown))) : undefined;
      await keepTask(task, user).catch(() => {});
      return { task, form, draft: kept?.draft, keptAt: undefined };
    } catch (thrown) {
      if (!kept || !isUnreached(Problem.of(thrown))) throw thrown;
    }
  }
  const form = kept.shown.form ? await get('forms', [user, kept.shown.form]) : undefined;
  return { task: kept.shown, form, draft: kept.draft, keptAt: kept.at };
}

/** True where nothing came from the unit, so that what is kept may stand for it. */
export function isUnreached(problem: Problem): boolean {
  return problem.isOffline || (problem.kind === 'unavailable' && !problem.isAborted) || /^http\.5\d\d$/.test(problem.code);
}

async function formOf(task: TaskShown, user: string, signal?: AbortSignal): Promise<FormShown | undefined> {
  const name = task.form ?? '';
  const version = task.form_version ?? null;
  const kept = await get('forms', [user, name]).catch(() => undefined);
  if (kept && kept.version === version && version !== null) return kept;
  try {
    const form = (await call('form.get', { name }, { ...quietly, ...(signal ? { signal } : {}) })) as FormShown;
    await put('forms', { user, form: name, version, schema: form.schema }).catch(() => {});
    return form;
  } catch (thrown) {
    // A form that is not of this unit was made by another application: its variables are shown as they are.
    if (Problem.of(thrown).isAbsent) return undefined;
    throw thrown;
  }
}

/** Tasks that are kept, as rows of a list. */
export async function keptTasks(): Promise<TaskShown[]> {
  const all = await allOf('tasks', session.principal);
  const due = (task: TaskShown) => task.due ?? '9999';
  return all.map((each) => each.shown).sort((one, other) => due(one).localeCompare(due(other)) || one.created_at.localeCompare(other.created_at));
}

/** Keeps what is typed: the system may end the page while the camera is open. */
export async function keepDraft(task: TaskShown, draft: Variables | undefined): Promise<void> {
  const user = session.principal;
  const before = await get('tasks', [user, task.task]);
  const next: Kept = before ?? { user, task: task.task, shown: task, at: new Date().toISOString() };
  if (draft) next.draft = draft;
  else delete next.draft;
  await put('tasks', next);
}

/** Says of a kept task that it was taken or given back, while the unit does not know it yet. */
export async function keepAssignee(task: TaskShown, assignee: string | null): Promise<void> {
  const kept = await get('tasks', [session.principal, task.task]);
  const shown = { ...(kept?.shown ?? task), assignee, state: assignee ? ('claimed' as const) : ('created' as const) };
  await put('tasks', { ...(kept ?? { user: session.principal, task: task.task, at: new Date().toISOString() }), shown });
}
