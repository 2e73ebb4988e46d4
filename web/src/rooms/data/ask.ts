// Asks a statement and takes in its answer as it comes: the first rows stand while others still run, and what nobody will look at is not
// waited for.

import { ask, call, type OperationName } from '../../api/client';
import { Problem } from '../../api/problem';
import { may } from '../../app/session.svelte';
import type { AnswerColumn } from './answers';

export type Cell = string | number | boolean | null | object;

export interface Row {
  /** Its place in the answer. */
  n: number;
  cells: Cell[];
}

export interface Result {
  columns: AnswerColumn[];
  rows: Row[];
  /** True where the answer has more rows than were taken. */
  isCut: boolean;
  /** From the call to the last row that was taken. */
  ms: number;
}

/** Rows that a page takes of an answer. Whoever wants all of them exports. */
export const rowsMax = 10_000;

/** Asks by an operation that knows the form `table`. */
export async function answerOf(operation: OperationName, parameters: object, signal: AbortSignal, most = rowsMax): Promise<Result> {
  const began = performance.now();
  // The stream is given up by a signal of its own where there is enough of it.
  const own = new AbortController();
  const giveUp = () => own.abort();
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp);
  try {
    const response = await ask(operation, { ...parameters, format: 'table' }, { signal: own.signal });
    const taken = await take(response, most);
    if (taken.isCut) own.abort();
    return { ...taken, ms: performance.now() - began };
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Asks a statement of SQL. */
export function answer(sql: string, signal: AbortSignal, most = rowsMax, tag?: string): Promise<Result> {
  return answerOf('sql.query', tag === undefined ? { sql } : { sql, tag }, signal, most);
}

const opening = '"rows":[';

/** Reads `{"columns":[…],"rows":[…,\n…]}`: a row a line, since no line ends within JSON. */
async function take(response: Response, most: number): Promise<Omit<Result, 'ms'>> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let columns: AnswerColumn[] | undefined;
  const rows: Row[] = [];
  let text = '';
  const add = (line: string) => {
    if (line !== '') rows.push({ n: rows.length, cells: JSON.parse(line) as Cell[] });
  };
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    text += value ?? '';
    if (columns === undefined) {
      const at = text.indexOf(opening);
      if (at !== -1) {
        columns = (JSON.parse(`${text.slice(0, at)}"rows":[]}`) as { columns: AnswerColumn[] }).columns;
        text = text.slice(at + opening.length);
      }
    }
    if (done) break;
    if (columns === undefined) continue;
    const lines = text.split(',\n');
    text = lines.pop() ?? '';
    for (const line of lines) add(line);
    if (most < rows.length) return { columns, rows: rows.slice(0, most), isCut: true };
  }
  if (columns === undefined || !text.endsWith(']}')) {
    throw new Problem({ code: 'console.broken_off', kind: 'unavailable', detail: 'the answer broke off before its end' });
  }
  add(text.slice(0, -2).trim());
  return { columns, rows: rows.slice(0, most), isCut: most < rows.length };
}

/** Ends what runs under a tag. The request that is given up ends it too; this is for where something stands between. */
export async function cancel(tag: string): Promise<void> {
  if (!may('sql.cancel') || !may('sql.list')) return;
  try {
    const { items } = (await call('sql.list', {}, { quiet: true })) as unknown as { items: { id: string; tag: string | null }[] };
    await Promise.all(items.filter((item) => item.tag === tag).map(({ id }) => call('sql.cancel', { id }, { quiet: true })));
  } catch {
    // It has ended meanwhile, or ends with its request.
  }
}

/** Rows as objects, for charts. */
export function objects(result: Pick<Result, 'columns' | 'rows'>): Record<string, unknown>[] {
  return result.rows.map(({ cells }) => Object.fromEntries(result.columns.map((column, at) => [column.name, cells[at]])));
}

export const isNumeric = (type: string): boolean => /^(int|float|decimal)/.test(type);
export const isTemporal = (type: string): boolean => type === 'time' || type === 'date';
