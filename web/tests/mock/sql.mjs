// The door of SQL: what statements of the console and of tests ask for, found by the relation that they read from.
import { page, refuse, rowsAs } from './base.mjs';
import { edges, newest, orderColumns, relations } from './data.mjs';
import { dailyReceipts, levels } from './exchange.mjs';
import { byDay, byDayColumns } from './orders.mjs';
import { memory, uses } from './system.mjs';
import { actionsOf, pastOf } from './things.mjs';

/** Columns and rows of objects that all have the same fields. */
const ofObjects = (rows) => [Object.keys(rows[0] ?? {}).map((name) => [name, 'text']), rows.map((row) => Object.values(row))];
const orders = () => [orderColumns, newest(100).map((row) => Object.values(row))];

const asked = {
  orders,
  orders_latest: orders,
  orders_set_aside: orders,
  shipments: orders,
  order_late: orders,
  outcomes: orders,
  cancellations: orders,
  requests: orders,
  many: () => [[['n', 'int'], ['text', 'text'], ['half', 'float']], Array.from({ length: 25_000 }, (_, n) => [n, `row ${n}`, n / 2])],
  'system.lineage': () => [['from_kind', 'from_name', 'to_kind', 'to_name', 'how', 'detail'].map((name) => [name, 'text']), edges],
  'system.service_levels': ([on]) => ofObjects(levels.filter((level) => level.on === on)),
  'system.receipts': () => ofObjects(dailyReceipts()),
  'system.memory': () => ofObjects(memory),
  'system.quotas': () => ofObjects(uses),
  'system.rule_actions': ([rule]) => ofObjects(actionsOf(rule)),
  van_positions: () => ofObjects(pastOf(['lat', 'lon', 'speed'])),
  parcel_temperatures: () => ofObjects(pastOf(['temperature'])),
};

function query({ sql, format, parameters = [], tag }) {
  if (tag !== undefined && !/^[\w.~-]{1,64}$/.test(tag)) refuse(400, 'call.invalid', '`tag` has letters, digits and `-._~`, 64 at most');
  const wrong = /\bpricee\b/.exec(sql);
  if (wrong) {
    const before = sql.slice(0, wrong.index).split('\n');
    refuse(400, 'sql.invalid', 'there is no column `pricee`', { hint: 'did you mean `price`?', place: { line: before.length, column: before.at(-1).length + 1 } });
  }
  const from = /\bFROM\s+([\w.]+)/i.exec(sql.replaceAll('"', ''))?.[1];
  const read = asked[from] ?? (relations.some(({ name }) => name === from) ? () => [byDayColumns, byDay()] : undefined);
  return read ? rowsAs(format, ...read(parameters)) : refuse(400, 'sql.invalid', `the mock has no relation \`${from ?? ''}\``);
}

export const answers = {
  'sql.query': query,
  'sql.list': () => page([]),
  'sql.catalogue': () => ({
    relations: relations.map(({ name, schema, kind, summary }) => ({
      name, schema, table: name.split('.').at(-1), kind, summary, columns: (kind === 'view' || kind === 'metric' ? byDayColumns : orderColumns).map(([column, type]) => ({ name: column, type })),
    })),
    functions: ['avg', 'count', 'date_trunc', 'lower', 'max', 'min', 'round', 'sum'],
    is_cut: false,
  }),
};
