// What runs and what stands still. Tasks, incidents, orders and running work speak of these instances.
// What moves or ends an instance is answered and not done, so that every test begins from the same; variables are changed.
import { ago, has, page, refuse } from './base.mjs';

/** The elements that an instance passes, by process. */
export const ways = {
  'order-to-delivery': ['placed', 'authorise', 'deliver', 'note-delivery', 'delivered'],
  'tell-customer': ['noticed', 'late', 'told'],
  refund: ['asked', 'approve', 'answered'],
  'answer-request': ['received', 'answer', 'note', 'answered'],
  'on-time-review': ['missed', 'review', 'reviewed'],
};
const latest = { 'order-to-delivery': 4, refund: 2 };

const instance = (number, process, business_key, state, at, more = {}) => ({
  instance: number, process, version: latest[process] ?? 1, business_key, state, started_at: ago(5_000 + 4_160 - number), ended_at: null, time: ago(3), started_by: 'user:ana', on_behalf_of: null,
  variables: {}, path: [], elements: at, ...more,
});

/** The newest first. */
export const instances = [
  instance(4160, 'answer-request', 'r-2214', 'active', ['answer']),
  instance(4151, 'answer-request', 'r-2210', 'active', ['answer']),
  instance(4141, 'tell-customer', 'order-9041', 'active', ['late']),
  instance(4140, 'tell-customer', 'order-9034', 'active', ['late']),
  instance(4131, 'order-to-delivery', 'order-9041', 'active', ['deliver']),
  instance(4130, 'order-to-delivery', 'order-9034', 'active', ['deliver']),
  instance(4127, 'refund', 'order-8812', 'active', ['approve'], { on_behalf_of: 'user:bo' }),
  instance(4100, 'refund', 'order-8700', 'completed', [], { ended_at: ago(90) }),
  instance(4098, 'order-to-delivery', 'order-8790', 'active', ['note-delivery'], { started_at: ago(15_400) }),
  instance(4061, 'order-to-delivery', 'order-8741', 'active', ['deliver'], { version: 3 }),
  instance(4055, 'order-to-delivery', 'order-8733', 'suspended', ['deliver']),
  instance(4020, 'order-to-delivery', 'order-8702', 'completed', [], { ended_at: ago(640) }),
  instance(4012, 'on-time-review', null, 'suspended', ['review']),
  instance(4011, 'order-to-delivery', 'order-8694', 'cancelled', [], { ended_at: ago(900) }),
  instance(3990, 'order-to-delivery', 'order-8655', 'active', ['authorise']),
];

const incident = (incident, code, message, element, minutes) => {
  const { instance, process, business_key } = instances.find((row) => incident.startsWith(`${row.instance}-`));
  return { incident, instance, process, business_key, code, message, element, at: ago(minutes) };
};
export const weightless = { code: 'feel.failed', message: '`weight_g * rate` has no value: `weight_g` is null', element: 'note-delivery' };
export const incidents = [
  incident('4098-12', weightless.code, weightless.message, weightless.element, 14),
  incident('4061-4', 'job.retries', 'job `label` failed 3 times: the printer does not answer', 'deliver', 122),
  incident('3990-9', 'contract.paused', 'contract `payment` is paused', 'authorise', 1_530),
];

const order = (order_id) => ({ order_id, placed_at: ago(15_400), estimated_at: ago(900), customer_state: 'SP', seller_state: 'MG', weight_g: 850, freight: 18.9, is_gift: false });
const variables = new Map([
  [4098, { ...order('order-8790'), weight_g: null, rate: 0.02, payments: [{ type: 'credit_card', value: 149.9, instalments: 3 }] }],
  [4127, { order_id: 'order-8812', customer: 'Beatriz Rocha', amount: 189.9, reason: 'broken' }],
  [4140, { order_id: 'order-9034', parcel: 'BR-7712-04', promised: '2026-11-20', carrier: 'correios' }],
  [4151, { _time: '2026-11-20T08:30:00Z', request: 'r-2210', asked_at: '2026-11-20T08:30:00Z', subject: 'Where is my parcel?', urgent: false, tries: 2, contact: { mail: 'ana@example.org' } }],
]);

export const found = (name) => instances.find((row) => String(row.instance) === String(name)) ?? refuse(404, 'instance.not_found', `there is no instance \`${name}\``);

export function variablesOf(number) {
  const { process, business_key } = found(number);
  return variables.get(number) ?? (process === 'answer-request' ? { request: business_key } : business_key ? order(business_key) : {});
}

/** Begins an instance; answers its number. */
export function begin(process, business_key, given) {
  const number = Math.max(...instances.map((row) => row.instance)) + 1;
  instances.unshift(instance(number, process, business_key, 'active', [ways[process][1]], { started_at: ago(0) }));
  variables.set(number, given);
  return instances[0];
}

