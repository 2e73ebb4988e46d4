// What a Table is told of its columns.

import type { Snippet } from 'svelte';
import { yesNo } from '../i18n/index.svelte';

export interface Column<Row> {
  key: string;
  title: string;
  /** What the cell shows as text, and by what it is sorted; `row[key]` where absent. */
  value?: (row: Row) => string | number | null | undefined;
  /** What is shown where it is more than text: a snippet, given the row and this column. */
  cell?: Snippet<[Row, Column<Row>]>;
  /** Numbers stand at the end of their cell. */
  align?: 'start' | 'end';
  /** As CSS: `8rem`, `30%`. What has none shares the rest. */
  width?: string;
  /** By this column one can sort: what is loaded, or through `onsort`, all of it. */
  sort?: boolean;
  /** On the phone: `title` is the card's heading, `hide` leaves it out. */
  card?: 'title' | 'hide';
  /** On the phone: a card leaves out what is absent of its row. */
  absent?: (row: Row) => boolean;
  mono?: boolean;
}

export interface Sort {
  key: string;
  descending: boolean;
}

/** Returns the text of a cell. */
export function textOf<Row>(column: Column<Row>, row: Row): string | number | null | undefined {
  if (column.value) return column.value(row);
  const value = (row as Record<string, unknown>)[column.key];
  if (typeof value === 'string' || typeof value === 'number' || value === null || value === undefined) return value;
  if (typeof value === 'boolean') return yesNo(value);
  return JSON.stringify(value);
}

/** Sorts a copy: numbers as numbers, texts as the language does, what is missing last. */
export function sorted<Row>(rows: readonly Row[], column: Column<Row> | undefined, descending: boolean, locale: string): Row[] {
  if (!column) return [...rows];
  const compare = new Intl.Collator(locale, { numeric: true }).compare;
  const sign = descending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: textOf(column, row) }));
  keyed.sort((one, other) => {
    if (one.key === null || one.key === undefined) return other.key === null || other.key === undefined ? 0 : 1;
    if (other.key === null || other.key === undefined) return -1;
    if (typeof one.key === 'number' && typeof other.key === 'number') return sign * (one.key - other.key);
    return sign * compare(String(one.key), String(other.key));
  });
  return keyed.map(({ row }) => row);
}
