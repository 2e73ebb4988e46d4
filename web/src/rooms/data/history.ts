// What somebody has asked, kept in his browser: the text that is being written, and the statements that were run. Each user has his own.

import { recall, remember } from '../../app/kept';
import { session } from '../../app/session.svelte';

export interface Asked {
  sql: string;
  /** Milliseconds since 1970. */
  at: number;
  rows?: number;
  /** The code of the refusal. */
  failed?: string;
}

export interface Draft {
  sql: string;
  values: Record<string, string>;
}

/** Statements that are kept, the newest first. */
const askedMax = 200;
/** Longer texts are not kept: the browser has room for some megabytes. */
const textMax = 50_000;

const key = (what: string): string => `sql.${what}.${session.principal}`;

export const readDraft = (): Draft => recall<Draft>(key('draft')) ?? { sql: '', values: {} };
export const keepDraft = (draft: Draft): void => remember(key('draft'), draft);

export const readAsked = (): Asked[] => recall<Asked[]>(key('asked')) ?? [];

/** Adds a statement; the same text as the newest takes its place. Returns what is kept now. */
export function keepAsked(asked: Asked): Asked[] {
  const before = readAsked();
  if (asked.sql.trim() === '' || textMax < asked.sql.length) return before;
  const kept = [asked, ...before.filter((each) => each.sql !== asked.sql)].slice(0, askedMax);
  remember(key('asked'), kept);
  return kept;
}

export function forgetAsked(): Asked[] {
  remember(key('asked'), []);
  return [];
}
