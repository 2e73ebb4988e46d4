// What the rooms `rules` and `system` read. What they ask in SQL, and resources of other kinds, is answered by the files of their rooms.

import { sql as exchangeSql } from './exchange.mjs';
import { answers as home } from './home.mjs';

const data = await import('./data.mjs').catch(() => ({ answers: {} }));
const now = Date.now();
const ago = (minutes) => new Date(now - minutes * 60_000).toISOString();

const resource = (kind, name, spec) => ({ kind, name, version: 1, owner: 'user:owner', labels: { 'craton/application': 'retail' }, spec, changed_by: 'user:owner', changed_at: ago(9_000) });
const roles = [
  resource('role', 'care', {
    summary: 'Speaks with customers',
    policies: '@id("sees-orders")\npermit (\n  principal in Role::"care",\n  action in Action::"Read",\n  resource\n) when { resource in [Kind::"stream", Kind::"process", Kind::"instance", Kind::"task"] };\n',
  }),
  resource('role', 'fulfilment', {
    summary: 'Takes orders through payment and delivery',
    policies:
      '@id("calls-partners")\npermit (\n  principal in Role::"fulfilment",\n  action == Action::"contract.call",\n  resource in Kind::"contract"\n) when { ["payment", "logistics"].contains(resource.name) };\n@id("notes")\npermit (\n  principal in Role::"fulfilment",\n  action == Action::"stream.append",\n  resource in Kind::"stream"\n) when { ["order_late", "outcomes"].contains(resource.name) };\n',
  }),
];
const quotas = [
  resource('quota', 'partners', { for: 'role/partner', summary: 'Programs of partners, each of them', rate: 200, burst: 400, concurrency: 20, bytes: 10_000_000, queries: { concurrency: 2, memory: 67_108_864, time: 'PT10S', rows: 100_000 } }),
  resource('quota', 'retail', { for: 'application/retail', storage: 5_368_709_120, concurrency: 400 }),
  resource('quota', 'appends', { for: 'user/flo', rate: 50, operations: ['stream.append'] }),
];
const user = (name, held, summary, more = {}) => ({ user: name, summary, declared: true, identity: null, roles: held, password_set: ago(20_000), tokens: 0, sessions: 1, seen: ago(4), ...more });
const users = [
  user('ana', ['analyst', 'approver', 'operator'], 'Runs the shop'),
  user('anil', ['analyst'], "Reads the shop's numbers", { seen: ago(2_900), tokens: 2 }),
  user('carla', ['approver', 'care'], 'Tells customers and approves'),
  user('acme-id/lin', ['viewer'], null, { declared: false, identity: 'acme-id/lin', password_set: null, seen: ago(61) }),
  user('flo', [], 'The program of a partner', { password_set: null, tokens: 1, sessions: 0, seen: null }),
  user('owner', ['owner'], 'The first person of the unit.', { seen: ago(30_000), sessions: 0, tokens: 1 }),
];
const session = (id, of, by, minutes) => ({ id, user: of, summary: minutes < 10 ? 'Chromium' : '', by, source: '192.0.2.17', created: ago(minutes + 60), seen: ago(minutes), expires: ago(minutes - 700) });
const sessions = [session('8ce067abd1d8', 'ana', 'password', 1), session('77ac0e2f1b90', 'acme-id/lin', 'provider:acme-id', 61), session('5d01bb72e4c3', 'carla', 'password', 14)];
const tokens = [
  { id: '751a3717924f', user: 'anil', summary: 'monthly report', scope: ['Read'], expires: ago(-90_000), created: ago(50_000) },
  { id: 'e7639627decb', user: 'owner', summary: 'made with the unit', scope: [], expires: null, created: ago(90_000) },
  { id: '20b7e61c55aa', user: 'flo', summary: 'appends orders', scope: ['Read', 'Write'], expires: null, created: ago(80_000) },
];
const use = (principal, running, refused, more = {}) => ({ principal, quota: null, rate: 100_000, burst: 200_000, concurrency: 10_000, bytes: 1_073_741_824, query_bytes: null, query_ms: null, running, refused, limited: false, ...more });
const uses = [
  use('user:flo', 18, 184_102, { rate: 200, concurrency: 20, bytes: 10_000_000, query_bytes: 67_108_864, query_ms: 10_000, limited: true }),
  use('user:flo', 0, 211, { quota: 'appends', rate: 50, bytes: null, concurrency: null }),
  use('peer:2eabc84c1d54e6edb19c326129b641aa62f44559e61f46ce0fd5770a6b040e71', 2, 0),
  use('user:ana', 1, 0),
];
const deeds = [
  ['user:ana', 'task.complete', 'task/4127-6', 'allowed'],
  ['process:order-to-delivery', 'contract.call', 'contract/logistics', 'allowed'],
  ['user:flo', 'stream.append', 'stream/orders', 'quota.exceeded'],
  ['user:anil', 'sql.query', 'sql', 'allowed'],
  ['user:anil', 'token.create', 'token', 'policy.forbidden'],
  ['anonymous', 'session.create', 'session', 'sign_in.refused'],
  ['user:owner', 'resource.apply', 'resource', 'allowed'],
];
const lines = Array.from({ length: 70 }, (_, at) => {
  const [actor, operation, on, outcome] = deeds[at % deeds.length];
  return {
    number: 90_412 - at, wall: ago(1 + at * 3), business: ago(1 + at * 3), actor, ...(actor.startsWith('process') ? { on_behalf_of: 'user:bob' } : {}), operation, resource: on, outcome,
    policies: outcome === 'allowed' ? ['roles/operator-runs'] : [], count: operation === 'sql.query' ? 12 : 1,
  };
});
const running = [
  ['query/q7', 'query', 'SELECT state, count(*) AS orders, avg(total) FROM orders JOIN shipments USING (order_id) GROUP BY state ORDER BY 2 DESC', 'user:anil', null, 0.2, 5_120, 8_388_608, 0, 'running', null],
  ['instance/4127', 'instance', 'refund order-8812', 'process:refund', 'user:bob', 95, null, null, null, 'active', 'process/refund'],
  ['instance/4098', 'instance', 'order-to-delivery order-8790', 'process:order-to-delivery', 'user:bob', 180, null, null, null, 'failed', 'process/order-to-delivery'],
  ['instance/4061', 'instance', 'order-to-delivery order-8741', 'process:order-to-delivery', null, 700, null, null, null, 'suspended', 'process/order-to-delivery'],
  ['job/4061-3', 'job', 'label order-8741', 'user:packer', 'process:order-to-delivery', 12, null, null, null, 'held', 'instance/4061'],
  ['call/logistics/9081', 'call', 'deliver', 'process:order-to-delivery', null, 30, null, null, null, 'open', 'contract/logistics'],
  ['work/tables', 'work', 'looks after tables and materialised views', 'unit:tables', null, 3_000, 1_840, null, null, 'running', null],
  ['work/kpis', 'work', 'evaluates KPIs and quality rules', 'unit:kpis', null, 3_000, 220, null, null, 'paused', null],
].map(([id, kind, what, principal, behalf, minutes, cpu, memory, rows, state, of]) => ({
  id, kind, what, tag: null, resource: of, principal, on_behalf_of: behalf, since: ago(minutes), cpu_ms: cpu, memory_bytes: memory, rows, bytes: rows, state,
}));
const parts = [['process', 412_876_800, 1_610_612_736, 0], ['columns', 88_080_384, null, null], ['queries', 8_388_608, 536_870_912, 3], ['bodies', 91_337, null, null]];

