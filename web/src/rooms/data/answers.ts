// What the operations of the data room answer, where the document does not say it.

import type { Instant, KpiValue, Page as List, Words } from '../../api/answers';
import type { Problem } from '../../api/problem';

export type RelationKind = 'stream' | 'table' | 'set_aside' | 'view' | 'metric' | 'lent' | 'system';

export interface RelationRow {
  /** As SQL writes it: `NAME` or `SCHEMA.NAME`. */
  name: string;
  schema: string;
  kind: RelationKind;
  /** The end of lineage that stands for it. */
  resource: { kind: string; name: string };
  summary: string;
  owner: string | null;
  application: string | null;
  columns: number | null;
  rows: number | null;
  newest: Instant | null;
  refreshed: Instant | null;
  quality: 'ok' | 'failing' | 'waiting' | 'none' | 'hidden';
  is_part: boolean;
}

export interface RelationColumn {
  name: string;
  number: number;
  type: string;
  summary: string;
  required: boolean;
  is_key: boolean;
  is_masked: boolean;
}

/** What a rule found on its newest day. */
export interface RuleFound {
  quality: string;
  on: string;
  rule: string;
  check: string;
  action: string;
  day: Instant;
  checked: number | null;
  failed: number | null;
  first_failed: number | null;
  reason: string | null;
  error: string | null;
}

export interface Neighbour {
  kind: string;
  name: string;
  how: string;
  detail: unknown;
}

export interface MetricShown {
  formula?: string;
  from?: string;
  metrics?: string[];
  grain?: string;
  dimensions?: (string | { name: string; sql: string })[];
  unit?: string;
  where?: string;
}

export interface RelationShown extends Omit<RelationRow, 'columns'>, MetricShown {
  columns: RelationColumn[] | null;
  rules: RuleFound[];
  lineage: { up: Neighbour[]; down: Neighbour[] };
  key?: string[];
  time?: string | null;
  retention?: unknown;
  first_offset?: number;
  next_offset?: number;
  files?: { folder?: string; version?: number; files: number; bytes: number; rows: number; behind: number };
  problem?: { code: string; message: string } | null;
  refresh?: string | null;
  sql?: string;
}

export type ParameterType = 'text' | 'int' | 'float' | 'decimal' | 'bool' | 'time' | 'date';

export interface QueryParameter {
  name: string;
  type?: ParameterType;
  /** Null is one; what has none must be given. */
  default?: unknown;
  label?: Words;
}

export interface QueryRow {
  name: string;
  summary: string;
  owner: string;
  application: string | null;
  is_own: boolean;
  parameters: QueryParameter[];
  version: number;
  changed_by: string;
  changed_at: Instant;
}

export interface QueryShown extends QueryRow {
  sql: string;
  columns?: AnswerColumn[];
  problem?: { code: string; message: string };
}

export interface AnswerColumn {
  name: string;
  type: string;
}

export interface CatalogueNames {
  relations: { name: string; schema: string; table: string; kind: RelationKind; summary: string; columns: AnswerColumn[] }[];
  functions: string[];
  is_cut: boolean;
}

export interface Explained {
  kpi: string;
  metric: string;
  owner: string | null;
  value: KpiValue;
  breach: { process: string | null; instance: number | null; error: unknown } | null;
  evaluation?: { at: Instant; commit: number; version: number; metrics: Record<string, number>; sources: { log: string; end: number }[] };
  sql?: string;
  behind?: { metric: string; from: string | null; sql: string; rows?: Record<string, unknown>[]; problem?: ConstructorParameters<typeof Problem>[0] }[];
}

declare module '../../api/answers' {
  interface Answers {
    'relation.list': List<RelationRow>;
    'relation.get': RelationShown;
    'sql.catalogue': CatalogueNames;
    'kpi.explain': Explained;
    'query.list': List<QueryRow>;
    'query.get': QueryShown;
  }
}
