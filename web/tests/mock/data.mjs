// The catalogue: relations, their columns, quality and lineage; the rows of a stream as they come; metrics.
import { ago, page, refuse, rowsAs } from './base.mjs';
import { byDayColumns, days, orders, states } from './orders.mjs';
import { streams } from './things.mjs';

/** Name, type, summary; whether it is required, the key, masked. */
export const orderColumns = [
  ['order_id', 'text', 'The number that the shop gives', true, true],
  ['state', 'text', 'Where it is to be sent', true],
  ['customer', 'text', 'Who has ordered', false, false, true],
  ['price', 'decimal(12,2)', 'Without freight'],
  ['weight', 'float', 'In kilograms'],
  ['is_gift', 'bool', ''],
  ['due', 'time', 'Promised to the customer'],
  ['_time', 'time', ''],
  ['_offset', 'int', ''],
];

/** Where the stream of orders ends. */
let end = 112_651;
/** Has rows come, for the live tail. */
export function append(count = 1) {
  end += count;
}

/** A row of the stream: the newest order stands at its end, and the orders come again and again before it. */
export function orderAt(offset) {
  const { order_id, state, customer, price, weight, is_gift, due, placed_at } = orders[(end - 1 - offset) % orders.length];
  return { order_id, state, customer, price, weight, is_gift, due, _time: placed_at, _offset: offset };
}
export const newest = (count) => Array.from({ length: count }, (_, at) => orderAt(end - 1 - at));

const relation = (name, kind, summary, more = {}) => ({
  name, schema: name.includes('.') ? name.split('.')[0] : 'public', kind, resource: { kind: ['set_aside', 'lent'].includes(kind) ? 'relation' : kind, name: name.replace(/^metrics\.|^desk\./, '') }, summary, owner: 'user:ana',
  application: 'retail', columns: columnsOf(kind).length, rows: null, newest: null, refreshed: null, quality: 'none', is_part: false, ...more,
});
const columnsOf = (kind) => (kind === 'view' || kind === 'metric' ? byDayColumns : orderColumns);

export const relations = [
  relation('orders', 'stream', 'Orders of the shop, as they come', { rows: 112_650, newest: ago(0.4), quality: 'failing' }),
  relation('orders_latest', 'table', 'The newest row of each key of orders.', { rows: 99_441, newest: ago(0.4), quality: 'ok' }),
  relation('orders_set_aside', 'set_aside', 'Rows that were set aside, with their reasons.', { rows: 37 }),
  relation('shipments', 'stream', 'Parcels with their carriers', { rows: 241_008, newest: ago(2), quality: 'ok' }),
  relation('order_late', 'stream', 'Orders that did not come in time', { rows: 7_420, newest: ago(40) }),
  relation('outcomes', 'stream', 'How orders ended', { rows: 86_421, newest: ago(3) }),
  relation('cancellations', 'stream', 'Orders that customers took back', { rows: 309, newest: ago(900) }),
  relation('requests', 'stream', 'What customers ask', { rows: 8_812, newest: ago(31), quality: 'waiting', application: 'answers', owner: 'user:bo' }),
  relation('desk.late_orders', 'view', 'Orders that are late, by state', { refreshed: ago(6) }),
  relation('desk.by_day', 'view', 'Orders and revenue of each day', { is_part: true }),
  relation('metrics.on_time_share', 'metric', 'The share of parcels that arrive on time'),
  relation('metrics.answer_hours', 'metric', 'Hours until a request is answered'),
  relation('metrics.refund_share', 'metric', 'The share of orders that are paid back'),
  relation('metrics.revenue', 'metric', 'Revenue'),
  relation('logistics.tariffs', 'lent', 'Prices by weight and state', { owner: null, application: null }),
];

