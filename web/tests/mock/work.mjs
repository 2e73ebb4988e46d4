// What the rooms processes, incidents and decisions read: real models of the examples, with counts and histories that fit them.
import { readFileSync } from 'node:fs';
import { refuse } from '../mock.mjs';
import { incidents } from './home.mjs';

const file = (path) => readFileSync(new URL(`../../../examples/commerce/${path}`, import.meta.url), 'utf8');
const model = file('retail/order-to-delivery.bpmn');
// The same, begun with a form.
const asking = model.replace('<bpmn:extensionElements>', '<bpmn:extensionElements><zeebe:formDefinition formId="claim" />');
const claim = {
  type: 'default', id: 'claim', schemaVersion: 16,
  components: [
    { type: 'text', id: 'Text_1', text: '### Claim\nWhat the customer asks for.' },
    { type: 'textfield', id: 'Field_order', key: 'order_id', label: 'Order', validate: { required: true } },
    { type: 'radio', id: 'Field_reason', key: 'reason', label: 'What is wrong?', validate: { required: true }, values: [{ label: 'Broken', value: 'broken' }, { label: 'Late', value: 'late' }] },
    { type: 'number', id: 'Field_amount', key: 'amount', label: 'Amount', decimalDigits: 2, validate: { required: true, min: 0, max: 500 } },
    { type: 'select', id: 'Field_state', key: 'state', label: 'State', values: [{ label: 'SP', value: 'SP' }, { label: 'MG', value: 'MG' }] },
    { type: 'datetime', id: 'Field_day', subtype: 'date', dateLabel: 'Since', key: 'since' },
    { type: 'checkbox', id: 'Field_known', key: 'known', label: 'Known to us' },
    { type: 'textarea', id: 'Field_note', key: 'note', label: 'What is broken?', conditional: { hide: '=reason != "broken"' } },
  ],
};
const rules = file('payment/risk.dmn');
const now = Date.now();
const ago = (minutes) => new Date(now - minutes * 60_000).toISOString();
const minute = 60_000;

const element = (element, name, kind, active, stuck, completed, mean, max, cancelled = 0) => ({
  element, name, kind, active, incidents: stuck, completed, cancelled, ms_total: Math.round(mean * completed * minute), ms_max: Math.round(max * minute),
});
const elements = [
  element('placed', 'Order placed', 'start', 0, 0, 98_523, 0, 0),
  element('authorise', 'Authorise payment', 'call', 312, 1, 98_100, 34, 2_880, 111),
  element('deliver', 'Deliver parcel', 'call', 12_090, 1, 86_301, 17_200, 86_400, 204),
  element('note-delivery', 'Note delivery', 'call', 6, 1, 86_112, 0.02, 1),
  element('delivered', 'Delivered', 'end', 0, 0, 86_112, 0, 0),
  element('paid', 'Payment authorised', 'boundary', 0, 0, 0, 0, 0),
  element('refund', 'Refund payment', 'call', 4, 0, 198, 420, 4_000),
  element('cancelled-unpaid', 'Order cancelled', 'boundary', 0, 0, 111, 0, 0),
  element('cancelled-paid', 'Order cancelled', 'boundary', 0, 0, 204, 0, 0),
  element('late', 'Estimated date', 'boundary', 0, 0, 7_420, 0, 0),
  element('say-late', 'Say that it is late', 'call', 0, 0, 7_420, 0.02, 2),
  element('said', 'Said', 'end', 0, 0, 7_420, 0, 0),
  element('undo', 'Undo payment', 'throw', 4, 0, 198, 420, 4_000),
  element('note-cancellation', 'Note cancellation', 'call', 0, 0, 309, 0.02, 1),
  element('cancelled', 'Cancelled', 'end', 0, 0, 309, 0, 0),
];

/** An element that only version 3 has. */
const weigh = element('weigh', 'Weigh it', 'task', 12, 0, 8_300, 60, 900);

const process = (process, title, version, active, stuck, completed, cancelled, more = {}) => ({
  process, title, version, state: 'active', active, suspended: 0, failed: 0, incidents: stuck, completed, cancelled, finished: completed + cancelled, starts: true, ...more,
});
const processes = [
  process('order-to-delivery', 'Order to delivery', 4, 12_408, 3, 86_112, 309),
  process('refund', 'Refund a payment', 2, 214, 0, 3_190, 12),
  process('answer-request', 'Answer a request', 1, 37, 0, 912, 3),
  process('on_time_review', null, 1, 0, 0, 9, 0, { state: 'suspended', starts: false, suspended: 2 }),
];

const instance = (number, key, state, at, more = {}) => ({
  instance: number, process: 'order-to-delivery', version: 4, business_key: key, state, started_at: ago(5_000 + number), ended_at: null, time: ago(3), started_by: 'user:ana', on_behalf_of: null,
  variables: {}, path: [], elements: at, incidents: 0, ...more,
});
const instances = [
  instance(4127, 'order-8812', 'active', ['deliver']),
  instance(4098, 'order-8790', 'active', ['note-delivery'], { incidents: 1 }),
  instance(4061, 'order-8741', 'active', ['deliver'], { incidents: 1, version: 3 }),
  instance(4055, 'order-8733', 'suspended', ['deliver']),
  instance(4020, 'order-8702', 'completed', [], { ended_at: ago(640) }),
  instance(4011, 'order-8694', 'cancelled', [], { ended_at: ago(900) }),
];

