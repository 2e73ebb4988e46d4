// What a problem says to the reader: in his language where the code or its kind is known there, else in the unit's own words.

import type { Problem } from '../api/problem';
import { speech } from '../i18n/index.svelte';

export interface Said {
  /** In the reader's language. */
  message: string;
  /** The unit's own sentence, where `message` is another. */
  original: string | undefined;
  hint: string | undefined;
}

export function said(problem: Problem): Said {
  const known = speech.errors[problem.code] ?? speech.errors[problem.kind];
  const message = known ?? capital(problem.message);
  return { message, original: known === undefined ? undefined : problem.message, hint: problem.hint };
}

/** One line: what happened, and what to do. */
export function sentence(problem: Problem): string {
  const { message, original, hint } = said(problem);
  const rest = [original, hint].filter(Boolean).join('; ');
  if (rest === '') return message;
  return speech.language === 'zh' ? `${message}（${rest}）` : `${message}. ${capital(rest)}.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