const builtIn = (id, line) => ({ policy: `roles/${id}`, line, effect: 'permit' });
const careDecided = { policy: 'role:care/sees-orders', role: 'care', line: 1, effect: 'permit' };
const rolesOf = (principal) => users.find((each) => `user:${each.user}` === principal)?.roles ?? [];

function why({ operation, resource: on, as }, { user: me }) {
  const who = as ?? `user:${me}`;
  const held = rolesOf(who);
  const allowed = held.includes('operator') || held.includes('owner') || (held.includes('care') && /\.(get|list|read)$/.test(operation));
  const policies = !allowed ? [] : held.includes('care') ? [careDecided] : [builtIn('operator-runs', 8)];
  const reason = allowed ? `permitted by ${policies[0].policy} (line ${policies[0].line})` : `no policy permits \`${operation}\` on ${on} to ${who}`;
  const step = (name, passed, detail) => ({ step: name, passed, detail });
  return {
    allowed, admitted: allowed, as: who, operation, resource: on, roles: held, reason,
    steps: [step('find', true, `${on} is there`), step('scope', true, 'the credential is not cut down'), step('policies', allowed, reason), step('quotas', true, 'no limit is used up now')],
    policies, roles_that_may: allowed ? [] : ['operator', 'owner'],
  };
}

