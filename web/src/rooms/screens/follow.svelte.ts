// How a part follows what it shows: by the topics of its query where they are known, else by looking again at a calm pace.

import { call } from '../../api/client';
import type { Given, Row, TableAnswer } from './answers';
import { topicsOf } from './topics';

const lookMs = 20_000;

/** Finds the topics of a query, and calls `look` now and then where there are none. To be called while a component is made. */
export function follow(query: () => string, look: () => unknown): () => string[] {
  let topics = $state.raw<string[]>([]);
  $effect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setInterval> | undefined;
    void topicsOf(query()).then((found) => {
      if (isGone) return;
      topics = found;
      if (found.length === 0)
        timer = setInterval(() => {
          if (!document.hidden) look();
        }, lookMs);
    });
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  });
  return () => topics;
}

export interface Run {
  query: string;
  parameters: Given;
  limit: number;
  offset?: number;
  order?: string[];
  search?: { text: string; columns?: string[] };
}

export interface Ran {
  columns: TableAnswer['columns'];
  rows: Row[];
}

/** So many queries of a screen run at once: a unit has a limit for each of its people, and he may have other pages open. */
const runningMax = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a query as who looks. */
export async function run({ query, ...wanted }: Run, signal: AbortSignal): Promise<Ran> {
  await turn(signal);
  try {
    const answer = (await call('query.run', { name: query, ...wanted, format: 'table' }, { signal })) as TableAnswer;
    const names = answer.columns.map((column) => column.name);
    return { columns: answer.columns, rows: answer.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]]))) };
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

async function turn(signal: AbortSignal): Promise<void> {
  while (runningMax <= running) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  if (!signal.aborted) return;
  running -= 1;
  waiting.shift()?.();
  signal.throwIfAborted();
}
