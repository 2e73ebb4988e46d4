// Screens of the shop's application: a dashboard with every kind of part, a list with links, and what it leads to.
import { page, refuse } from './base.mjs';

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
      { title: label('By day', '每日'), width: 'half', chart: { query: 'late-by-day', kind: 'area', x: 'day', y: ['orders', 'late_orders'] } },
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
  'screen.list': () => page([entry('overview', screens.overview.menu, 10), entry('late-orders', screens['late-orders'].menu, 20)]),
  'screen.get': ({ name }) => {
    if (!screens[name]) refuse(404, 'resource.not_found', `screen \`${name}\` does not exist`);
    return { name, version: 1, application: 'retail', application_title: label('The shop', '商店'), spec: screens[name] };
  },
};
