// What the operations of rights, people and the audit answer.

import type { Instant } from '../../api/answers';

/** A policy that decided. */
export interface Decided {
  policy: string;
  /** The role that carries it; absent for those that are built in. */
  role?: string;
  line: number;
  effect: 'permit' | 'forbid';
}

export interface Why {
  allowed: boolean;
  /** Whether the call would go through now: quotas count, too. */
  admitted: boolean;
  as: string;
  operation: string;
  resource: string;
  roles: string[];
  reason: string;
  steps: { step: string; passed: boolean; detail: string }[];
  policies: Decided[];
  roles_that_may: string[];
}

export interface Who {
  operation: string;
  resource: string;
  exists: boolean;
  /** Policies by which everybody may. */
  everybody: Decided[];
  /** Each of them is enough. */
  roles: { role: string; policies: Decided[] }[];
  items: { principal: string; roles: string[]; policies: Decided[] }[];
  more: boolean;
  next: string | null;
}

export interface AuditRow {
  number: number;
  wall: Instant;
  business: Instant;
  actor: string;
  on_behalf_of?: string | null;
  operation: string;
  resource: string;
  outcome: string;
  policies: string[];
  count: number;
}

/** A resource with a manifest. */
export interface Resource<Spec> {
  kind: string;
  name: string;
  version: number;
  owner: string | null;
  labels?: Record<string, string>;
  spec: Spec;
  changed_by: string;
  changed_at: Instant;
}

export interface RoleSpec {
  summary?: string | null;
  policies?: string | null;
}

export interface UserSpec {
  summary?: string | null;
  roles?: string[];
}

export interface QuotaSpec {
  for: string;
  summary?: string | null;
  rate?: number;
  burst?: number;
  concurrency?: number;
  bytes?: number;
  storage?: number;
  queries?: { concurrency?: number; memory?: number; time?: string; rows?: number };
  operations?: string[];
}

/** `system.quotas`: who has called of late, what he may use and what he uses. */
export interface UseRow {
  principal: string;
  quota: string | null;
  rate: number | null;
  burst: number | null;
  concurrency: number | null;
  bytes: number | null;
  query_bytes: number | null;
  query_ms: number | null;
  running: number;
  refused: number;
  limited: boolean;
}

export interface UserRow {
  user: string;
  summary: string | null;
  /** By a manifest; else an identity provider has vouched for him. */
  declared: boolean;
  identity: string | null;
  roles: string[];
  password_set: Instant | null;
  tokens: number;
  sessions: number;
  seen: Instant | null;
}

export interface SessionRow {
  id: string;
  user: string;
  summary: string;
  by: string;
  source: string | null;
  created: Instant;
  seen: Instant;
  expires: Instant;
}

export interface TokenRow {
  id: string;
  user: string;
  summary: string;
  scope: string[];
  expires: Instant | null;
  created: Instant;
}

declare module '../../api/answers' {
  interface Answers {
    'policy.why': Why;
    'policy.who': Who;
    'audit.list': Page<AuditRow> & { more?: boolean; back_to?: Instant | null };
    'user.list': Page<UserRow>;
    'session.list': Page<SessionRow>;
    'token.list': Page<TokenRow>;
    'token.create': { id: string; user: string; token: string };
  }
}
