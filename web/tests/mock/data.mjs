// What the data room reads.

const now = Date.now();
const ago = (minutes) => new Date(now - minutes * 60_000).toISOString();

const refuse = (status, code, detail, more = {}) => {
  const kinds = { 400: 'invalid', 403: 'forbidden', 404: 'not_found', 409: 'conflict' };
  throw Object.assign(new Error(detail), { problem: { status, code, detail, kind: kinds[status], title: code, ...more } });
};

const columns = {
  orders: [
    ['order_id', 'text', 'The number that the shop gives', true, true],
    ['state', 'text', 'Where it is to be sent', true],
    ['customer', 'text', 'Who has ordered', false, false, true],
    ['price', 'decimal(12,2)', 'Without freight'],
    ['weight', 'float', 'In kilograms'],
    ['is_gift', 'bool', ''],
    ['due', 'time', 'Promised to the customer'],
    ['_time', 'time', ''],
    ['_offset', 'int', ''],
  ],
  by_day: [['day', 'date', ''], ['state', 'text', ''], ['orders', 'int', ''], ['revenue', 'decimal(18,2)', '']],
};

const relation = (name, kind, summary, more = {}) => ({
  name, schema: name.includes('.') ? name.split('.')[0] : 'public', kind, resource: { kind: ['set_aside', 'system', 'lent'].includes(kind) ? 'relation' : kind, name: name.replace(/^metrics\.|^desk\./, '') },
  summary, owner: 'user:ana', application: 'retail', columns: 9, rows: null, newest: null, refreshed: null, quality: 'none', is_part: false, ...more,
});

const relations = [
  relation('orders', 'stream', 'Orders of the shop, as they come', { rows: 112_650, newest: ago(0.4), quality: 'failing' }),
  relation('orders_latest', 'table', 'The newest row of each key of orders.', { rows: 99_441, newest: ago(0.4), quality: 'ok' }),
  relation('orders_set_aside', 'set_aside', 'Rows that were set aside, with their reasons.', { rows: 37, columns: 6 }),
  relation('shipments', 'stream', 'Parcels with their carriers', { rows: 241_008, newest: ago(2), quality: 'ok' }),
  relation('requests', 'stream', 'What customers ask', { rows: 8_812, newest: ago(31), quality: 'waiting', application: 'answers', owner: 'user:bo' }),
  relation('desk.late_orders', 'view', 'Orders that are late, by state', { refreshed: ago(6), columns: 5 }),
  relation('desk.by_day', 'view', 'Orders and revenue of each day', { columns: 4, is_part: true }),
  relation('metrics.on_time_share', 'metric', 'The share of parcels that arrive on time', { columns: 4 }),
  relation('metrics.revenue_share', 'metric', 'Revenue', { columns: 3 }),
  relation('logistics.tariffs', 'lent', 'Prices by weight and state', { owner: null, application: null, columns: 5 }),
];

const parts = ['SP', 'RJ', 'MG', 'RS'];
const days = Array.from({ length: 30 }, (_, index) => new Date(Date.UTC(2026, 9, 24 + index)).toISOString().slice(0, 10));

const orderRow = (index) => ({
  order_id: `e481f51c${(index * 7919).toString(16).padStart(6, '0')}`, state: parts[index % 4], customer: index % 3 ? 'c-' + (index * 31) : null, price: (29.99 + index * 1.37).toFixed(2), weight: 0.4 + (index % 9) / 3,
  is_gift: index % 5 === 0, due: ago(-60 * (index % 48)), _time: ago(index * 3), _offset: 112_650 - index,
});
let end = 112_651;

const edges = [
  ['stream', 'orders', 'table', 'orders', 'derives', null],
  ['stream', 'orders', 'table', 'orders_latest', 'derives', null],
  ['stream', 'orders', 'relation', 'orders_set_aside', 'derives', null],
  ['stream', 'orders', 'quality', 'orders-rules', 'checks', '{"rules":["price_there"]}'],
  ['stream', 'orders', 'process', 'order-to-delivery', 'reads', null],
  ['process', 'order-to-delivery', 'stream', 'shipments', 'writes', null],
  ['process', 'order-to-delivery', 'process', 'refund', 'starts', null],
  ['contract', 'logistics', 'process', 'order-to-delivery', 'calls', null],
  ['table', 'orders_latest', 'view', 'late_orders', 'reads', '{"columns":{"order_id":["order_id"],"late_by":["due"],"state":["state"]}}'],
  ['stream', 'shipments', 'view', 'late_orders', 'reads', '{"columns":{"carrier":["carrier"]}}'],
  ['stream', 'orders', 'view', 'by_day', 'reads', '{"columns":{"day":["_time"],"state":["state"],"revenue":["price"]}}'],
  ['stream', 'shipments', 'metric', 'on_time_share', 'measures', null],
  ['metric', 'on_time_share', 'kpi', 'on_time', 'measures', null],
  ['kpi', 'on_time', 'process', 'on_time_review', 'starts', null],
  ['view', 'late_orders', 'query', 'late-orders', 'reads', null],
  ['view', 'by_day', 'query', 'orders-by-day', 'reads', null],
  ['query', 'late-orders', 'screen', 'late-orders', 'reads', null],
];

