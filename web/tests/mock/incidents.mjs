// What stands still, and what is done to many at once.
import { ago, has, page, refuse } from './base.mjs';
import { found, incidents, listed, variablesOf, weightless } from './instances.mjs';

const bulks = [];
const bulkOf = (name) => bulks[Number(name) - 1] ?? refuse(404, 'bulk.not_found', 'there is no such bulk operation');
const fits = (row, { process, element, code, text }) => has(process, row.process) && has(element, row.element) && has(code, row.code) && (!text || JSON.stringify(row).includes(text));

export const answers = {
  'incident.list': (asked) => page(incidents.filter((row) => fits(row, asked))),
  'incident.get': ({ name }) => {
    const row = incidents.find((each) => each.incident === name) ?? refuse(404, 'incident.not_found', `there is no incident \`${name}\``);
    const { version, state } = found(row.instance);
    return { ...row, variables: variablesOf(row.instance), own: {}, version, state, tries: 3 };
  },
  'incident.resolve': ({ name, variables: given = {}, dry_run = false }, { changed }) => {
    const at = incidents.findIndex((each) => each.incident === name);
    if (at === -1) refuse(404, 'incident.not_found', `there is no incident \`${name}\``);
    if (incidents[at].code === weightless.code && !given.weight_g) return { dry_run, resolved: false, incidents: [weightless] };
    if (!dry_run) {
      incidents.splice(at, 1);
      changed('incident');
    }
    return { dry_run, resolved: true, incidents: [] };
  },
  'bulk.start': ({ action, filter, dry_run }) => {
    const count = (action === 'retry' ? incidents.filter((row) => fits(row, filter)) : listed({ state: 'open', ...filter })).length;
    const order = { action, filter, dry_run: Boolean(dry_run) };
    bulks.push({ bulk: bulks.length + 1, order, limit: 100_000, state: 'running', looked: count, found: count, called: count, done: 0, failed: 0, problems: {}, first: [], started_by: 'user:ana', started_at: ago(0), ended_at: null });
    return bulks.at(-1);
  },
  'bulk.get': ({ name }) => {
    const bulk = bulkOf(name);
    // Of those that are tried again, the one whose variables are wrong fails.
    const failed = bulk.order.action === 'retry' ? Math.min(1, bulk.found) : 0;
    return Object.assign(bulk, { state: 'done', done: bulk.found - failed, failed, problems: failed ? { [weightless.code]: 1 } : {}, first: failed ? [{ target: '4098-12', ...weightless }] : [] });
  },
  'bulk.list': () => page(bulks.toReversed()),
  'bulk.stop': ({ name }) => Object.assign(bulkOf(name), { state: 'stopped' }),
};
