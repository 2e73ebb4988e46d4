// Tasks with forms, one without, one that somebody else has ended.

import { createHash } from 'node:crypto';
import { tasks } from './home.mjs';
import { refuse } from '../mock.mjs';

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();

export const forms = {
  refund: {
    type: 'default',
    id: 'refund',
    schemaVersion: 19,
    components: [
      { type: 'text', id: 'Text_1', text: '### Order {{order_id}}\n{{customer}} asks for **{{amount}} BRL** back.' },
      { type: 'radio', id: 'Field_decision', key: 'decision', label: 'Decision', validate: { required: true }, values: [{ label: 'Pay back all', value: 'all' }, { label: 'Pay back a part', value: 'part' }, { label: 'Refuse', value: 'none' }] },
      { type: 'number', id: 'Field_paid', key: 'paid', label: 'Amount to pay back', decimalDigits: 2, appearance: { suffixAdorner: 'BRL' }, conditional: { hide: '=decision != "part"' }, validate: { required: true, min: 0 }, layout: { row: 'Row_1' } },
      { type: 'textarea', id: 'Field_note', key: 'note', label: 'Note for the customer', validate: { maxLength: 500 } },
      { type: 'checkbox', id: 'Field_seen', key: 'seen', label: 'I have seen the goods' },
    ],
  },
  late: {
    type: 'default',
    id: 'late',
    schemaVersion: 19,
    components: [
      { type: 'text', id: 'Text_1', text: 'Parcel **{{parcel}}** should have come on {{promised}}.' },
      { type: 'textfield', id: 'Field_code', key: 'code', label: 'Parcel', description: 'The bar code on the label', properties: { capture: 'code' }, validate: { required: true } },
      { type: 'select', id: 'Field_where', key: 'where', label: 'Where is it?', values: [{ label: 'At the carrier', value: 'carrier' }, { label: 'Lost', value: 'lost' }, { label: 'Delivered', value: 'delivered' }], validate: { required: true } },
      { type: 'datetime', id: 'Field_when', key: 'when', subtype: 'date', dateLabel: 'New date' },
      { type: 'filepicker', id: 'Field_photos', key: 'photos', label: 'Photos', multiple: true },
      { type: 'textfield', id: 'Field_note', key: 'note', label: 'Note', validate: { maxLength: 200 } },
    ],
  },
};

const variables = {
  '4127-6': { order_id: 'order-8812', customer: 'Beatriz Rocha', amount: 189.9, reason: 'broken' },
  '4140-3': { order_id: 'order-9034', parcel: 'BR-7712-04', promised: '2026-11-20', carrier: 'correios' },
  '4151-2': { request: 'r-2210', subject: 'Where is my parcel?', urgent: false, tries: 2, contact: { mail: 'ana@example.org' } },
};

const over = {
  '4100-4': {
    task: '4100-4', instance: 4100, process: 'refund', business_key: 'order-8700', kind: 'approve', name: 'Approve the refund', title: 'Approve the refund', state: 'completed', assignee: null, candidates: ['desk'], due: null,
    form: 'refund', created_at: ago(400), ended_at: ago(90), completed_by: 'bo', ended: { by: 'bo', at: ago(90), done_at: ago(120), variables: { decision: 'part', paid: 40, note: 'One of two cups', seen: true } },
  },
};

const files = new Map();
/** By idempotency key, so that what comes twice counts once. */
const answered = new Map();
/** What came in, for tests. */
export const received = [];

export function taskShown(name) {
  if (over[name]) return over[name];
  const row = tasks.find((each) => each.task === name);
  if (!row) refuse(404, 'task.not_found', `there is no task \`${name}\``);
  return { ...row, title: row.name, priority: name === '4127-6' ? 80 : 50, form_version: row.form ? 1 : null, variables: variables[name] ?? { request: row.business_key }, description: name === '4127-6' ? 'Above 100 BRL, look at the photos first.' : undefined };
}

function once(request, act) {
  const key = request.headers['idempotency-key'];
  if (!answered.has(key)) answered.set(key, act());
  return answered.get(key);
}

