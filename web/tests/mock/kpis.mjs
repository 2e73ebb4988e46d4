// KPIs with their past, and what stands behind a value.
import { ago, now, page, refuse } from './base.mjs';
import { instances } from './instances.mjs';
import { orders } from './orders.mjs';

/** The first of a month: this one's with 0, next one's with -1. */
const month = (back) => {
  const today = new Date(now);
  return new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - back, 1)).toISOString();
};

const kpis = [
  ['on_time', 'In every state, 92 of 100 parcels arrive on time', 'on_time_share', 'share', 0.92, 'at_least', [0.95, 0.941, 0.938, 0.95, 0.929, 0.931, 0.926, 0.921, 0.92, 0.889], 'SP'],
  ['answer_time', 'A request is answered within a working day', 'answer_hours', 'hours', 8, 'at_most', [11.2, 9.8, 9.1, 7.6, 8.2, 7.1, 6.6, 6.9, 5.8, 5.4], null],
  ['refunds', 'No more than 2 of 100 orders are paid back', 'refund_share', 'share', 0.02, 'at_most', [0.014, 0.013, 0.017, 0.012, 0.015, 0.016, 0.011, 0.013, 0.012, 0.0121], null],
  ['revenue', 'Revenue of a month', 'revenue', 'BRL', 1_200_000, 'at_least', [880_120, 905_300, 990_020, 1_020_400, 1_101_000, 1_098_000, 1_162_300, 1_204_500, 1_239_900, 1_287_330.5], null],
].map(([name, summary, metric, unit, target, direction, history, worst]) => {
  const stateOf = (value) => ((direction === 'at_least' ? target <= value : value <= target) ? 'met' : 'breached');
  const values = history.map((value, at) => {
    const [window, window_end] = [month(history.length - at), month(history.length - at - 1)];
    return { window, window_end, dimensions: worst ? { state: worst } : {}, text: worst ?? '', value, samples: 812, target, direction, state: stateOf(value), at: window_end };
  });
  const [before, last] = history.slice(-2);
  const isBetter = direction === 'at_least' ? before < last : last < before;
  const breaches = values.filter(({ state }) => state === 'breached').length;
  const row = { name, summary, metric, unit, window: month(1), value: last, worst, target, direction, state: stateOf(last), values: values.length, breaches, trend: isBetter ? 'better' : 'worse', owner: 'user:ana', next: month(0), due: month(-1), pending: 0, problem: null };
  return { row, values };
});
const named = (name) => kpis.find(({ row }) => row.name === name) ?? refuse(404, 'resource.not_found', `there is no KPI \`${name}\``);

export const answers = {
  'kpi.list': ({ values: count = 0 }) => page(kpis.map(({ row, values }) => (Number(count) ? { ...row, recent: values.slice(-Number(count)).map(({ window, value, state }) => ({ window, value, state })) } : row))),
  'kpi.get': ({ name }) => {
    const { row, values } = named(name);
    return { ...row, values, spec: { summary: row.summary, window: 'month', ...(name === 'on_time' && { on_breach: { process: 'on-time-review' } }) } };
  },
  'kpi.explain': ({ name, window }) => {
    const { row, values } = named(name);
    const value = values.find((each) => each.window === window) ?? values.at(-1);
    const review = instances.find((each) => each.process === 'on-time-review');
    const rows = orders.slice(0, 40).map(({ order_id, state, due }, at) => ({ order_id, state, due, carrier: 'correios', arrived: ago(at * 90), is_on_time: at % 7 ? 1 : 0 }));
    return {
      kpi: name, metric: row.metric, owner: row.owner, value,
      breach: value.state === 'breached' ? { process: 'on-time-review', instance: review.instance, error: null } : null,
      evaluation: { at: value.at, commit: 88_120, version: 2, metrics: { [row.metric]: 4 }, sources: [{ log: 'stream/shipments', end: 240_112 }] },
      sql: "SELECT date_trunc('month', _time) AS window, state, avg(is_on_time) AS value, count(*) AS samples\nFROM shipments\nGROUP BY 1, 2",
      behind: [{ metric: row.metric, from: 'shipments', sql: "SELECT * FROM shipments WHERE state = 'SP' LIMIT 200", rows }],
    };
  },
};
