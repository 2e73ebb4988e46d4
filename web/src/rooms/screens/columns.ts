// The columns of a list and the fields of a detail: what the manifest says of them, and what their types say where it does not.

import { words } from '../../i18n/index.svelte';
import type { ColumnSpec, Format, TableAnswer } from './answers';

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

export function titleOf(name: string): string {
  const text = name.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const isAtEnd = (format: Format): boolean => format === 'number' || format === 'money' || format === 'percent';

function formatOf(type: string | undefined): Format {
  if (type === 'int' || type === 'float' || type?.startsWith('decimal')) return 'number';
  return type === 'time' || type === 'date' ? type : 'text';
}
