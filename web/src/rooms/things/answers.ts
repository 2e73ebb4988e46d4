// What the operations on devices, commands and rules answer.

import type { Instant } from '../../api/answers';

export interface DeviceRow {
  name: string;
  type: string;
  owner: string;
  state: 'connected' | 'offline' | 'never';
  place: string | null;
  lat: number | null;
  lon: number | null;
  groups: string[];
  labels: Record<string, string>;
  last_seen: Instant | null;
  connected_since: Instant | null;
  /** True where it is not let in. */
  disabled: boolean;
  summary: string;
  version: number;
}

export interface DeviceShown extends DeviceRow {
  spec: unknown;
  presence: Presence | null;
  credentials: Credential[];
}

export interface Presence {
  connected: boolean;
  since: Instant;
  last_seen: Instant;
  /** How far its clock is ahead of ours, where that is more than usual. */
  skew_ms: number | null;
  /** Rows that were set aside. */
  set_aside: number;
  reason: string;
}

export interface Credential {
  id: string;
  kind: 'token' | 'certificate';
  summary: string;
  created: Instant;
  /** True where the manifest names it: it goes by the manifest. */
  declared: boolean;
  expires?: Instant;
  fingerprint?: string;
}

export interface Side {
  version: number;
  state: Record<string, unknown>;
  /** Absent where nothing was said yet. */
  at?: Instant;
  by?: string;
}

export interface Twin {
  device: string;
  type: string;
  desired: Side;
  reported: Side;
  in_step: boolean;
  telemetry: Record<string, LastRow>;
  seen?: Instant | null;
  /** Where it was asked how it was. */
  at?: Instant;
  /** What could not be looked up, and why: a channel, or a side of which nothing is kept that is so old. */
  left_out?: { channel?: string; side?: string; reason: string }[];
  history?: Version[];
}

export interface LastRow {
  row: Record<string, unknown>;
  received_at?: Instant;
  offset?: number;
}

/** A side of a twin as it stood from then on. */
export interface Version extends Required<Side> {
  side: 'desired' | 'reported';
  changed: string[];
}

export interface DeviceEvent {
  at: Instant;
  wall: Instant;
  event: string;
  detail: Record<string, unknown> | null;
}

export interface CommandRow {
  command: number;
  device: string;
  name: string;
  state: 'waiting' | 'sent' | 'answered' | 'failed' | 'expired' | 'cancelled';
  input: Record<string, unknown>;
  output: unknown;
  problem: string | null;
  created_at: Instant;
  deadline: Instant;
  sent_at: Instant | null;
  ended_at: Instant | null;
  by: string;
  on_behalf_of: string | null;
}

export type FieldType = 'bool' | 'int' | 'float' | 'decimal' | 'text' | 'time' | 'json';

/** A property of the twin, or a field of what goes with a command. */
export interface FieldSpec {
  name: string;
  type: FieldType;
  unit?: string;
  summary?: string;
  required?: boolean;
  /** Of a property: it can be desired. */
  desired?: boolean;
  min?: number;
  max?: number;
}

export interface CommandSpec {
  name: string;
  summary?: string;
  input?: FieldSpec[];
  output?: FieldSpec[];
  deadline?: string;
}

export interface ChannelSpec {
  name: string;
  stream: string;
  summary?: string;
}

/** The manifest of a type of devices. */
export interface TypeSpec {
  summary?: string;
  properties?: FieldSpec[];
  telemetry?: ChannelSpec[];
  events?: ChannelSpec[];
  commands?: CommandSpec[];
}

export interface RuleRow {
  name: string;
  summary: string;
  stream: string;
  version: number;
  since: Instant | null;
  from: number | null;
  cursor: number | null;
  crossings: number;
  late: number;
  failed: number;
  /** Why a row failed, the last time. */
  problem: string | null;
}

/** What a rule remembers of a device. */
export interface RuleState {
  device: string;
  seen: Instant | null;
  arrived: Instant | null;
  marker: boolean | null;
  since: Instant | null;
  fired: boolean;
  late: number;
}

export interface CrossingRow {
  rule: string;
  device: string;
  crossing: number;
  at: Instant;
  stream: string;
  offset?: number | null;
  value?: number | null;
  detail: unknown;
  business: Instant;
  actions: number;
}

export interface RuleShown extends RuleRow {
  spec: { when: Record<string, unknown>; do?: Record<string, unknown>[]; where?: string; roles?: string[] };
  states: RuleState[];
  last: CrossingRow[];
}

declare module '../../api/answers' {
  interface Answers {
    'device.list': Page<DeviceRow>;
    'device.get': DeviceShown;
    'device.create': { name: string; version: number };
    'device.add_credential': { id: string; token?: string };
    'device.twin': Twin;
    'device.set': { version: number; desired: Record<string, unknown> };
    'device.events': Page<DeviceEvent>;
    'device.command': { command: number; state: string };
    'command.list': Page<CommandRow>;
    'command.get': CommandRow;
    'rule.list': Page<RuleRow>;
    'rule.get': RuleShown;
  }
}
