// What operations answer, as far as the document does not say it. Every room adds its own by declaration merging:
//
//   declare module '../../api/answers' {
//     interface Answers { 'decision.list': Page<DecisionRow> }
//   }

/** An instant in RFC 3339. */
export type Instant = string;

/** Some items of a list, and what to give as `after` for those behind them. */
export interface Page<Item> {
  items: Item[];
  next?: string | null;
}

export interface Whoami {
  /** `user:ana`, `peer:…`, `anonymous`. */
  principal: string;
  roles: string[];
  /** What is read after this has all up to this commit. */
  commit: number;
}

/** What the caller may do, on all or on some resources of the operation's kind. */
export interface Mine {
  operations: Record<string, 'all' | 'some'>;
}

/** What time it is for the unit; `driven`: its business clock moves only when it is told to. */
export interface Clock {
  business: Instant;
  wall: Instant;
  driven: boolean;
}

export interface TaskRow {
  task: string;
  instance: number;
  process: string;
  business_key: string | null;
  /** The element's id. */
  kind: string;
  name: string | null;
  state: 'created' | 'claimed' | 'completed' | 'cancelled';
  assignee: string | null;
  candidates: string[];
  due: Instant | null;
  form: string | null;
  created_at: Instant;
  ended_at: Instant | null;
  completed_by: string | null;
}

export interface IncidentRow {
  incident: string;
  instance: number | null;
  process: string;
  business_key: string | null;
  code: string;
  message: string;
  element: string;
  at: Instant;
  /** What it is about, where it belongs to no instance. */
  subject?: unknown;
}

export interface InstanceRow {
  instance: number;
  process: string;
  version: number;
  business_key: string | null;
  state: 'active' | 'suspended' | 'failed' | 'completed' | 'cancelled';
  started_at: Instant;
  ended_at: Instant | null;
  started_by: string | null;
  on_behalf_of: string | null;
  variables: Record<string, unknown>;
  path: string[];
  elements: string[];
  incidents: number;
}

export interface ProcessRow {
  process: string;
  /** Its name in the model. */
  title: string | null;
  version: number;
  state: 'active' | 'suspended';
  active: number;
  suspended: number;
  failed: number;
  incidents: number;
  completed: number;
  cancelled: number;
  finished: number;
  /** Whether it can be started by hand. */
  starts: boolean;
}

export interface KpiRow {
  name: string;
  summary: string | null;
  metric: string;
  unit: string | null;
  window: Instant | null;
  value: string | number | null;
  worst: string | null;
  target: string | number;
  direction: 'at_least' | 'at_most';
  state: 'met' | 'breached' | 'failed' | 'hidden' | 'waiting' | 'too_few';
  values: number;
  breaches: number;
  trend: string | null;
  owner: string;
  next: Instant | null;
  due: Instant | null;
  pending: number;
  problem: unknown;
  /** Of the newest windows the value that is farthest on the wrong side, oldest first, where so many were asked for. */
  recent?: { window: Instant; value: string | number | null; state: string }[];
}

export interface KpiValue {
  window: Instant;
  window_end: Instant;
  dimensions: Record<string, unknown>;
  /** The dimensions as text. */
  text: string;
  value: string | number | null;
  samples: number;
  target: string | number;
  direction: 'at_least' | 'at_most';
  state: string;
  at: Instant;
}

export interface LedgerRow {
  contract: string;
  peer: string;
  capability: string;
  /** Ours. */
  side: 'provider' | 'consumer';
  state: string;
  calls: number;
  answered: number;
  cancelled: number;
  failed: number;
  open: number;
  owed: string;
  agreed: string;
  disputed: string;
  currency: string;
  reads: number;
  rows: number;
  bytes: number;
}

export interface ScreenRow {
  name: string;
  application?: string | null;
  /** What people call the application. */
  application_title?: Words | null;
  /** What it stands under, in the menu of its application. */
  heading?: Words | null;
  title: Words;
  order?: number;
  on?: string[];
}

/** A text in some languages, or one for all. */
export type Words = string | Record<string, string>;

/** By operation, what it answers. Operations that are not here answer `unknown`. */
export interface Answers {
  'unit.whoami': Whoami;
  'policy.mine': Mine;
  'clock.list': Clock;
  'task.list': Page<TaskRow>;
  'task.get': TaskRow;
  'incident.list': Page<IncidentRow>;
  'incident.get': IncidentRow;
  'instance.list': Page<InstanceRow>;
  'instance.get': InstanceRow;
  'process.list': Page<ProcessRow>;
  'kpi.list': Page<KpiRow>;
  'kpi.get': KpiRow & { values: KpiValue[]; spec: unknown };
  'ledger.list': Page<LedgerRow>;
  'screen.list': Page<ScreenRow>;
}
