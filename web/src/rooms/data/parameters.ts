// Parameters of statements: which there are, and how what was typed becomes a value.

import { words } from '../../i18n/index.svelte';
import type { ParameterType, QueryParameter } from './answers';

export const parameterTypes: ParameterType[] = ['text', 'int', 'float', 'decimal', 'bool', 'time', 'date'];

// What stands in texts, quoted names and comments is no parameter.
const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$([a-z_]\w*)/gi;

/** Returns the names of the parameters of a statement, in the order in which they first stand in it. */
export function namesIn(sql: string): string[] {
  const found = new Set<string>();
  for (const [, name] of sql.matchAll(tokens)) if (name !== undefined) found.add(name);
  return [...found];
}

/** Writes `$NAME` as `$1`, filled up with spaces: everything stays where it is, and so do the places of what is wrong. */
export function numbered(sql: string, names: readonly string[]): string {
  return sql.replace(tokens, (whole, name: string | undefined) => (name === undefined ? whole : `$${names.indexOf(name) + 1}`.padEnd(whole.length)));
}

const bound: Record<ParameterType, string> = { text: 'text', int: 'int8', float: 'float8', decimal: 'numeric', bool: 'bool', time: 'timestamptz', date: 'date' };

/** Reads what was typed; an empty field is null. What cannot be read goes as text: the unit says what is wrong with it. */
export function valueOf(type: ParameterType, typed: string): unknown {
  if (typed === '') return null;
  if ((type === 'int' || type === 'float') && Number.isFinite(Number(typed)) && Math.abs(Number(typed)) <= Number.MAX_SAFE_INTEGER) return Number(typed);
  if (type === 'bool') return typed === 'true';
  if (type === 'time' && !Number.isNaN(Date.parse(typed))) return new Date(typed).toISOString();
  return typed;
}

/** A value as `sql.query` takes it. */
export const boundValue = (type: ParameterType, typed: string): unknown => ({ type: bound[type], value: valueOf(type, typed) });

/** What stands in the field of a value. */
export function typedOf(type: ParameterType, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (type === 'time' && !Number.isNaN(Date.parse(String(value)))) {
    const at = new Date(String(value));
    return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }
  return String(value);
}

export const labelOf = (parameter: QueryParameter): string => words(parameter.label) || parameter.name;
