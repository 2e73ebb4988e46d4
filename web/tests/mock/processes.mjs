// Processes: the models of the examples, with counts that fit them. Their lists of instances show the newest of those that are counted.
import { readFileSync } from 'node:fs';
import { ago, page, refuse } from './base.mjs';
import { begin, found, incidents } from './instances.mjs';

const file = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const examples = '../../../examples';
const sources = {
  'order-to-delivery': file(`${examples}/commerce/retail/order-to-delivery.bpmn`),
  'tell-customer': file(`${examples}/commerce/retail/tell-customer.bpmn`),
  refund: file('refund.bpmn'),
  'answer-request': file(`${examples}/starter/answer-request.bpmn`),
  'on-time-review': file(`${examples}/commerce/logistics/on-time-review.bpmn`),
};

const minute = 60_000;
const element = (element, name, kind, active, completed, mean, max, cancelled = 0) => ({
  element, name, kind, active, completed, cancelled, ms_total: Math.round(mean * completed * minute), ms_max: Math.round(max * minute),
});
const elements = {
  'order-to-delivery': [
    element('placed', 'Order placed', 'start', 0, 98_523, 0, 0),
    element('authorise', 'Authorise payment', 'call', 312, 98_100, 34, 2_880, 111),
    element('deliver', 'Deliver parcel', 'call', 12_090, 86_301, 17_200, 86_400, 204),
    element('note-delivery', 'Note delivery', 'call', 6, 86_112, 0.02, 1),
    element('delivered', 'Delivered', 'end', 0, 86_112, 0, 0),
    element('paid', 'Payment authorised', 'boundary', 0, 0, 0, 0),
    element('refund', 'Refund payment', 'call', 4, 198, 420, 4_000),
    element('cancelled-unpaid', 'Order cancelled', 'boundary', 0, 111, 0, 0),
    element('cancelled-paid', 'Order cancelled', 'boundary', 0, 204, 0, 0),
    element('late', 'Estimated date', 'boundary', 0, 7_420, 0, 0),
    element('say-late', 'Say that it is late', 'call', 0, 7_420, 0.02, 2),
    element('said', 'Said', 'end', 0, 7_420, 0, 0),
    element('undo', 'Undo payment', 'throw', 4, 198, 420, 4_000),
    element('note-cancellation', 'Note cancellation', 'call', 0, 309, 0.02, 1),
    element('cancelled', 'Cancelled', 'end', 0, 309, 0, 0),
  ],
  'tell-customer': [
    element('noticed', 'Order is late', 'start', 0, 7_420, 0, 0),
    element('late', 'Tell the customer', 'task', 2, 7_418, 95, 2_200),
    element('told', 'Customer told', 'end', 0, 7_418, 0, 0),
  ],
  refund: [
    element('asked', 'Asked for', 'start', 0, 3_404, 0, 0),
    element('approve', 'Approve the refund', 'task', 214, 3_190, 420, 4_000, 12),
    element('answered', 'Answered', 'end', 0, 3_190, 0, 0),
  ],
  'answer-request': [
    element('received', 'Request received', 'start', 0, 949, 0, 0),
    element('answer', 'Answer the request', 'task', 37, 912, 310, 1_900, 3),
    element('note', 'Note the answer', 'call', 0, 912, 0.02, 1),
    element('answered', 'Answered', 'end', 0, 912, 0, 0),
  ],
  'on-time-review': [
    element('missed', 'Target missed', 'start', 0, 11, 0, 0),
    element('review', 'Find out why deliveries were late', 'task', 2, 9, 2_600, 7_100),
    element('reviewed', 'Reviewed', 'end', 0, 9, 0, 0),
  ],
};

/** An element that only version 3 has. */
const weigh = element('weigh', 'Weigh it', 'task', 12, 8_300, 60, 900);

const process = (process, title, version, active, completed, cancelled, more = {}) => ({
  process, title, version, state: 'active', active, suspended: 0, failed: 0, completed, cancelled, finished: completed + cancelled, starts: true, ...more,
});
const processes = [
  process('order-to-delivery', 'Order to delivery', 4, 12_408, 86_112, 309),
  process('tell-customer', 'Tell the customer', 1, 2, 7_418, 0, { starts: false }),
  process('refund', 'Refund a payment', 2, 214, 3_190, 12),
  process('answer-request', 'Answer a request', 1, 37, 912, 3, { starts: false }),
  process('on-time-review', 'Review late deliveries', 1, 0, 9, 0, { state: 'suspended', suspended: 2 }),
];
const begins = {
  'order-to-delivery': { element: 'placed', messages: ['order_placed'], signals: [], timers: 0, streams: [] },
  'tell-customer': { element: null, messages: ['order_is_late'], signals: [], timers: 0, streams: ['order_late'] },
  refund: { element: 'asked', messages: [], signals: [], timers: 0, streams: [] },
  'answer-request': { element: null, messages: ['request_received'], signals: [], timers: 0, streams: ['requests'] },
  'on-time-review': { element: 'missed', messages: [], signals: [], timers: 0, streams: [] },
};

const named = (name) => processes.find((row) => row.process === name) ?? refuse(404, 'process.not_found', `there is no process \`${name}\``);
const stuck = (name, at) => incidents.filter((row) => row.process === name && (at === undefined || row.element === at)).length;
const shown = (row) => ({ ...row, incidents: stuck(row.process) });

/** Counts by version, the newest with the most of them. */
function versionsOf({ version: latest, active, suspended, completed, cancelled, process: name }) {
  return Array.from({ length: latest }, (_, at) => {
    const share = (count) => (at + 1 === latest ? count - (latest - 1) * Math.floor(count / 12) : Math.floor(count / 12));
    const ours = incidents.filter((row) => row.process === name && found(row.instance).version === at + 1);
    return { version: at + 1, instances: { active: share(active), suspended: share(suspended), failed: 0, completed: share(completed), cancelled: share(cancelled) }, incidents: ours.length };
  });
}

function setState(name, state, changed) {
  named(name).state = state;
  changed('process');
  return { process: name, suspended: state === 'suspended', changed: true, bulk: null };
}

export const answers = {
  'process.list': ({ text = '' }) => page(processes.filter((row) => row.process.includes(text)).map(shown)),
  'process.get': ({ name, version }) => {
    const row = shown(named(name));
    return {
      ...row, version: Number(version ?? row.version), latest: row.version, source: sources[name], file: `${name}.bpmn`, indexed: [], suspended_by: row.state === 'suspended' ? { by: 'user:ana', at: ago(90) } : null,
      versions: versionsOf(row), start: begins[name],
      elements: (name === 'order-to-delivery' && version === '3' ? [...elements[name], weigh] : elements[name]).map((each) => ({ ...each, incidents: stuck(name, each.element) })),
    };
  },
  'process.start': ({ name, variables: given = {}, form, business_key = null }, { changed }) => {
    if (form && given.amount === 400) refuse(400, 'form.invalid_value', 'an amount above 300 needs a note', { place: { pointer: '/variables/amount' } });
    if (Object.hasOwn(given, 'wrong')) refuse(400, 'form.invalid_value', 'this is no number', { place: { pointer: '/variables/wrong' } });
    const { instance, version } = begin(named(name).process, business_key, given);
    changed('instance');
    return { instance, process: name, version, business_key };
  },
  'process.suspend': ({ name }, { changed }) => setState(name, 'suspended', changed),
  'process.resume': ({ name }, { changed }) => setState(name, 'active', changed),
};
