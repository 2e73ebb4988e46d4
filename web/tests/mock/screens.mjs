// What the rooms of screens read: a dashboard with every kind of part, a list with links, and what it leads to.
import { refuse } from '../mock.mjs';

const day = (back) => new Date(Date.UTC(2026, 10, 23 - back)).toISOString();
const cities = ['São Paulo', 'Rio de Janeiro', 'Belo Horizonte', 'Curitiba', 'Porto Alegre', 'Salvador', 'Recife'];
const orders = Array.from({ length: 240 }, (_, index) => ({
  order_id: `order-${9034 - index}`,
  estimated_at: day(1 + (index % 9)),
  city: cities[index % cities.length],
  value: (40 + ((index * 37) % 900) + 0.9).toFixed(2),
  late_share: 0.01 * (index % 40),
  state: ['late', 'open', 'delivered', 'cancelled'][index % 4],
  task: `${4140 + index}-3`,
}));

const column = (name, type = 'text') => ({ name, type });
const queries = {
  'late-orders': () => ({
    columns: [column('order_id'), column('estimated_at', 'time'), column('city'), column('value', 'decimal(12,2)'), column('late_share', 'float'), column('state'), column('task')],
    rows: orders,
  }),
  order: ({ order }) => ({ columns: [column('order_id'), column('estimated_at', 'time'), column('city'), column('value', 'decimal(12,2)'), column('state')], rows: orders.filter((row) => row.order_id === order) }),
  'by-day': () => ({
    columns: [column('day', 'time'), column('orders', 'int'), column('late_orders', 'int')],
    rows: Array.from({ length: 30 }, (_, index) => ({ day: day(30 - index), orders: 40 + ((index * 17) % 23), late_orders: 2 + ((index * 5) % 9) })),
  }),
  steps: () => ({ columns: [column('step'), column('orders', 'int')], rows: [['placed', 912], ['paid', 871], ['handed over', 802], ['delivered', 744]].map(([step, count]) => ({ step, orders: count })) }),
};

const label = (en, zh) => ({ en, zh });
const actions = [
  { label: label('Take it', '领取'), operation: 'task.claim', resource: 'task/$task', confirm: true },
  { label: label('Told', '已通知'), operation: 'task.complete', resource: 'task/$task', form: 'late' },
];
const columns = [
  { name: 'order_id', label: label('Order', '订单'), format: 'code', link: { screen: 'order', parameters: { order: '$order_id' } } },
  { name: 'state', label: label('State', '状态'), format: 'status' },
  { name: 'estimated_at', label: label('Promised for', '承诺日期'), format: 'date' },
  { name: 'city', label: label('City', '城市') },
  { name: 'late_share', label: label('Late', '逾期率'), format: 'percent' },
  { name: 'value', label: label('Value', '金额'), format: 'money' },
];

const screens = {
  'late-orders': {
    title: label('Late orders', '逾期订单'),
    menu: label('Orders', '订单'),
    parameters: [{ name: 'city', type: 'text', label: label('City', '城市'), default: 'all' }],
    parts: [
      { text: label('The promised day has passed and the parcel is not at the customer’s door.', '已超过承诺日期，包裹仍未送达。') },
      { list: { query: 'late-orders', columns, search: ['order_id', 'city'], actions } },
    ],
  },
  overview: {
    title: label('How orders are doing', '订单概况'),
    menu: label('Overview', '概况'),
    parts: [
      { kpi: { name: 'on_time' }, width: 'third' },
      { kpi: { name: 'answer_time' }, width: 'third' },
      { kpi: { name: 'revenue' }, width: 'third' },
      { title: label('By day', '每日'), width: 'half', chart: { query: 'by-day', kind: 'area', x: 'day', y: ['orders', 'late_orders'] } },
      { title: label('How far they came', '漏斗'), width: 'half', chart: { query: 'steps', kind: 'funnel', x: 'step', y: ['orders'] } },
      { title: label('By step', '各阶段'), list: { query: 'steps' } },
    ],
  },
  order: {
    title: label('An order', '订单详情'),
    parameters: [{ name: 'order', type: 'text', label: label('Order', '订单') }],
    parts: [
      { width: 'half', detail: { query: 'order', parameters: { order: '$order' }, fields: columns.slice(0, 4), actions: [actions[0]] } },
      { width: 'half', title: label('The customer cancels', '顾客取消订单'), form: { operation: 'stream.append', resource: 'stream/cancellations', form: 'late', values: { order_id: '$order' } } },
    ],
  },
};

const entry = (name, heading, order) => ({ name, application: 'retail', application_title: label('The shop', '商店'), heading, title: screens[name].title, order, on: ['desk', 'phone'] });

export const answers = {
  'screen.list': () => ({ items: [entry('overview', screens.overview.menu, 10), entry('late-orders', screens['late-orders'].menu, 20)] }),
  'screen.get': ({ name }) => {
    if (!screens[name]) refuse(404, 'resource.not_found', `screen \`${name}\` does not exist`);
    return { name, version: 1, application: 'retail', application_title: label('The shop', '商店'), spec: screens[name] };
  },
  'query.run': ({ name, parameters = {}, limit = 1_000, offset = 0, search, order = [] }) => {
    if (!queries[name]) refuse(404, 'resource.not_found', `query \`${name}\` does not exist`);
    const { columns: of, rows } = queries[name](parameters);
    const text = search?.text.toLowerCase() ?? '';
    const found = rows.filter((row) => text === '' || (search.columns ?? []).some((key) => String(row[key]).toLowerCase().includes(text)));
    const [by] = order;
    const key = by?.replace(/^-/, '');
    if (by) found.sort((one, other) => (one[key] < other[key] ? -1 : 1) * (by.startsWith('-') ? -1 : 1));
    return { columns: of, rows: found.slice(offset, offset + limit).map((row) => of.map((each) => row[each.name] ?? null)) };
  },
};
