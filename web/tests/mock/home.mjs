// What the frame and the home page read.

const now = Date.now();
const ago = (minutes) => new Date(now - minutes * 60_000).toISOString();

const all = `audit.list bulk.get bulk.list bulk.start bulk.stop contract.accept contract.calls contract.get contract.list contract.propose contract.reject contract.revoke decision.evaluate decision.explain
decision.get decision.list file.create file.read incident.get incident.list incident.resolve instance.cancel instance.get instance.history instance.list instance.migrate instance.move instance.resume
instance.set_variables instance.suspend form.get form.list kpi.explain kpi.get kpi.list ledger.list metric.query metric.read node.list offer.list peer.add peer.get peer.list policy.check policy.mine policy.who policy.why
process.get process.list process.publish process.resume process.start process.suspend quality.get quality.list query.delete query.list query.run query.save quota.list receipt.get receipt.list relation.read
resource.get resource.history resource.list running.kill running.limit running.list running.pause running.resume screen.get screen.list session.end session.list sql.describe sql.list sql.query
stream.append stream.read subscription.create table.read task.assign task.claim task.complete task.get task.list task.unclaim token.create token.delete token.list unit.usage unit.whoami user.set_password
view.read contract.disputes contract.settle contract.withdraw user.list user.delete_password`.split(/\s+/);

const few = ['policy.mine', 'unit.whoami', 'process.list', 'process.get', 'decision.list', 'kpi.list', 'kpi.get', 'view.read', 'metric.read'];

const month = (back) => new Date(Date.UTC(2026, 10 - back, 1)).toISOString();

const kpis = [
  ['on_time', 'In every state, 92 of 100 parcels arrive on time', 'share', 0.92, 'at_least', [0.95, 0.941, 0.938, 0.95, 0.929, 0.931, 0.926, 0.917, 0.92, 0.889], 'SP', 'Parcels on time'],
  ['answer_time', 'A request is answered within a working day', 'hours', 8, 'at_most', [11.2, 9.8, 9.1, 7.6, 8.2, 7.1, 6.6, 6.9, 5.8, 5.4], null],
  ['refund_share', 'No more than 2 of 100 orders are paid back', 'share', 0.02, 'at_most', [0.014, 0.013, 0.017, 0.012, 0.015, 0.016, 0.011, 0.013, 0.012, 0.0121], null],
  ['revenue', 'Revenue of a month', 'BRL', 1_200_000, 'at_least', [880_120, 905_300, 990_020, 1_020_400, 1_101_000, 1_098_000, 1_162_300, 1_204_500, 1_239_900, 1_287_330.5], null],
].map(([name, summary, unit, target, direction, history, worst]) => {
  const value = history.at(-1);
  const before = history.at(-2);
  const isMet = direction === 'at_least' ? target <= value : value <= target;
  const isBetter = direction === 'at_least' ? before < value : value < before;
  return {
    row: {
      name, summary, metric: `${name}_share`, unit, window: month(1), value, worst, target, direction, state: isMet ? 'met' : 'breached', values: 27, breaches: isMet ? 0 : 3,
      trend: isBetter ? 'better' : 'worse', owner: 'user:ana', next: month(0), due: month(-1), pending: 0, problem: null,
    },
    values: history.map((each, index) => ({
      window: month(history.length - index), window_end: month(history.length - index - 1), dimensions: {}, text: worst ?? '', value: each, samples: 812, target, direction, state: 'met', at: ago(60),
    })),
  };
});

const task = (task, name, business_key, process, more = {}) => ({
  task, instance: Number(task.split('-')[0]), process, business_key, kind: name.toLowerCase().replaceAll(' ', '_'), name, state: 'created', assignee: null, candidates: ['desk'], due: null, form: null,
  created_at: ago(95), ended_at: null, completed_by: null, ...more,
});

export const tasks = [
  task('4127-6', 'Approve the refund', 'order-8812', 'refund', { due: ago(190), assignee: 'ana', state: 'claimed', form: 'refund' }),
  task('4140-3', 'Look into a late parcel', 'order-9034', 'order-to-delivery', { due: ago(-130), form: 'late' }),
  task('4141-3', 'Look into a late parcel', 'order-9041', 'order-to-delivery', { due: ago(-400), created_at: ago(40) }),
  task('4151-2', 'Answer the request', 'r-2210', 'answer-request', { created_at: ago(12) }),
  task('4160-2', 'Answer the request', 'r-2214', 'answer-request', { created_at: ago(3) }),
];

const incident = (incident, code, message, process, element, business_key, minutes) => ({
  incident, instance: Number(incident.split('-')[0]), process, business_key, code, message, element, at: ago(minutes),
});

export const incidents = [
  incident('4098-12', 'feel.failed', '`weight_g * rate` has no value: `weight_g` is null', 'order-to-delivery', 'note-delivery', 'order-8790', 14),
  incident('4061-4', 'job.retries', 'job `label` failed 3 times: the printer does not answer', 'order-to-delivery', 'deliver', 'order-8741', 122),
  incident('3990-9', 'contract.paused', 'contract `logistics` is paused', 'order-to-delivery', 'authorise', 'order-8655', 1_530),
];

const ledger = (contract, peer, capability, side, calls, open, owed) => ({
  contract, peer, capability, side, state: 'in_force', calls, answered: calls - open, cancelled: 0, failed: 0, open, owed, agreed: owed, disputed: '0', currency: 'BRL', reads: 0, rows: 0, bytes: 0,
});

export const answers = {
  'unit.whoami': (_, { user }) => ({ principal: `user:${user}`, roles: user === 'nobody' ? [] : user === 'viewer' ? ['viewer'] : ['operator', 'approver', 'analyst'] }),
  'policy.mine': (_, { user }) => {
    const names = user === 'nobody' ? ['policy.mine', 'unit.whoami'] : user === 'viewer' ? few : all;
    return { operations: Object.fromEntries(names.map((name) => [name, name === 'task.complete' ? 'some' : 'all'])) };
  },
  'screen.list': () => ({
    items: [
      { name: 'late-orders', application: 'retail', title: { en: 'Late orders', zh: '逾期订单' }, menu: { en: 'Orders', zh: '订单' }, order: 10, on: ['desk', 'phone'] },
      { name: 'returns', application: 'retail', title: { en: 'Returns', zh: '退货' }, menu: { en: 'Orders', zh: '订单' }, order: 20, on: ['desk', 'phone'] },
    ],
  }),
  'kpi.list': () => ({ items: kpis.map(({ row }) => row) }),
  'kpi.get': ({ name }) => {
    const found = kpis.find(({ row }) => row.name === name);
    return { ...found.row, values: found.values, spec: {} };
  },
  'task.list': () => ({ items: tasks, next: null }),
  'ledger.list': () => ({
    items: [
      ledger('logistics', 'logistics', 'deliver', 'consumer', 9_034, 311, '135510.00'),
      ledger('payment', 'payment', 'authorise', 'consumer', 9_120, 0, '9120.00'),
      ledger('market', 'shopfront', 'orders', 'provider', 2_410, 12, '4820.50'),
    ],
  }),
  'resource.list': ({ kind }) => ({ items: { stream: ['orders', 'shipments', 'requests'], table: ['orders'], view: ['late_orders'], metric: ['on_time_share'] }[kind]?.map((name) => ({ kind, name })) ?? [] }),
  'user.set_password': ({ current }) => {
    if (current === 'wrong') throw Object.assign(new Error(), { problem: { status: 403, code: 'sign_in.refused', kind: 'forbidden', detail: 'the current password is wrong' } });
    return {};
  },
};
