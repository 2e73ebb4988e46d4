// Values of variables as people type them: what was a text stays one, an empty field is null, all else is JSON.

/** How a value stands in a field. */
export function shownValue(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export type Read = { ok: true; value: unknown } | { ok: false };

/** Reads a field whose value was `before`. */
export function readValue(text: string, before: unknown): Read {
  if (typeof before === 'string') return { ok: true, value: text };
  if (text.trim() === '') return { ok: true, value: null };
  if (before === null || before === undefined) return readNew(text);
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

/** Reads the field of a new variable: JSON where it is some, else a text. What begins like JSON and is none is a mistake. */
export function readNew(text: string): Read {
  const trimmed = text.trim();
  try {
    return { ok: true, value: JSON.parse(trimmed) };
  } catch {
    return /^[[{"]/.test(trimmed) ? { ok: false } : { ok: true, value: text };
  }
}

/** Leaves out what the unit notes for itself, `_time` of a message: it says nothing to who does a task. */
export function ownValues(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith('_')));
}

/** Names that a condition or a form can use. */
export const isName = (name: string): boolean => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name);