/** Kind and name of what is stood upon, and of what stands on it; how; by column, where that is known. */
export const edges = [
  ['stream', 'orders', 'table', 'orders', 'derives', null],
  ['stream', 'orders', 'table', 'orders_latest', 'derives', null],
  ['stream', 'orders', 'relation', 'orders_set_aside', 'derives', null],
  ['stream', 'orders', 'quality', 'orders-rules', 'checks', '{"rules":["price_there"]}'],
  ['stream', 'orders', 'process', 'order-to-delivery', 'reads', null],
  ['stream', 'cancellations', 'process', 'order-to-delivery', 'reads', null],
  ['process', 'order-to-delivery', 'stream', 'outcomes', 'writes', null],
  ['process', 'order-to-delivery', 'stream', 'order_late', 'writes', null],
  ['stream', 'order_late', 'process', 'tell-customer', 'reads', null],
  ['stream', 'requests', 'process', 'answer-request', 'reads', null],
  ['contract', 'logistics', 'process', 'order-to-delivery', 'calls', null],
  ['table', 'orders_latest', 'view', 'late_orders', 'reads', '{"columns":{"order_id":["order_id"],"late_by":["due"],"state":["state"]}}'],
  ['stream', 'shipments', 'view', 'late_orders', 'reads', '{"columns":{"carrier":["carrier"]}}'],
  ['stream', 'orders', 'view', 'by_day', 'reads', '{"columns":{"day":["_time"],"state":["state"],"revenue":["price"]}}'],
  ['stream', 'shipments', 'metric', 'on_time_share', 'measures', null],
  ['stream', 'requests', 'metric', 'answer_hours', 'measures', null],
  ['stream', 'outcomes', 'metric', 'refund_share', 'measures', null],
  ['stream', 'orders', 'metric', 'revenue', 'measures', null],
  ['metric', 'on_time_share', 'kpi', 'on_time', 'measures', null],
  ['metric', 'answer_hours', 'kpi', 'answer_time', 'measures', null],
  ['metric', 'refund_share', 'kpi', 'refunds', 'measures', null],
  ['metric', 'revenue', 'kpi', 'revenue', 'measures', null],
  ['kpi', 'on_time', 'process', 'on-time-review', 'starts', null],
  ['stream', 'orders', 'query', 'order', 'reads', null],
  ['view', 'late_orders', 'query', 'late-orders', 'reads', null],
  ['view', 'by_day', 'query', 'orders-by-day', 'reads', null],
  ['view', 'late_orders', 'query', 'late-by-day', 'reads', null],
  ['stream', 'outcomes', 'query', 'steps', 'reads', null],
  ['query', 'late-orders', 'screen', 'late-orders', 'reads', null],
  ['query', 'order', 'screen', 'order', 'reads', null],
  ['query', 'late-by-day', 'screen', 'overview', 'reads', null],
  ['query', 'steps', 'screen', 'overview', 'reads', null],
];

const rule = (name, check, action, more) => ({ v: 1, quality: 'orders-rules', on: 'stream/orders', rule: name, check, action, day: ago(60), checked: 4_120, failed: 0, first_failed: null, reason: null, error: null, ...more });
const rules = [rule('price_there', 'not_null', 'set_aside'), rule('price_in_range', 'range', 'warn', { failed: 12, first_failed: 112_001, reason: '`price` is -3.00, less than 0' })];

/** What is told of a kind beside what all have. */
const more = {
  stream: () => ({ key: ['order_id'], time: null, retention: 'P5Y', first_offset: 0, next_offset: end, files: { folder: 'orders', version: 12, files: 31, bytes: 48_120_991, rows: 112_000, behind: 650 } }),
  view: () => ({ refresh: 'commit', sql: 'SELECT date(_time) AS day, state, count(*) AS orders\nFROM orders\nGROUP BY 1, 2', problem: null }),
  metric: () => ({ formula: 'avg(CASE WHEN arrived <= due THEN 1.0 ELSE 0.0 END)', from: 'shipments', grain: 'day', dimensions: ['state', { name: 'carrier', sql: 'lower(carrier)' }], unit: 'share' }),
};

export const answers = {
  'relation.list': ({ kind, text = '' }) => page(relations.filter((each) => (!kind || kind.split(',').includes(each.kind)) && (each.name + each.summary).toLowerCase().includes(text.toLowerCase()))),
  'relation.get': ({ name }) => {
    if (name in streams) return streams[name];
    const found = relations.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `there is no relation/${name}`);
    const { kind, name: own } = found.resource;
    const near = (mine, other) => edges.filter((edge) => edge[mine] === kind && edge[mine + 1] === own).map((edge) => ({ kind: edge[other], name: edge[other + 1], how: edge[4], detail: null }));
    return {
      ...found,
      columns: columnsOf(found.kind).map(([column, type, summary, required = false, is_key = false, is_masked = false], at) => ({ name: column, number: at + 1, type, summary, required, is_key, is_masked })),
      rules: found.quality === 'none' ? [] : rules,
      lineage: { up: near(2, 0), down: near(0, 2) },
      ...more[found.kind]?.(),
    };
  },
  'stream.read': ({ offset, last }) => {
    const from = last === undefined ? Number(offset) : end - Number(last);
    return { rows: Array.from({ length: Math.max(0, end - from) }, (_, at) => orderAt(from + at)), next: end, end };
  },
  'metric.query': ({ dimensions = [], format }) => {
    const series = dimensions.length ? states : [undefined];
    const columns = [['window', 'time'], ...dimensions.map((name) => [name, 'text']), ['value', 'float'], ['samples', 'int']];
    const rows = days.flatMap((day, at) => series.map((part, index) => [`${day}T00:00:00Z`, ...dimensions.map(() => part), 0.9 + ((at * 13 + index * 7) % 17) / 200, 100 + at]));
    return rowsAs(format, columns, rows);
  },
};
