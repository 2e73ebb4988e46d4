// What pages of things read beside the operations on them: types, and the past of numbers.

import { call } from '../../api/client';
import { may } from '../../app/session.svelte';
import { numberOf } from '../../i18n/format';
import type { FieldSpec, TypeSpec } from './answers';

export interface Type {
  name: string;
  spec: TypeSpec;
}

/** So many rows make a line. */
const pastMax = 60;

/** Says whether who is here may do something on one resource, or on all of a kind: who may on some need not be one who may on this. */
async function isAllowed(operation: string, resource: string, signal: AbortSignal): Promise<boolean> {
  if (!may(operation) || !may('policy.check')) return false;
  const { allowed } = (await call('policy.check', { operation, resource }, { signal })) as { allowed: boolean };
  return allowed;
}

/** Reads the types of devices; none where they are not for who is here. */
export async function readTypes(signal: AbortSignal): Promise<Type[]> {
  if (!(await isAllowed('resource.list', 'device_type', signal))) return [];
  const { items } = (await call('resource.list', { kind: 'device_type' }, { signal })) as unknown as { items: Type[] };
  return items;
}

/** The past of a number of a channel, oldest first. */
export interface Past {
  column: string;
  values: number[];
}

/** Reads how the numbers of a device's last rows have gone; nothing where its stream is not for who is here. */
export async function readPast(stream: string, device: string, row: Record<string, unknown>, signal: AbortSignal): Promise<Past[]> {
  const columns = Object.keys(row).filter((name) => typeof row[name] === 'number' && !name.startsWith('_'));
  if (columns.length === 0 || !may('sql.query') || !(await isAllowed('stream.read', `stream/${stream}`, signal))) return [];
  const list = columns.map((name) => `"${name}"`).join(', ');
  const sql = `SELECT ${list} FROM "${stream}" WHERE device = $1 ORDER BY _offset DESC LIMIT ${pastMax}`;
  const rows = ((await call('sql.query', { sql, parameters: [device] }, { signal })) as unknown as Record<string, unknown>[]).reverse();
  return columns.map((column) => ({ column, values: rows.map((each) => numberOf(each[column])).filter((value) => value !== undefined) }));
}

/** Reads in what the columns of a stream are measured; nothing where the stream is not for who is here. */
export async function readUnits(stream: string, signal: AbortSignal): Promise<Record<string, string>> {
  if (!may('relation.get') || !(await isAllowed('stream.read', `stream/${stream}`, signal))) return {};
  const { columns } = (await call('relation.get', { name: stream }, { signal })) as unknown as { columns: FieldSpec[] | null };
  return unitsOf(columns ?? []);
}

/** What a rule has set going, and what became of it. */
export interface ActionRow {
  device: string;
  crossing: number;
  action: number;
  operation: string;
  resource: string;
  outcome: string;
  problem: string | null;
  business: string;
}

/** Reads what a rule has set going, the newest first; nothing where that is not for who is here. */
export async function readActions(rule: string, signal: AbortSignal): Promise<ActionRow[] | undefined> {
  if (!may('sql.query') || !(await isAllowed('relation.read', 'relation/system.rule_actions', signal))) return undefined;
  const sql = 'SELECT device, crossing, action, operation, resource, outcome, problem, business FROM system.rule_actions WHERE rule = $1 ORDER BY business DESC LIMIT 50';
  return (await call('sql.query', { sql, parameters: [rule] }, { signal })) as unknown as ActionRow[];
}

/** The units of properties, by name. */
export const unitsOf = (fields: readonly FieldSpec[] = []): Record<string, string> => Object.fromEntries(fields.map(({ name, unit = '' }) => [name, unit]));
