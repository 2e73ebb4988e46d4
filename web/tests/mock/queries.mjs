// Shared queries, with what they answer.
import { ago, has, page, refuse, rowsAs } from './base.mjs';
import { instances } from './instances.mjs';
import { byDay, byDayColumns, days, orders } from './orders.mjs';
import { tasks } from './tasks.mjs';

const standing = { completed: 'delivered', cancelled: 'cancelled' };
const stateOf = ({ order_id, isLate }) => {
  const instance = instances.find((row) => row.process === 'order-to-delivery' && row.business_key === order_id);
  return standing[instance?.state] ?? (isLate ? 'late' : 'open');
};
const orderColumns = [['order_id', 'text'], ['estimated_at', 'time'], ['city', 'text'], ['value', 'decimal(12,2)'], ['state', 'text']];
const orderRow = (order) => [order.order_id, order.due, order.city, order.price, stateOf(order)];
const taskOf = ({ order_id }) => tasks.find((row) => row.process === 'tell-customer' && row.business_key === order_id)?.task ?? null;

const query = (name, summary, columns, rows, more = {}) => ({
  name, summary, columns, rows, owner: 'user:ana', application: 'retail', is_own: false, version: 3, changed_by: 'user:ana', changed_at: ago(1_440), parameters: [], sql: `SELECT ${columns.map(([column]) => column).join(', ')}\nFROM orders`, ...more,
});
const queries = [
  query(
    'late-orders', 'Orders that are late', [...orderColumns, ['late_share', 'float'], ['task', 'text']],
    () => orders.filter((order) => stateOf(order) === 'late').map((order) => [...orderRow(order), order.lateShare, taskOf(order)]),
    { parameters: [{ name: 'before', type: 'time', default: null, label: { en: 'Due before', zh: '截止于' } }, { name: 'state', default: null }] },
  ),
  query('order', 'One order', orderColumns, ({ order }) => orders.filter(({ order_id }) => order_id === order).map(orderRow), { parameters: [{ name: 'order' }] }),
  query(
    'orders-by-day', 'Orders and revenue of each day', byDayColumns, ({ state }) => byDay().filter(([, each]) => has(state, each)),
    {
      application: null, is_own: true, sql: 'SELECT day, state, orders, revenue\nFROM desk.by_day\nWHERE $state IS NULL OR state = $state\nORDER BY day',
      parameters: [{ name: 'state', default: null, label: { en: 'State', zh: '州' } }],
    },
  ),
  query('late-by-day', 'Orders of each day, and how many of them came late', [['day', 'time'], ['orders', 'int'], ['late_orders', 'int']], () => days.map((day, at) => [`${day}T00:00:00Z`, 40 + ((at * 17) % 23), 2 + ((at * 5) % 9)])),
  query('steps', 'How far orders came', [['step', 'text'], ['orders', 'int']], () => [['placed', 912], ['paid', 871], ['handed over', 802], ['delivered', 744]]),
];
const named = (name) => queries.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `there is no query/${name}`);
const shown = ({ rows: _, columns: __, ...row }) => row;

export const answers = {
  'query.list': () => page(queries.map(shown).map(({ sql: _, ...row }) => row)),
  'query.get': ({ name }) => shown(named(name)),
  'query.run': ({ name, parameters = {}, format, limit = 100_000, offset = 0, search, order = [] }) => {
    const { columns, rows } = named(name);
    const at = (key) => columns.findIndex(([column]) => column === key);
    const text = search?.text.toLowerCase() ?? '';
    const found = rows(parameters).filter((row) => text === '' || (search.columns ?? []).some((key) => String(row[at(key)]).toLowerCase().includes(text)));
    const [by] = order;
    if (by) {
      const key = at(by.replace(/^-/, ''));
      found.sort((one, other) => (one[key] < other[key] ? -1 : 1) * (by.startsWith('-') ? -1 : 1));
    }
    return rowsAs(format, columns, found.slice(offset, offset + limit));
  },
  'query.save': ({ name, sql, summary, parameters, version }, { user, changed }) => {
    const held = queries.find((each) => each.name === name);
    if (version === 0 && held) refuse(409, 'query.changed', `query \`${name}\` is at version ${held.version}`, { hint: 'take another name, or open it first' });
    if (held) Object.assign(held, { sql, summary, parameters, version: held.version + 1 });
    else queries.push(query(name, summary, byDayColumns, byDay, { sql, parameters, version: 1, owner: `user:${user}`, application: null, is_own: true, changed_by: `user:${user}`, changed_at: ago(0) }));
    changed('query');
    return { name, version: held?.version ?? 1 };
  },
  'query.delete': ({ name }, { changed }) => {
    queries.splice(queries.indexOf(named(name)), 1);
    changed('query');
    return {};
  },
};