let variables = { order_id: 'order-8790', placed_at: '2026-11-12T09:14:02Z', estimated_at: '2026-11-24T00:00:00Z', customer_state: 'SP', seller_state: 'MG', weight_g: null, freight: 18.9, rate: 0.02, is_gift: false, payments: [{ type: 'credit_card', value: 149.9, instalments: 3 }] };
const step = (id, element, name, kind, from, to, more = {}) => ({ element, id, state: to === null ? 'active' : 'completed', entered_at: ago(from), left_at: to === null ? null : ago(to), tries: 1, name, kind, ...more });
const history = () => ({
  ...instance(4098, 'order-8790', 'active', ['note-delivery'], { variables }),
  finished: ['placed', 'authorise', 'deliver', 'late', 'say-late', 'said'],
  path: [
    step(1, 'placed', 'Order placed', 'start', 15_400, 15_400),
    step(2, 'authorise', 'Authorise payment', 'call', 15_400, 15_362, {
      call: { operation: 'contract.call', resource: 'contract/payment' },
      decision: { decision: 'risk', version: 2, at: ago(15_390), inputs: { value: 149.9, instalments: 3 }, result: 'low', tables: [{ decision: 'risk', name: 'risk', table: 'table_risk', hit_policy: 'FIRST', rules: [{ rule: 4, id: 'rule_4' }] }] },
    }),
    step(5, 'deliver', 'Deliver parcel', 'call', 15_362, 15, { call: { operation: 'contract.call', resource: 'contract/logistics' }, tries: 2 }),
    step(9, 'say-late', 'Say that it is late', 'call', 900, 900, { call: { operation: 'stream.append', resource: 'stream/order_late' } }),
    step(12, 'note-delivery', 'Note delivery', 'call', 14, null, { state: 'failed', call: { operation: 'stream.append', resource: 'stream/outcomes' } }),
  ],
  flows: ['placed_to_authorise', 'authorise_to_deliver', 'deliver_to_note_delivery', 'late_to_say_late', 'say_late_to_said'].map((flow) => ({ flow, count: 1 })),
  incidents: [
    { code: 'contract.paused', message: 'contract `logistics` is paused', element: 'deliver', at: ago(9_000), until: ago(8_100) },
    { code: 'feel.failed', message: '`weight_g * rate` has no value: `weight_g` is null', element: 'note-delivery', at: ago(14), incident: '4098-12' },
  ],
  complete: true,
});

const bulks = [];
const gone = new Set();
const list = () => incidents.filter((row) => !gone.has(row.incident));
const has = (given, value) => !given || given === value;

