// What the operations of the machine and of what runs answer.

import type { Instant } from '../../api/answers';

export interface RunningRow {
  /** `query/q7`, `instance/42`, `work/tables`. */
  id: string;
  kind: 'query' | 'instance' | 'job' | 'call' | 'work';
  what: string;
  tag: string | null;
  resource: string | null;
  principal: string;
  on_behalf_of: string | null;
  since: Instant;
  cpu_ms: number | null;
  memory_bytes: number | null;
  rows: number | null;
  bytes: number | null;
  state: string;
}

/** What became of each that was told something. */
export interface Told {
  items: { id: string; outcome: string; detail?: string; code?: string; hint?: string }[];
  more?: boolean;
  next?: string | null;
}

export interface NodeRow {
  name: string;
  cpus: number;
  cpu_percent: number | null;
  load: number[] | null;
  memory_total: number;
  memory_available: number;
  memory_used: number;
  memory_max: number;
  disk_total: number;
  disk_free: number;
  disk_free_min: number;
  files_open: number;
  files_max: number;
  calls: number;
  calls_refused: number;
  commits: number;
  /** English sentences. */
  warnings: string[];
}

/** `system.memory` */
export interface PartRow {
  part: string;
  bytes: number;
  limit: number | null;
  refused: number | null;
}

declare module '../../api/answers' {
  interface Answers {
    'running.list': Page<RunningRow>;
    'running.kill': Told;
    'running.pause': Told;
    'running.resume': Told;
    'node.list': { items: NodeRow[] };
  }
}
