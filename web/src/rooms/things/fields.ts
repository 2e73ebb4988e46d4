// Fields of what goes with a command, and of what is desired, as people type them: each is read as its type wants it.

import type { Key } from '../../i18n/index.svelte';
import type { FieldSpec, FieldType } from './answers';

/** How a value stands in the field for its type. */
export function typed(value: unknown, type: FieldType): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string' || type === 'json') return JSON.stringify(value);
  return type === 'time' ? local(value) : value;
}

/** An instant as the field for it has it: in the reader's own zone. */
export function local(instant: string): string {
  const time = new Date(instant);
  if (Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The merge patch (RFC 7396) that makes one value of another: objects are merged, so what is to go from one is named. */
export function patchOf(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const differing = names.filter((name) => !(name in to) || JSON.stringify(from[name]) !== JSON.stringify(to[name]));
  return Object.fromEntries(differing.map((name) => [name, name in to ? patchOf(from[name], to[name]) : null]));
}

/** Says whether what is desired was reported, as the unit has it: what is desired of an object is a part of it. */
export function isInStep(desired: unknown, reported: unknown): boolean {
  if (Array.isArray(desired)) return Array.isArray(reported) && desired.length === reported.length && desired.every((each, at) => isInStep(each, reported[at]));
  if (isObject(desired)) return isObject(reported) && Object.entries(desired).every(([name, value]) => name in reported && isInStep(value, reported[name]));
  return desired === reported;
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
