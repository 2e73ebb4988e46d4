// What the operations on processes, instances, incidents and forms answer, as far as these pages read it.

import type { InstanceRow, Instant, Page } from '../../api/answers';

export interface Instances {
  active: number;
  suspended: number;
  failed: number;
  completed: number;
  cancelled: number;
}

export interface ElementRow {
  element: string;
  name: string | null;
  kind: string;
  active: number;
  incidents: number;
  completed: number;
  cancelled: number;
  ms_total: number;
  ms_max: number;
}

export interface ProcessShown {
  process: string;
  title: string | null;
  version: number;
  latest: number;
  state: 'active' | 'suspended';
  active: number;
  suspended: number;
  failed: number;
  incidents: number;
  completed: number;
  cancelled: number;
  finished: number;
  starts: boolean;
  source: string;
  suspended_by: { by: string; at: Instant } | null;
  versions: { version: number; instances: Instances; incidents: number }[];
  start: { element: string | null; messages: string[]; signals: string[]; timers: number; streams: string[] };
  elements: ElementRow[];
}

/** A decision table with the rules that fired; `rules` is null where that cannot be said. */
export interface Fired {
  decision: string;
  name: string;
  table: string | null;
  hit_policy: string;
  rules: { rule: number; id: string | null }[] | null;
  value?: unknown;
}

export interface Step {
  element: string;
  id: number;
  state: 'active' | 'failed' | 'completed' | 'cancelled';
  entered_at: Instant;
  left_at: Instant | null;
  tries: number;
  name?: string | null;
  kind?: string;
  call?: { operation: string; resource: string };
  task?: { task: string; name: string | null; state: string; assignee: string | null; completed_by: string | null };
  decision?: { decision: string; version: number; at: Instant; inputs: Record<string, unknown> | null; result: unknown; tables: Fired[] | null };
  variables?: Record<string, unknown>;
  waits_for?: unknown;
}

export interface Trouble {
  /** Only while it stands. */
  incident?: string;
  code: string;
  message: string;
  element: string;
  at: Instant;
  /** When it was over. */
  until?: Instant;
}

export interface History extends Omit<InstanceRow, 'path' | 'incidents'> {
  path: Step[];
  finished: string[];
  flows: { flow: string; count: number }[];
  incidents: Trouble[];
  complete: boolean;
}

/** What has become of an instance, or would: `dry_run`. */
export interface Change {
  dry_run: boolean;
  instance?: number;
  version?: number;
  state?: string | null;
  ended?: { id: number; element: string }[];
  begun?: { id: number; element: string }[];
  elements?: string[];
  incidents?: Trouble[];
  disarmed?: { id: number; element: string }[];
  resolved?: boolean;
}

export interface Started {
  instance: number;
  process: string;
  version: number;
  business_key: string | null;
}

export interface FormShown {
  form: string;
  version: number;
  schema: object;
}

declare module '../../api/answers' {
  interface Answers {
    'process.get': ProcessShown;
    'process.start': Started;
    'process.suspend': { process: string; changed: boolean; bulk: number | null };
    'process.resume': { process: string; changed: boolean; bulk: number | null };
    'instance.history': History;
    'instance.cancel': Change;
    'instance.suspend': Change;
    'instance.resume': Change;
    'instance.set_variables': Change;
    'instance.move': Change;
    'instance.migrate': Change;
  }
}

export type { Page };
