// What the operations on incidents and bulk operations answer.

import type { IncidentRow, Instant } from '../../api/answers';
import type { Action } from './many';

export interface IncidentShown extends IncidentRow {
  /** Those that the element sees; absent where the caller may not read the instance. */
  variables?: Record<string, unknown> | null;
  own?: Record<string, unknown> | null;
  version?: number;
  state?: string;
  tries?: number | null;
}

export interface BulkFilter {
  process: string;
  version?: number;
  element?: string;
  code?: string;
  state?: string;
  older_than?: string;
  variable?: string;
  value?: unknown;
}

/** How instances go over to another version, as a form has it. */
export interface Migration {
  version: string;
  mapping: Record<string, string>;
  timers_again: boolean;
}

export interface BulkShown {
  bulk: number;
  order: { action: Action; filter: BulkFilter; dry_run: boolean };
  limit: number;
  state: 'running' | 'done' | 'stopped';
  looked: number;
  found: number;
  called: number;
  done: number;
  failed: number;
  /** What went wrong how often, by code. */
  problems: Record<string, number>;
  first: { target: string; code: string; message: string }[];
  started_by: string;
  started_at: Instant;
  ended_at: Instant | null;
  reason?: string | null;
}

export interface Resolved {
  dry_run: boolean;
  resolved: boolean;
  begun?: { element: string }[];
  elements?: string[];
  incidents?: { code: string; message: string; element: string }[];
}

declare module '../../api/answers' {
  interface Answers {
    'incident.resolve': Resolved;
    'bulk.start': BulkShown;
    'bulk.get': BulkShown;
    'bulk.list': Page<BulkShown>;
    'bulk.stop': BulkShown;
  }
}