export const answers = {
  'process.list': ({ text = '' }) => ({ items: processes.filter((row) => row.process.includes(text)), next: null }),
  'process.get': ({ name, version }) => {
    const found = processes.find((row) => row.process === name) ?? refuse(404, 'process.not_found', `there is no process \`${name}\``);
    const instances = (active, completed, cancelled) => ({ active, suspended: 0, failed: 0, completed, cancelled });
    return {
      ...found, version: Number(version ?? found.version), latest: found.version, source: name === 'refund' ? asking : model, file: 'order-to-delivery.bpmn', indexed: [], suspended_by: found.state === 'suspended' ? { by: 'user:ana', at: ago(90) } : null,
      versions: [1, 2, 3, 4].slice(0, found.version).map((each) => ({ version: each, instances: each === 4 ? instances(12_200, 61_000, 200) : instances(70, 8_300, 36), incidents: each === 4 ? 2 : each === 3 ? 1 : 0 })),
      start: { element: 'placed', messages: ['order_placed'], signals: [], timers: 0, streams: [] },
      elements: version === '3' ? [...elements, weigh] : elements,
    };
  },
  'form.get': ({ name }) => ({ form: name, version: 1, schema: claim }),
  'process.start': ({ name, variables: given, form }) => {
    if (form && given?.amount === 400) refuse(400, 'form.invalid_value', 'an amount above 300 needs a note', { place: { pointer: '/variables/amount' } });
    if (given && Object.hasOwn(given, 'wrong')) refuse(400, 'form.invalid_value', 'this is no number', { place: { pointer: '/variables/wrong' } });
    return { instance: 4098, process: name, version: 4, business_key: null };
  },
  'process.suspend': ({ name }) => {
    const row = processes.find((each) => each.process === name);
    row.state = 'suspended';
    return { process: name, suspended: true, changed: true, bulk: null };
  },
  'process.resume': ({ name }) => {
    const row = processes.find((each) => each.process === name);
    row.state = 'active';
    return { process: name, suspended: false, changed: true, bulk: null };
  },
  'instance.list': ({ state = 'all', business_key, version, element }) => ({
    items: instances.filter((row) => has(version && Number(version), row.version) && (!element || row.elements.includes(element)) && (state === 'all' || state === row.state || (state === 'open' && !row.ended_at) || (state === 'incident' && row.incidents) || (state === 'finished' && row.ended_at)) && has(business_key, row.business_key)),
    next: null,
  }),
  'instance.get': ({ name }) => instances.find((row) => String(row.instance) === name) ?? refuse(404, 'instance.not_found', `there is no instance \`${name}\``),
  'instance.history': ({ name }) => (instances.some((row) => String(row.instance) === String(name)) ? history() : refuse(404, 'instance.not_found', `there is no instance \`${name}\``)),
  'instance.set_variables': ({ variables: given, dry_run }) => {
    if (!dry_run) variables = { ...variables, ...given };
    return { dry_run: Boolean(dry_run), instance: 4098, ended: [], begun: [] };
  },
  'instance.suspend': () => ({ dry_run: false }),
  'instance.resume': () => ({ dry_run: false }),
  'instance.cancel': () => ({ dry_run: false, cancelled: true }),
  'instance.move': ({ to, dry_run }) => {
    if (to === 'refund') refuse(409, 'instance.move', '`refund` undoes another activity, so no token can be put there');
    return { dry_run, instance: 4098, state: 'active', ended: [{ id: 12, element: 'note-delivery' }], begun: [{ id: 13, element: to }], elements: [to], incidents: [] };
  },
  'instance.migrate': ({ dry_run }) => ({ dry_run, instance: 4098, state: 'active', ended: [], begun: [], elements: ['note-delivery'], incidents: [], disarmed: [{ id: 4, element: 'late' }] }),
  'incident.list': ({ process: of, element: at, code, text }) => ({
    items: list().filter((row) => has(of, row.process) && has(at, row.element) && has(code, row.code) && (!text || JSON.stringify(row).includes(text))),
    next: null,
  }),
  'incident.get': ({ name }) => {
    const row = list().find((each) => each.incident === name) ?? refuse(404, 'incident.not_found', `there is no incident \`${name}\``);
    return { ...row, variables, own: {}, version: 4, state: 'active', tries: 3 };
  },
  'incident.resolve': ({ name, variables: given = {}, dry_run }, { changed }) => {
    if (name === '4098-12' && !('weight_g' in given)) return { dry_run, resolved: false, incidents: [{ code: 'feel.failed', message: '`weight_g * rate` has no value: `weight_g` is null', element: 'note-delivery' }] };
    if (!dry_run) gone.add(name);
    if (!dry_run) changed('incident');
    return { dry_run, resolved: true, incidents: [] };
  },
  'bulk.start': ({ action, filter, dry_run }) => {
    const found = list().filter((row) => has(filter.process, row.process) && has(filter.element, row.element) && has(filter.code, row.code)).length;
    const bulk = { bulk: bulks.length + 1, order: { action, filter, dry_run: Boolean(dry_run) }, limit: 100_000, state: 'running', looked: found, found, called: found, done: 0, failed: 0, problems: {}, first: [], started_by: 'user:ana', started_at: ago(0), ended_at: null };
    bulks.push(bulk);
    return bulk;
  },
  'bulk.get': ({ name }) => {
    const bulk = bulks[Number(name) - 1] ?? refuse(404, 'bulk.not_found', 'there is no such bulk operation');
    const failed = Math.min(1, bulk.found);
    return Object.assign(bulk, { state: 'done', done: bulk.found - failed, failed, problems: failed ? { 'feel.failed': 1 } : {}, first: failed ? [{ target: '4098-12', code: 'feel.failed', message: '`weight_g * rate` has no value: `weight_g` is null' }] : [] });
  },
  'bulk.list': () => ({ items: bulks.toReversed(), next: null }),
  'bulk.stop': ({ name }) => Object.assign(bulks[Number(name) - 1], { state: 'stopped' }),
  'decision.list': ({ text = '' }) => ({
    items: [
      { decision: 'risk', id: 'risk', version: 2, used_by: [{ process: 'order-to-delivery', element: 'authorise' }] },
      { decision: 'refund-limit', id: 'risk', version: 1, used_by: [{ process: 'refund', element: 'limit' }] },
      { decision: 'carrier', id: 'carrier', version: 3, used_by: [] },
    ].filter((row) => row.decision.includes(text)),
    next: null,
  }),
  'decision.get': ({ name, version }) => ({ decision: name, id: 'risk', version: Number(version ?? 2), latest: 2, versions: [2, 1], used_by: [{ process: 'order-to-delivery', element: 'authorise' }], source: rules, file: 'risk.dmn', decisions: [{ id: 'risk', name: 'risk' }] }),
  'decision.explain': ({ name, variables: given = {} }) => {
    const { value, instalments } = given;
    const rule = 500 < value ? 1 : 8 < instalments ? 2 : 150 < value ? 3 : 4;
    const result = ['high', 'high', 'medium', 'low'][rule - 1];
    return { decision: name, version: 2, result, problem: null, inputs: given, decisions: [{ decision: 'risk', name: 'risk', table: 'table_risk', hit_policy: 'FIRST', rules: [{ rule, id: `rule_${rule}` }], value: result }] };
  },
};
