// The machine, what runs on it now, who uses how much of it.
import { ago, has, page, refuse } from './base.mjs';
import { peers } from './exchange.mjs';
import { instances } from './instances.mjs';

const use = (principal, running, refused, more = {}) => ({ principal, quota: null, rate: 100_000, burst: 200_000, concurrency: 10_000, bytes: 1_073_741_824, query_bytes: null, query_ms: null, running, refused, limited: false, ...more });
/** `system.quotas` */
export const uses = [
  use('user:flo', 18, 184_102, { rate: 200, concurrency: 20, bytes: 10_000_000, query_bytes: 67_108_864, query_ms: 10_000, limited: true }),
  use('user:flo', 0, 211, { quota: 'appends', rate: 50, bytes: null, concurrency: null }),
  use(`peer:${peers.find(({ name }) => name === 'shopfront').unit}`, 2, 0),
  use('user:ana', 1, 0),
];
const running = [
  ['query/q7', 'query', 'SELECT state, count(*) AS orders, avg(total) FROM orders JOIN shipments USING (order_id) GROUP BY state ORDER BY 2 DESC', 'user:anil', null, 0.2, 5_120, 8_388_608, 0, 'running', null],
  ...instances
    .filter((row) => row.ended_at === null)
    .map((row) => [`instance/${row.instance}`, 'instance', `${row.process} ${row.business_key ?? ''}`, `process:${row.process}`, row.on_behalf_of, 5_000 + 4_160 - row.instance, null, null, null, row.state, `process/${row.process}`]),
  ['job/4061-3', 'job', 'label order-8741', 'user:flo', 'process:order-to-delivery', 12, null, null, null, 'held', 'instance/4061'],
  ['call/logistics/9081', 'call', 'deliver', 'process:order-to-delivery', null, 30, null, null, null, 'open', 'contract/logistics'],
  ['work/tables', 'work', 'looks after tables and materialised views', 'unit:tables', null, 3_000, 1_840, null, null, 'running', null],
  ['work/kpis', 'work', 'evaluates KPIs and quality rules', 'unit:kpis', null, 3_000, 220, null, null, 'paused', null],
].map(([id, kind, what, principal, behalf, minutes, cpu, memory, rows, state, of]) => ({
  id, kind, what, tag: null, resource: of, principal, on_behalf_of: behalf, since: ago(minutes), cpu_ms: cpu, memory_bytes: memory, rows, bytes: rows, state,
}));

/** `system.memory` */
export const memory = [
  { part: 'process', bytes: 412_876_800, limit: 1_610_612_736, refused: 0 },
  { part: 'columns', bytes: 88_080_384, limit: null, refused: null },
  { part: 'queries', bytes: 8_388_608, limit: 536_870_912, refused: 3 },
  { part: 'bodies', bytes: 91_337, limit: null, refused: null },
];

/** Has something that runs be in another state, or in none. */
function tell(id, state, changed) {
  const row = running.find((each) => each.id === id) ?? refuse(404, 'running.not_found', `\`${id}\` does not run`);
  if (state) row.state = state;
  else running.splice(running.indexOf(row), 1);
  changed('running');
  return { items: [{ id, outcome: 'done' }] };
}

export const answers = {
  'running.list': ({ kind, state }) => ({ items: running.filter((row) => has(kind, row.kind) && has(state, row.state)), more: false, next: null }),
  'running.kill': ({ id }, { changed }) => tell(id, undefined, changed),
  'running.pause': ({ id }, { changed }) => tell(id, 'paused', changed),
  'running.resume': ({ id }, { changed }) => tell(id, 'running', changed),
  'running.limit': ({ id, principal }) => ({ id, principal, limits: {} }),
  'node.list': () => ({
    items: [
      {
        name: 'desk', cpus: 2, cpu_percent: 38.5 + (Date.now() % 7), load: [1.2, 0.9, 0.7], memory_total: 8_589_934_592, memory_available: 5_368_709_120, memory_used: 412_876_800, memory_max: 1_610_612_736,
        disk_total: 42_949_672_960, disk_free: 5_368_709_120, disk_free_min: 268_435_456, files_open: 61, files_max: 1_024, calls: 9_812_004, calls_refused: 184_313, commits: 1_201_877, warnings: [],
      },
    ],
  }),
  'clock.list': () => ({ business: new Date().toISOString(), wall: new Date().toISOString(), driven: false }),
  'unit.usage': () => ({ commits: 1_201_877, bytes_synced: 9_812_004_112, signatures: 40_312, cpu_seconds: 5_120.5, memory_bytes: 412_876_800 }),
};