const shown = (row) => ({ ...row, incidents: incidents.filter((each) => each.instance === row.instance).length });
const isIn = (state, row) =>
  state === 'all' || state === row.state || (state === 'open' && !row.ended_at) || (state === 'incident' && 0 < row.incidents) || (state === 'finished' && Boolean(row.ended_at));

const step = (id, element, from, to, more = {}) => ({ element, id, state: to === null ? 'active' : 'completed', entered_at: ago(from), left_at: to === null ? null : ago(to), tries: 1, name: null, kind: 'call', ...more });

/** What the one that stands still has gone through: a decision, a try more, a reminder, an incident that was mended. */
const late = {
  path: [
    step(1, 'placed', 15_400, 15_400, { name: 'Order placed', kind: 'start' }),
    step(2, 'authorise', 15_400, 15_362, {
      name: 'Authorise payment', call: { operation: 'contract.call', resource: 'contract/payment' },
      decision: { decision: 'risk', version: 2, at: ago(15_390), inputs: { value: 149.9, instalments: 3 }, result: 'low', tables: [{ decision: 'risk', name: 'risk', table: 'table_risk', hit_policy: 'FIRST', rules: [{ rule: 4, id: 'rule_4' }] }] },
    }),
    step(5, 'deliver', 15_362, 15, { name: 'Deliver parcel', call: { operation: 'contract.call', resource: 'contract/logistics' }, tries: 2 }),
    step(9, 'say-late', 900, 900, { name: 'Say that it is late', call: { operation: 'stream.append', resource: 'stream/order_late' } }),
    step(12, 'note-delivery', 14, null, { name: 'Note delivery', state: 'failed', call: { operation: 'stream.append', resource: 'stream/outcomes' } }),
  ],
  finished: ['placed', 'authorise', 'deliver', 'late', 'say-late', 'said'],
  flows: ['placed_to_authorise', 'authorise_to_deliver', 'deliver_to_note_delivery', 'late_to_say_late', 'say_late_to_said'],
  mended: [{ code: 'contract.paused', message: 'contract `logistics` is paused', element: 'deliver', at: ago(9_000), until: ago(8_100) }],
};

/** The way of any other, up to where it stands. */
function plain(row) {
  const way = ways[row.process];
  const last = row.elements.length ? way.indexOf(row.elements[0]) : row.state === 'completed' ? way.length - 1 : 2;
  const passed = way.slice(0, last + 1);
  const isOver = row.ended_at !== null;
  const path = passed.map((element, at) => {
    const isLast = at === last;
    const state = !isLast ? 'completed' : isOver ? row.state : incidents.some((each) => each.instance === row.instance) ? 'failed' : 'active';
    return { element, id: at + 1, state, entered_at: row.started_at, left_at: isLast ? row.ended_at : row.started_at, tries: 1 };
  });
  return { path, finished: isOver ? passed : passed.slice(0, -1), flows: passed.slice(1).map((element, at) => `${passed[at]}_to_${element}`.replaceAll('-', '_')), mended: [] };
}

function history(name) {
  const row = found(name);
  const { path, finished, flows, mended } = row.instance === 4098 ? late : plain(row);
  const standing = incidents.filter((each) => each.instance === row.instance).map(({ incident, code, message, element, at }) => ({ incident, code, message, element, at }));
  return { ...row, variables: variablesOf(row.instance), path, finished, flows: flows.map((flow) => ({ flow, count: 1 })), incidents: [...mended, ...standing], complete: true };
}

export const listed = ({ process, version, element, state = 'all', business_key }) =>
  instances
    .map(shown)
    .filter((row) => has(process, row.process) && has(version, String(row.version)) && has(business_key, row.business_key) && (!element || row.elements.includes(element)) && isIn(state, row));

export const answers = {
  'instance.list': (asked) => page(listed(asked)),
  'instance.get': ({ name }) => ({ ...shown(found(name)), variables: variablesOf(Number(name)) }),
  'instance.history': ({ name }) => history(name),
  'instance.set_variables': ({ name, variables: given, dry_run = false }) => {
    const number = found(name).instance;
    if (!dry_run) variables.set(number, { ...variablesOf(number), ...given });
    return { dry_run, instance: number, ended: [], begun: [] };
  },
  'instance.suspend': () => ({ dry_run: false }),
  'instance.resume': () => ({ dry_run: false }),
  'instance.cancel': () => ({ dry_run: false }),
  'instance.move': ({ name, to, dry_run }) => {
    const { instance: number, elements } = found(name);
    if (to === 'refund') refuse(409, 'instance.move', '`refund` undoes another activity, so no token can be put there');
    return { dry_run, instance: number, state: 'active', ended: [{ id: 12, element: elements[0] }], begun: [{ id: 13, element: to }], elements: [to], incidents: [] };
  },
  'instance.migrate': ({ name, dry_run }) => {
    const { instance: number, elements } = found(name);
    return { dry_run, instance: number, state: 'active', ended: [], begun: [], elements, incidents: [], disarmed: [{ id: 4, element: 'late' }] };
  },
};