export const answers = {
  'policy.why': why,
  'policy.check': (asked, context) => ({ allowed: why(asked, context).allowed }),
  'policy.who': ({ operation, resource: on }) => ({
    operation, resource: on, exists: true, everybody: [],
    roles: [{ role: 'care', policies: [careDecided] }, { role: 'operator', policies: [builtIn('operator-runs', 8)] }, { role: 'owner', policies: [builtIn('owner', 3)] }],
    items: [
      { principal: 'user:ana', roles: ['analyst', 'approver', 'operator'], policies: [builtIn('operator-runs', 8)] },
      { principal: 'user:carla', roles: ['approver', 'care'], policies: [careDecided] },
      { principal: 'user:owner', roles: ['owner'], policies: [builtIn('owner', 3)] },
    ],
    more: false, next: null,
  }),
  'audit.list': ({ actor = '', operation = '', resource: on = '', outcome = '', text = '' }) => {
    const fits = (line) =>
      line.actor.includes(actor) && line.operation.startsWith(operation) && line.resource.startsWith(on) && JSON.stringify(line).toLowerCase().includes(text.toLowerCase()) &&
      (outcome === '' || (outcome === 'refused' ? line.outcome !== 'allowed' : line.outcome.startsWith(outcome)));
    return { items: lines.filter(fits), more: false, next: null, back_to: ago(4_000) };
  },
  'resource.list': (asked, context) => {
    const own = { role: roles, quota: quotas }[asked.kind];
    return own ? { items: own } : (data.answers['resource.list'] ?? home['resource.list'])(asked, context);
  },
  'user.list': () => ({ items: users, more: false, next: null }),
  'session.list': () => ({ items: sessions }),
  'session.end': ({ name }, { changed }) => {
    sessions.splice(sessions.findIndex((each) => each.id === name), 1);
    changed('session');
    return {};
  },
  'token.list': () => ({ items: tokens }),
  'token.create': ({ user: of }) => ({ id: '0f', user: of, token: 'craton_41748ad20a5c2d33bc8688e613bbe84e8d28b611229240e5bdeb1dbfb70c6e36' }),
  'running.list': ({ kind, state }) => ({ items: running.filter((row) => (!kind || row.kind === kind) && (!state || row.state === state)), more: false, next: null }),
  'running.kill': ({ id }) => ({ items: [{ id, outcome: 'done' }] }),
  'running.pause': ({ id }) => ({ items: [{ id, outcome: 'done' }] }),
  'running.resume': ({ id }) => ({ items: [{ id, outcome: 'done' }] }),
  'running.limit': ({ id, principal }) => ({ id, principal, limits: {} }),
  'node.list': () => ({
    items: [
      {
        name: 'desk', cpus: 2, cpu_percent: 38.5 + (Date.now() % 7), load: [1.2, 0.9, 0.7], memory_total: 8_589_934_592, memory_available: 5_368_709_120, memory_used: 412_876_800, memory_max: 1_610_612_736,
        disk_total: 42_949_672_960, disk_free: 5_368_709_120, disk_free_min: 268_435_456, files_open: 61, files_max: 1_024, calls: 9_812_004, calls_refused: 184_313, commits: 1_201_877, warnings: [],
      },
    ],
  }),
  'unit.usage': () => ({ commits: 1_201_877, bytes_synced: 9_812_004_112, signatures: 40_312, cpu_seconds: 5_120.5, memory_bytes: 412_876_800 }),
  'sql.query': (asked, context) => {
    const { sql = '', parameters } = asked;
    if (sql.includes('system.memory')) return parts.map(([part, bytes, limit, refused]) => ({ part, bytes, limit, refused }));
    if (sql.includes('system.quotas')) return uses;
    return exchangeSql(sql, parameters) ?? data.answers['sql.query']?.(asked, context) ?? [];
  },
};
