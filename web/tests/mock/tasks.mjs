// Tasks of the instances that wait for people: with forms, without one, and one that somebody else has ended.
import { ago, has, page, refuse } from './base.mjs';
import { found, variablesOf } from './instances.mjs';
import { rolesOf } from './rules.mjs';

const task = (task, kind, title, candidate, more = {}) => {
  const { instance, process, business_key } = found(task.split('-')[0]);
  return {
    task, instance, process, business_key, kind, name: title, title, state: 'created', assignee: null, candidates: [candidate], due: null, form: null, priority: 50, created_at: ago(95), ended_at: null,
    completed_by: null, ...more,
  };
};
const refund = (name, more) => task(name, 'approve', 'Approve the refund', 'approver', { form: 'refund', ...more });

/** Open ones, in the order in which they should be done. */
export const tasks = [
  refund('4127-6', { due: ago(190), assignee: 'ana', state: 'claimed', priority: 80, description: 'Above 100 BRL, look at the photos first.' }),
  task('4140-3', 'late', 'Tell the customer', 'operator', { due: ago(-130), form: 'late' }),
  task('4141-3', 'late', 'Tell the customer', 'operator', { due: ago(-400), created_at: ago(40) }),
  task('4151-2', 'answer', 'Answer the request', 'operator', { created_at: ago(12) }),
  task('4160-2', 'answer', 'Answer the request', 'operator', { created_at: ago(3) }),
];
const over = [
  refund('4100-4', {
    state: 'completed', created_at: ago(400), ended_at: ago(90), completed_by: 'bo', ended: { by: 'bo', at: ago(90), done_at: ago(120), variables: { decision: 'part', paid: 40, note: 'One of two cups', seen: true } },
  }),
];

/** By idempotency key, so that what comes twice counts once. */
const answered = new Map();
/** What came in, for tests. */
export const received = [];

function shown(name) {
  const row = [...tasks, ...over].find((each) => each.task === name) ?? refuse(404, 'task.not_found', `there is no task \`${name}\``);
  return { ...row, form_version: row.form ? 1 : null, variables: variablesOf(row.instance) };
}

function open(name) {
  const ended = over.find((each) => each.task === name);
  if (ended) refuse(409, 'task.ended', `task \`${name}\` was completed by \`${ended.completed_by}\``, { hint: '`task.get` shows what counted' });
  return tasks.find((each) => each.task === name) ?? refuse(404, 'task.not_found', `there is no task \`${name}\``);
}

function give(name, assignee, changed) {
  Object.assign(open(name), { assignee, state: assignee ? 'claimed' : 'created' });
  changed('task');
  return shown(name);
}

/** Refuses the value that tests give for a wrong one, beside its field. */
function check(variables) {
  const [problem, ...also] = Object.entries(variables)
    .filter(([, value]) => value === 'wrong')
    .map(([field]) => ({ status: 400, code: 'form.invalid_value', kind: 'invalid', detail: `\`${field}\` does not look as it must [pattern]`, place: { pointer: `/variables/${field}` } }));
  if (problem) refuse(400, problem.code, problem.detail, { ...problem, also });
}

function complete({ name, variables: given = {}, done_at }, user, changed) {
  const row = open(name);
  check(given);
  received.push({ name, given, done_at });
  tasks.splice(tasks.indexOf(row), 1);
  over.push({ ...row, state: 'completed', ended_at: ago(0), completed_by: user, ended: { by: user, at: ago(0), done_at, variables: given } });
  changed('task');
  return { done_at };
}

export const answers = {
  'task.list': ({ mine, assignee, process, state, search = '' }, { user }) => {
    const isMine = (row) => row.assignee === user || (!row.assignee && row.candidates.some((role) => rolesOf(user).includes(role)));
    return page(tasks.filter((row) => (!mine || isMine(row)) && has(assignee, row.assignee) && has(process, row.process) && has(state, row.state) && row.business_key.startsWith(search)));
  },
  'task.get': ({ name }) => shown(name),
  'task.claim': ({ name }, { user, changed }) => {
    const { assignee } = open(name);
    if (assignee && assignee !== user) refuse(409, 'task.claimed', `task \`${name}\` was taken by \`${assignee}\``);
    return give(name, user, changed);
  },
  'task.unclaim': ({ name }, { changed }) => give(name, null, changed),
  'task.assign': ({ name, assignee }, { changed }) => give(name, assignee, changed),
  'task.complete': (given, { user, changed, request }) => {
    const key = request.headers['idempotency-key'];
    if (!answered.has(key)) answered.set(key, complete(given, user, changed));
    return answered.get(key);
  },
  'subscription.key': () => ({ key: 'BOr0dHFQmJQXcVvJcxqWcYgWmDeF0pPpT0aMqYH1Zy0oO8u0zvVYbW1uS3sJpN4yqk1pYb1Rk3pUO7m5rTjS1mM' }),
  'subscription.create': () => ({ id: '0'.repeat(32) }),
  'subscription.delete': () => ({}),
  'subscription.list': () => ({ items: [] }),
};
