// Sends what waits, in the order in which it was done, each thing with its own idempotency key: however often it is tried, it takes effect once.
// Runs in the page, and in the service worker where the browser wakes it. Whatever the unit refuses stays, with what the unit has in its place.

import { call } from '../api/client';
import { Problem } from '../api/problem';
import { allOf, get, put, remove, who, type Refusal, type Waiting } from './store';
import type { TaskShown } from './types';

/** `later`: there is no network, or the unit does not answer. `out`: somebody has to sign in first. */
export type Outcome = 'done' | 'later' | 'out';

const quietly = { quiet: true, once: true } as const;
const lock = 'craton.outbox';

/** Sends all that waits. One at a time in the whole browser: tabs and the service worker share the outbox. */
export function send(): Promise<Outcome> {
  if (navigator.locks) return navigator.locks.request(lock, sendAll) as unknown as Promise<Outcome>;
  return sendAll();
}

async function sendAll(): Promise<Outcome> {
  const here = await who();
  if (!here) return 'done';
  const user = here.principal;
  const waiting = (await allOf('outbox', user)).filter((item) => item.state === 'waiting');
  if (waiting.length === 0) return 'done';
  try {
    // The cookie may be another's by now: nothing is sent under a name that did not do it.
    const now = await call('unit.whoami', {}, quietly);
    if (now.principal !== user) return 'out';
    for (const item of waiting) await sendOne(item);
    return 'done';
  } catch (thrown) {
    return Problem.of(thrown).kind === 'unauthenticated' ? 'out' : 'later';
  } finally {
    tell();
  }
}

/** Sends one thing. Throws where it is to be tried again. */
async function sendOne(item: Waiting): Promise<void> {
  // It may have been taken back while others were sent.
  const current = await get('outbox', item.seq);
  if (current?.state !== 'waiting') return;
  try {
    await make(item);
  } catch (thrown) {
    const problem = Problem.of(thrown);
    if (isPassing(problem)) throw problem;
    await put('outbox', { ...item, state: 'refused', refusal: refusalOf(problem), theirs: await theirsOf(item) });
    tell();
    return;
  }
  await remove('outbox', item.seq);
  if (item.operation === 'task.complete') await settled(item);
  tell();
}

async function make(item: Waiting): Promise<void> {
  const options = { ...quietly, idempotencyKey: item.key };
  if (item.operation === 'file.create') {
    const kept = await get('files', [item.user, item.file ?? '']);
    if (!kept) return;
    await call('file.create', {}, { ...options, body: kept.blob, media: kept.blob.type || 'image/jpeg' });
    await put('files', { ...kept, isSent: true });
  } else if (item.operation === 'task.complete') {
    await call('task.complete', { name: item.task, variables: item.variables ?? {}, done_at: item.at }, options);
  } else {
    await call(item.operation, { name: item.task }, options);
  }
}

/** A task that is done needs nothing of what was kept for it; that taking it was refused does not matter any more. */
async function settled(item: Waiting): Promise<void> {
  await remove('tasks', [item.user, item.task]);
  for (const other of await allOf('outbox', item.user)) {
    if (other.task === item.task && other.state === 'refused' && other.operation !== 'task.complete') await remove('outbox', other.seq);
  }
}

/** Says whether it may be another time: no network, a busy unit, or an answer that comes from something between us and the unit. */
export function isPassing(problem: Problem): boolean {
  const isForeign = /^http\.\d+$/.test(problem.code) || problem.code.startsWith('console.');
  return isForeign || ['unauthenticated', 'exhausted', 'unavailable'].includes(problem.kind);
}

async function theirsOf(item: Waiting): Promise<TaskShown | null> {
  try {
    return (await call('task.get', { name: item.task }, quietly)) as TaskShown;
  } catch (thrown) {
    const problem = Problem.of(thrown);
    // Not to know what is there would be worse than to send again: the answer will be the same.
    if (isPassing(problem)) throw problem;
    return null;
  }
}

export function refusalOf(problem: Problem): Refusal {
  const { code, kind, status, message: detail, hint, place, also } = problem;
  const refusal: Refusal = { code, kind, status, detail, also: also.map(refusalOf) };
  if (hint !== undefined) refusal.hint = hint;
  if (place !== undefined) refusal.place = { ...place };
  return refusal;
}

export function problemFrom(refusal: Refusal): Problem {
  return new Problem(refusal as ConstructorParameters<typeof Problem>[0]);
}

/** Tells every tab that the outbox has changed. */
export function tell(): void {
  const channel = new BroadcastChannel(lock);
  channel.postMessage('changed');
  channel.close();
}

/** Calls when the outbox has changed, here or elsewhere. */
export function hear(changed: () => unknown): void {
  const channel = new BroadcastChannel(lock);
  channel.onmessage = () => changed();
}