const queries = [
  { name: 'late-orders', summary: 'Orders that are late', owner: 'user:ana', application: 'retail', is_own: false, parameters: [{ name: 'before', type: 'time', label: { en: 'Due before', zh: '截止于' } }, { name: 'state', default: null }] },
  { name: 'orders-by-day', summary: 'Orders and revenue of each day', owner: 'user:ana', application: null, is_own: true, parameters: [{ name: 'state', default: 'SP', label: { en: 'State', zh: '州' } }] },
].map((query) => ({ ...query, version: 3, changed_by: query.owner, changed_at: ago(1_440), sql: `SELECT day, state, orders, revenue\nFROM desk.by_day\nWHERE $state IS NULL OR state = $state\nORDER BY day` }));

function table(names, rows) {
  return { columns: names.map(([name, type]) => ({ name, type })), rows };
}
/** As the unit writes it: a row a line. */
const written = ({ columns: names, rows }) => Buffer.from(`{"columns":${JSON.stringify(names)},"rows":[${rows.map((row) => JSON.stringify(row)).join(',\n')}]}`);

function byDay() {
  return table(columns.by_day, days.flatMap((day, at) => parts.map((state, part) => [day, state, 300 - part * 60 + ((at * 37 + part * 11) % 50), (20_000 - part * 4_000 + ((at * 811) % 3_000)).toFixed(2)])));
}

const text = ({ rows, columns: names }) => [names.map((each) => each.name).join(','), ...rows.map((row) => row.join(','))].join('\r\n');

function sql({ sql: asked, format, parameters, tag }) {
  if (tag !== undefined && !/^[\w.~-]{1,64}$/.test(tag)) refuse(400, 'call.invalid', '`tag` has letters, digits and `-._~`, 64 at most');
  if (/lineage/.test(asked)) return written(table(['from_kind', 'from_name', 'to_kind', 'to_name', 'how', 'detail'].map((name) => [name, 'text']), edges));
  const wrong = /\bpricee\b/.exec(asked);
  if (wrong) {
    const before = asked.slice(0, wrong.index).split('\n');
    refuse(400, 'sql.invalid', 'there is no column `pricee`', { hint: 'did you mean `price`?', place: { line: before.length, column: before.at(-1).length + 1 } });
  }
  const many = /many/.test(asked);
  const found = many
    ? table([['n', 'int'], ['text', 'text'], ['half', 'float']], Array.from({ length: 25_000 }, (_, n) => [n, `row ${n}`, n / 2]))
    : /orders\b/.test(asked) && !/by_day/.test(asked)
      ? table(columns.orders, Array.from({ length: 100 }, (_, index) => Object.values(orderRow(index))))
      : byDay();
  if (parameters && parameters.some((each) => typeof each !== 'object')) refuse(400, 'call.invalid', 'parameters have types');
  return format === 'table' ? written(found) : Buffer.from(text(found));
}

const find = (name) => relations.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `there is no relation/${name}`);