export function endByOther(name, given) {
  const index = tasks.findIndex((each) => each.task === name);
  const [row] = tasks.splice(index, 1);
  over[name] = { ...row, title: row.name, state: 'completed', ended_at: ago(1), completed_by: 'bo', ended: { by: 'bo', at: ago(1), variables: given } };
}

export const answers = {
  'task.list': ({ mine, assignee, process, state, search = '' }, { user }) => ({
    items: tasks
      .filter((row) => (!mine || !row.assignee || row.assignee === user) && (!assignee || row.assignee === assignee) && (!process || row.process === process) && (!state || row.state === state) && row.business_key.startsWith(search))
      .map((row) => ({ ...row, title: row.name, priority: row.task === '4127-6' ? 80 : 50 })),
    next: null,
  }),
  'task.get': ({ name }) => taskShown(name),
  'form.get': ({ name }) => (forms[name] ? { form: name, version: 1, schema: forms[name] } : refuse(404, 'form.not_found', `there is no form \`${name}\``)),
  'task.claim': ({ name }, { user, changed }) => {
    const row = tasks.find((each) => each.task === name);
    if (!row) refuse(409, 'task.ended', `task \`${name}\` is over`);
    if (row.assignee && row.assignee !== user) refuse(409, 'task.claimed', `task \`${name}\` was taken by \`${row.assignee}\``);
    Object.assign(row, { assignee: user, state: 'claimed' });
    changed('task');
    return taskShown(name);
  },
  'task.unclaim': ({ name }, { changed }) => {
    Object.assign(tasks.find((each) => each.task === name) ?? refuse(409, 'task.ended', `task \`${name}\` is over`), { assignee: null, state: 'created' });
    changed('task');
    return taskShown(name);
  },
  'task.assign': ({ name, assignee }, { changed }) => {
    Object.assign(tasks.find((each) => each.task === name), { assignee, state: 'claimed' });
    changed('task');
    return taskShown(name);
  },
  'task.complete': ({ name, variables: given, done_at }, { user, changed, request }) =>
    once(request, () => {
      if (over[name]) refuse(409, 'task.ended', `task \`${name}\` was completed by \`bo\``, { hint: '`task.get` shows what counted' });
      const wrong = Object.entries(given ?? {}).filter(([, value]) => value === 'wrong');
      const problems = wrong.map(([field]) => ({ status: 400, code: 'form.invalid_value', kind: 'invalid', detail: `\`${field}\` does not look as it must [pattern]`, place: { pointer: `/variables/${field}` } }));
      if (problems.length) throw Object.assign(new Error(), { problem: { ...problems[0], also: problems.slice(1) } });
      received.push({ name, given, done_at });
      const index = tasks.findIndex((each) => each.task === name);
      const [row] = tasks.splice(index, 1);
      over[name] = { ...row, title: row.name, state: 'completed', ended_at: ago(0), completed_by: user, ended: { by: user, at: ago(0), done_at, variables: given } };
      changed('task');
      return { done_at };
    }),
  'file.create': (_, { body, request }) => {
    const file = createHash('sha256').update(body).digest('hex');
    files.set(file, { body, media: request.headers['content-type'] });
    return { file, bytes: body.length, media: request.headers['content-type'] };
  },
  'file.read': ({ name }) => files.get(name)?.body ?? refuse(404, 'file.not_found', `there is no file \`${name}\``),
  'instance.list': ({ business_key }) => ({ items: business_key === 'order-9034' ? [{ instance: 4140, process: 'order-to-delivery', business_key, state: 'active', started_at: ago(100), variables: {}, path: [], elements: [], incidents: 0 }] : [], next: null }),
  'subscription.key': () => ({ key: 'BOr0dHFQmJQXcVvJcxqWcYgWmDeF0pPpT0aMqYH1Zy0oO8u0zvVYbW1uS3sJpN4yqk1pYb1Rk3pUO7m5rTjS1mM' }),
  'subscription.create': () => ({ id: '0'.repeat(32) }),
  'subscription.delete': () => ({}),
};
