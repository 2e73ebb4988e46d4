// Values of variables as people type them: a text that was a text stays one; all else is JSON.

/** How a value stands in a field. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? '';
}

export type Read = { ok: true; value: unknown } | { ok: false };

/** Reads a field whose value was `before`. */
export function readValue(text: string, before: unknown): Read {
  if (typeof before === 'string') return { ok: true, value: text };
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

/** What kind of value it is, in one word. */
export function kindOfValue(value: unknown): 'text' | 'number' | 'boolean' | 'list' | 'object' | 'null' {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'object') return 'object';
  return typeof value === 'string' ? 'text' : (typeof value as 'number' | 'boolean');
}