export const answers = {
  'relation.list': ({ kind, text: wanted = '' }) => ({
    items: relations.filter((each) => (!kind || kind.split(',').includes(each.kind)) && (each.name + each.summary).toLowerCase().includes(wanted.toLowerCase())),
    next: null,
  }),
  'relation.get': ({ name }) => {
    const found = find(name);
    const own = found.kind === 'view' || found.kind === 'metric' ? columns.by_day : columns.orders;
    const end = (kind, name, how) => ({ kind, name, how, detail: null });
    return {
      ...found,
      columns: own.map(([column, type, summary, required = false, is_key = false, is_masked = false], at) => ({ name: column, number: at + 1, type, summary, required, is_key, is_masked })),
      rules: found.quality === 'none' ? [] : [
        { v: 1, quality: 'orders-rules', on: 'stream/orders', rule: 'price_there', check: 'not_null', action: 'set_aside', day: ago(60), checked: 4_120, failed: 0, first_failed: null, reason: null, error: null },
        { v: 1, quality: 'orders-rules', on: 'stream/orders', rule: 'price_in_range', check: 'range', action: 'warn', day: ago(60), checked: 4_120, failed: 12, first_failed: 112_001, reason: '`price` is -3.00, less than 0', error: null },
      ],
      lineage: { up: [], down: [end('view', 'late_orders', 'reads')] },
      ...(found.kind === 'stream' && { key: ['order_id'], time: null, retention: 'P5Y', first_offset: 0, next_offset: end_(), files: { folder: 'orders', version: 12, files: 31, bytes: 48_120_991, rows: 112_000, behind: 650 } }),
      ...(found.kind === 'view' && { refresh: 'commit', sql: 'SELECT date(_time) AS day, state, count(*) AS orders\nFROM orders\nGROUP BY 1, 2', problem: null }),
      ...(found.kind === 'metric' && { formula: 'avg(CASE WHEN arrived <= due THEN 1.0 ELSE 0.0 END)', from: 'shipments', grain: 'day', dimensions: ['state', { name: 'carrier', sql: 'lower(carrier)' }], unit: 'share' }),
    };
  },
  'sql.catalogue': () => ({
    relations: relations.map((each) => ({ name: each.name, schema: each.schema, table: each.name.split('.').at(-1), kind: each.kind, summary: each.summary, columns: (each.kind === 'view' ? columns.by_day : columns.orders).map(([name, type]) => ({ name, type })) })),
    functions: ['avg', 'count', 'date_trunc', 'lower', 'max', 'min', 'round', 'sum'],
    is_cut: false,
  }),
  'sql.query': sql,
  'sql.list': () => ({ items: [] }),
  'stream.read': ({ offset, last }) => {
    if (last === undefined && Number(offset) < end) {
      const rows = Array.from({ length: end - Number(offset) }, (_, index) => ({ ...orderRow(index), _offset: Number(offset) + index }));
      return { rows, next: end, end };
    }
    const count = Number(last ?? 0);
    return { rows: Array.from({ length: count }, (_, index) => orderRow(index)).reverse(), next: end, end };
  },
  'metric.query': ({ dimensions = [] }) => {
    const series = dimensions.length ? parts : [undefined];
    const names = [['window', 'time'], ...dimensions.map((name) => [name, 'text']), ['value', 'float'], ['samples', 'int']];
    return written(table(names, days.flatMap((day, at) => series.map((part, index) => [`${day}T00:00:00Z`, ...dimensions.map(() => part), 0.9 + ((at * 13 + index * 7) % 17) / 200, 100 + at]))));
  },
  'query.list': () => ({ items: queries.map(({ sql: _, ...query }) => query), next: null }),
  'query.get': ({ name }) => queries.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `there is no query/${name}`),
  'query.run': ({ format }) => (format === 'table' ? written(byDay()) : Buffer.from(text(byDay()))),
  'query.save': ({ name, sql: asked, summary, parameters, version }) => {
    const held = queries.find((each) => each.name === name);
    if (version === 0 && held) refuse(409, 'query.changed', `query \`${name}\` is at version ${held.version}`, { hint: 'take another name, or open it first' });
    if (held) Object.assign(held, { sql: asked, summary, parameters, version: held.version + 1 });
    else queries.push({ name, sql: asked, summary, parameters, version: 1, owner: 'user:ana', application: null, is_own: true, changed_by: 'user:ana', changed_at: new Date().toISOString() });
    return { name, version: 1 };
  },
  'query.delete': ({ name }) => {
    queries.splice(queries.findIndex((each) => each.name === name), 1);
    return {};
  },
  'kpi.explain': ({ name, window, where }) => ({
    kpi: name, metric: `${name}_share`, owner: 'user:ana',
    value: { window, window_end: window, dimensions: where, text: 'SP', value: 0.889, samples: 812, target: 0.92, direction: 'at_least', state: 'breached', at: ago(60) },
    breach: { process: 'on_time_review', instance: 5012, error: null },
    evaluation: { at: ago(60), commit: 88_120, version: 2, metrics: { on_time_share: 4 }, sources: [{ log: 'stream/shipments', end: 240_112 }] },
    sql: 'SELECT date_trunc(\'month\', _time) AS window, state, avg(is_on_time) AS value, count(*) AS samples\nFROM shipments\nGROUP BY 1, 2',
    behind: [{ metric: 'on_time_share', from: 'shipments', sql: 'SELECT * FROM shipments WHERE state = \'SP\' LIMIT 200', rows: Array.from({ length: 40 }, (_, index) => ({ order_id: `e48${index}`, carrier: 'correios', arrived: ago(index * 90), is_on_time: index % 7 ? 1 : 0 })) }],
  }),
};

function end_() {
  return end;
}

/** Has rows come, for the live tail. */
export function append(count = 1) {
  end += count;
}
