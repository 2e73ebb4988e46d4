// What is known of a task, as far as the document does not say it.

import type { Instant, TaskRow } from '../api/answers';

export type Variables = Record<string, unknown>;

/** Whose completion counted. */
export interface Ended {
  by: string | null;
  at: Instant | null;
  done_at?: Instant;
  variables?: Variables;
}

/** What `task.get` answers. */
export interface TaskShown extends TaskRow {
  title?: string | null;
  description?: string | null;
  form_version?: number | null;
  priority?: number | null;
  variables?: Variables;
  ended?: Ended;
}

export interface FormShown {
  form: string;
  version: number | null;
  schema: unknown;
}
