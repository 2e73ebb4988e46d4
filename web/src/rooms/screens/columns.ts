// The columns of a list and the fields of a detail: what the manifest says of them, and what their types say where it does not.

import { usual, usualState, words, yesNo } from '../../i18n/index.svelte';
import type { ColumnSpec, Format, ScreenSpec, TableAnswer } from './answers';

export interface Shown extends ColumnSpec {
  title: string;
  /** By the manifest, else by the type. */
  as: Format;
}

/** Returns what is to be shown; every column where the manifest does not say. */
export function shownOf(specs: ColumnSpec[] | undefined, columns: TableAnswer['columns']): Shown[] {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const all: ColumnSpec[] = specs ?? columns.map(({ name }) => ({ name }));
  return all.map((spec) => ({ ...spec, title: words(spec.label) || titleOf(spec.name), as: spec.format ?? formatOf(types.get(spec.name)) }));
}

/** Returns the names that the manifest has and the query does not. */
export function absentOf(names: string[], columns: TableAnswer['columns']): string[] {
  if (columns.length === 0) return [];
  const known = new Set(columns.map(({ name }) => name));
  return names.filter((name) => !known.has(name));
}

/** Returns what a screen calls columns, by their names: a chart has no words of its own for them. */
export function labelsOf(spec: ScreenSpec): Map<string, string> {
  const all = spec.parts.flatMap((part) => [...(part.list?.columns ?? []), ...(part.detail?.fields ?? [])]);
  return new Map(all.filter((column) => column.label).map((column) => [column.name, words(column.label)]));
}

/** Says a value where it is a word: `handed_over` as people read it. Identifiers, times and numbers stay what they are. */
export function saidOf(value: unknown): unknown {
  if (typeof value === 'boolean') return yesNo(value);
  return typeof value === 'string' && /^[a-z]+([_ ][a-z]+)*$/.test(value) ? usualState(value) : value;
}

export function titleOf(name: string): string {
  const text = usual(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const isAtEnd = (format: Format): boolean => format === 'number' || format === 'money' || format === 'percent';

function formatOf(type: string | undefined): Format {
  if (type === 'int' || type === 'float' || type?.startsWith('decimal')) return 'number';
  return type === 'time' || type === 'date' ? type : 'text';
}
