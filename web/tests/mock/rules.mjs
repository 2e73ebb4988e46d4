// People, roles and what they may do; sessions, tokens, quotas; the audit.
import { ago, page, refuse } from './base.mjs';
import { relations } from './data.mjs';
import { types } from './things.mjs';

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
const user = (name, held, summary, more = {}) => ({ user: name, summary, declared: true, identity: null, roles: held, password_set: ago(20_000), seen: ago(4), ...more });
const users = [
  user('ana', ['analyst', 'approver', 'operator'], 'Runs the shop'),
  user('anil', ['analyst'], "Reads the shop's numbers", { seen: ago(2_900) }),
  user('carla', ['approver', 'care'], 'Tells customers and approves'),
  user('acme-id/lin', ['viewer'], null, { declared: false, identity: 'acme-id/lin', password_set: null, seen: ago(61) }),
  user('bo', ['approver'], 'Approves', { seen: ago(90) }),
  user('viewer', ['viewer'], 'Looks at the shop', { seen: ago(400) }),
  user('nobody', [], 'Has no role yet', { seen: null }),
  user('flo', [], 'The program of a partner', { password_set: null, seen: null }),
  user('owner', ['owner'], 'The first person of the unit.', { seen: ago(30_000) }),
];
const session = (id, of, by, minutes) => ({ id, user: of, summary: minutes < 10 ? 'Chromium' : '', by, source: '192.0.2.17', created: ago(minutes + 60), seen: ago(minutes), expires: ago(minutes - 700) });
const sessions = [session('8ce067abd1d8', 'ana', 'password', 1), session('77ac0e2f1b90', 'acme-id/lin', 'provider:acme-id', 61), session('5d01bb72e4c3', 'carla', 'password', 14)];
const tokens = [
  { id: '751a3717924f', user: 'anil', summary: 'monthly report', scope: ['Read'], expires: ago(-90_000), created: ago(50_000) },
  { id: 'e7639627decb', user: 'owner', summary: 'made with the unit', scope: [], expires: null, created: ago(90_000) },
  { id: '20b7e61c55aa', user: 'flo', summary: 'appends orders', scope: ['Read', 'Write'], expires: null, created: ago(80_000) },
];
const deeds = [
  ['user:bo', 'task.complete', 'task/4100-4', 'allowed'],
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
    number: 90_412 - at, wall: ago(1 + at * 3), business: ago(1 + at * 3), actor, ...(actor.startsWith('process') ? { on_behalf_of: 'user:bo' } : {}), operation, resource: on, outcome,
    policies: outcome === 'allowed' ? ['roles/operator-runs'] : [], count: operation === 'sql.query' ? 12 : 1,
  };
});

const builtIn = (id, line) => ({ policy: `roles/${id}`, line, effect: 'permit' });
/** What everybody may. */
const always = /^(policy\.mine|unit\.whoami)$/;
/** By role the policy, and the operations that it permits. */
const policies = {
  owner: [builtIn('owner', 3), /./],
  operator: [builtIn('operator-runs', 8), /./],
  analyst: [builtIn('analyst-asks', 15), /\.(get|list|read|query|run|save|explain|catalogue|history)$/],
  approver: [builtIn('approver-decides', 21), /^(task|form|file|instance)\./],
  viewer: [builtIn('viewer-sees', 27), /^(process|decision|kpi|view|metric)\.(get|list|read)$/],
  care: [{ policy: 'role:care/sees-orders', role: 'care', line: 1, effect: 'permit' }, /\.(get|list|read)$/],
};
const permits = (operation) => (role) => policies[role]?.[1].test(operation);
/** Roles of a user; whoever signs in under a name that nobody has is as good as ana. */
export const rolesOf = (name) => (users.find((each) => each.user === name) ?? users[0]).roles;

function why({ operation, resource: on, as }, { user: me }) {
  const who = as ?? `user:${me}`;
  const held = users.find((each) => `user:${each.user}` === who)?.roles ?? [];
  const found = held.filter(permits(operation)).map((role) => policies[role][0]);
  const allowed = 0 < found.length;
  const reason = allowed ? `permitted by ${found[0].policy} (line ${found[0].line})` : `no policy permits \`${operation}\` on ${on} to ${who}`;
  const step = (name, passed, detail) => ({ step: name, passed, detail });
  return {
    allowed, admitted: allowed, as: who, operation, resource: on, roles: held, reason,
    steps: [step('find', true, `${on} is there`), step('scope', true, 'the credential is not cut down'), step('policies', allowed, reason), step('quotas', true, 'no limit is used up now')],
    policies: found, roles_that_may: allowed ? [] : Object.keys(policies).filter(permits(operation)),
  };
}

function who({ operation, resource: on }) {
  const may = permits(operation);
  const of = (role) => policies[role][0];
  return {
    operation, resource: on, exists: true, everybody: [],
    roles: Object.keys(policies).filter(may).map((role) => ({ role, policies: [of(role)] })),
    items: users.filter(({ roles: held }) => held.some(may)).map(({ user: name, roles: held }) => ({ principal: `user:${name}`, roles: held, policies: held.filter(may).map(of) })),
    more: false, next: null,
  };
}

export const answers = {
  'unit.whoami': (_, { user: me, commit }) => ({ principal: `user:${me}`, roles: rolesOf(me), commit: commit() }),
  'policy.mine': (_, { user: me, operations }) => {
    const mine = operations.filter((name) => always.test(name) || rolesOf(me).some(permits(name)));
    return { operations: Object.fromEntries(mine.map((name) => [name, name === 'task.complete' ? 'some' : 'all'])) };
  },
  'policy.why': why,
  'policy.check': (asked, context) => ({ allowed: why(asked, context).allowed }),
  'policy.who': who,
  'audit.list': ({ actor = '', operation = '', resource: on = '', outcome = '', text = '' }) => {
    const fits = (line) =>
      line.actor.includes(actor) && line.operation.startsWith(operation) && line.resource.startsWith(on) && JSON.stringify(line).toLowerCase().includes(text.toLowerCase()) &&
      (outcome === '' || (outcome === 'refused' ? line.outcome !== 'allowed' : line.outcome.startsWith(outcome)));
    return { items: lines.filter(fits), more: false, next: null, back_to: ago(4_000) };
  },
  // Roles, quotas and types of devices with their manifests; of relations the names alone.
  'resource.list': ({ kind }) => page({ role: roles, quota: quotas, device_type: types }[kind] ?? relations.filter((each) => each.resource.kind === kind).map(({ resource: { name } }) => ({ kind, name }))),
  'user.list': () => {
    const count = (rows, { user: name }) => rows.filter((row) => row.user === name).length;
    return { items: users.map((each) => ({ ...each, tokens: count(tokens, each), sessions: count(sessions, each) })), more: false, next: null };
  },
  'user.set_password': ({ current }) => (current === 'wrong' ? refuse(403, 'sign_in.refused', 'the current password is wrong') : {}),
  'session.list': () => page(sessions),
  'session.end': ({ name }, { changed }) => {
    sessions.splice(sessions.findIndex((each) => each.id === name), 1);
    changed('session');
    return {};
  },
  'token.list': () => page(tokens),
  'token.create': ({ user: of }) => ({ id: '0f', user: of, token: 'craton_41748ad20a5c2d33bc8688e613bbe84e8d28b611229240e5bdeb1dbfb70c6e36' }),
};
