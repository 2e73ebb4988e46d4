// The calls that a screen makes: what a form gave, put where the operation wants it.

import { call, type OperationName } from '../../api/client';
import { may } from '../../app/session.svelte';
import type { Given, Row } from './answers';
import { given, merged, resourceOf } from './values';

export interface Wanted {
  operation: string;
  resource?: string | undefined;
  /** What the screen says goes along. */
  parameters?: Given | undefined;
  /** The form that asked for `entered`. */
  form?: string | undefined;
  entered?: Given | undefined;
  scope: Row;
  idempotencyKey: string;
}

/** Under which parameter an operation takes what a form gives; the parameters themselves where it is none of these. */
const places: Record<string, 'variables' | 'row' | undefined> = {
  'process.start': 'variables',
  'task.complete': 'variables',
  'stream.append': 'row',
};

/** Makes the call. */
export async function make(wanted: Wanted): Promise<unknown> {
  const { operation, entered, scope, idempotencyKey } = wanted;
  const place = places[operation];
  const parameters = given(wanted.parameters, scope);
  const all = entered === undefined ? parameters : merged(parameters, place === undefined ? entered : { [place]: entered });
  const { kind, name } = resourceOf(wanted.resource, scope) ?? {};
  const on = { ...(name === undefined ? {} : { name }), ...(operation.startsWith('resource.') && kind ? { kind } : {}) };
  const options = { idempotencyKey };
  if (operation === 'stream.append') {
    const { row, rows, ...rest } = all as { row?: Given; rows?: Given[] };
    const lines = [...(rows ?? []), ...(row ? [row] : [])].map((each) => JSON.stringify(each)).join('\n');
    return call('stream.append', { ...on, ...rest }, { ...options, body: lines, media: 'application/x-ndjson' });
  }
  const isChecked = operation === 'process.start' && entered !== undefined && (await isStartForm(name, wanted.form));
  return call(operation as OperationName, { ...all, ...on, ...(isChecked ? { form: true } : {}) }, options);
}

/** The unit holds variables against the form of a process's start, where that is the form that asked for them. */
async function isStartForm(process: string | undefined, form: string | undefined): Promise<boolean> {
  if (process === undefined || form === undefined || !may('process.get')) return false;
  try {
    const shown = (await call('process.get', { name: process })) as { start_form?: { form?: string } | null };
    return shown.start_form?.form === form;
  } catch {
    return false;
  }
}
