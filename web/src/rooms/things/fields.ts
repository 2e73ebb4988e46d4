// Fields of what goes with a command, and of what is desired, as people type them: each is read as its type wants it.

import type { Key } from '../../i18n/index.svelte';
import type { FieldSpec } from './answers';

/** How a value stands in a field. */
export function typed(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export interface Read {
  /** What was typed, by name; fields that are empty are absent. */
  values: Record<string, unknown>;
  /** What is wrong with a field, by name. */
  wrong: Record<string, Key>;
}

/** Reads fields. */
export function readFields(fields: readonly FieldSpec[], drafts: Record<string, string>): Read {
  const read: Read = { values: {}, wrong: {} };
  for (const field of fields) {
    const text = (drafts[field.name] ?? '').trim();
    if (text === '') {
      if (field.required) read.wrong[field.name] = 'ui.missing';
      continue;
    }
    const value = valueOf(field, text);
    if (value === undefined) read.wrong[field.name] = wrongOf(field);
    else read.values[field.name] = value;
  }
  return read;
}

/** Reads one field; nothing where its text is no such value. */
function valueOf(field: FieldSpec, text: string): unknown {
  switch (field.type) {
    case 'text':
      return text;
    case 'bool':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'int': {
      // A number of the browser holds no more digits without losing some.
      const number = Number(text);
      return Number.isSafeInteger(number) && isWithin(field, number) ? number : undefined;
    }
    case 'float': {
      const number = Number(text);
      return Number.isFinite(number) && isWithin(field, number) ? number : undefined;
    }
    case 'decimal':
      return /^-?\d+(\.\d+)?$/.test(text) && isWithin(field, Number(text)) ? text : undefined;
    case 'time': {
      const time = new Date(text);
      return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
    }
    case 'json':
      try {
        return JSON.parse(text) ?? undefined;
      } catch {
        return undefined;
      }
  }
}

const isWithin = ({ min, max }: FieldSpec, value: number): boolean => (min === undefined || min <= value) && (max === undefined || value <= max);

function wrongOf({ type }: FieldSpec): Key {
  if (type === 'json') return 'things.not_json';
  if (type === 'time') return 'things.not_time';
  return type === 'int' ? 'things.not_whole' : 'things.not_number';
}
