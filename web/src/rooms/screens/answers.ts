// What the operations of this room answer.

import type { Words } from '../../api/answers';

export interface ScreenShown {
  name: string;
  version: number;
  application?: string;
  application_title?: Words;
  spec: ScreenSpec;
}

export interface ScreenSpec {
  title: Words;
  application?: Words;
  menu?: Words;
  order?: number;
  on?: ('desk' | 'phone')[];
  roles?: string[];
  parameters?: Parameter[];
  parts: Part[];
}

export interface Parameter {
  name: string;
  type: 'text' | 'int' | 'float' | 'decimal' | 'bool' | 'time' | 'date';
  label?: Words;
  default?: unknown;
}

export type Given = Record<string, unknown>;

export interface Part {
  title?: Words;
  width?: 'full' | 'half' | 'third';
  text?: Words;
  kpi?: { name: string };
  list?: ListSpec;
  detail?: DetailSpec;
  chart?: ChartSpec;
  form?: FormSpec;
}

export interface ListSpec {
  query: string;
  parameters?: Given;
  columns?: ColumnSpec[];
  search?: string[];
  actions?: Action[];
}

export interface DetailSpec {
  query: string;
  parameters?: Given;
  fields?: ColumnSpec[];
  actions?: Action[];
}

export type Format = 'text' | 'number' | 'money' | 'percent' | 'time' | 'date' | 'status' | 'code' | 'image';

export interface ColumnSpec {
  name: string;
  label?: Words;
  format?: Format;
  link?: { screen: string; parameters?: Given };
}

export interface Action {
  label: Words;
  operation: string;
  resource?: string;
  parameters?: Given;
  form?: string;
  confirm?: boolean;
}

export interface ChartSpec {
  query: string;
  parameters?: Given;
  kind: 'line' | 'area' | 'bar' | 'pie' | 'funnel';
  x: string;
  y: string[];
  series?: string;
}

export interface FormSpec {
  operation: string;
  resource?: string;
  form: string;
  values?: Given;
}

/** The form `table` of an answer. */
export interface TableAnswer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
}

export type Row = Record<string, unknown>;

declare module '../../api/answers' {
  interface Answers {
    'screen.get': ScreenShown;
  }
}
