// Devices of the shop: vans and loggers with their twins, what happened to them, what they were told, and the rule that watches the loggers.
import { ago, has, now, page, refuse } from './base.mjs';

/** Types, as `resource.list` shows them. */
export const types = [
  {
    name: 'van',
    spec: {
      summary: 'A delivery van',
      properties: [
        { name: 'firmware', type: 'text' },
        { name: 'battery', type: 'float', unit: '%', indexed: true },
        { name: 'interval_s', type: 'int', unit: 's', desired: true, min: 1, max: 3_600, summary: 'Between two positions' },
        { name: 'eco', type: 'bool', desired: true, summary: 'Drive gently' },
        { name: 'warns', type: 'json', desired: true, summary: 'Beyond which speeds it warns' },
      ],
      telemetry: [{ name: 'position', stream: 'van_positions' }],
      events: [{ name: 'door_opened', stream: 'van_events' }],
      commands: [
        { name: 'unlock', summary: 'Unlocks the rear door', input: [{ name: 'seconds', type: 'int', unit: 's', required: true }, { name: 'note', type: 'text' }], output: [{ name: 'ok', type: 'bool' }], deadline: 'PT5M' },
        { name: 'locate', summary: 'Reports the position at once' },
      ],
    },
  },
  { name: 'logger', spec: { summary: 'A temperature logger in a parcel', telemetry: [{ name: 'temperature', stream: 'parcel_temperatures' }], commands: [] } },
];

/** Streams of theirs, as `relation.get` shows them. */
const column = (name, type, unit = '') => ({ name, type, unit, summary: '', required: false });
export const streams = {
  van_positions: { name: 'van_positions', kind: 'stream', columns: [column('device', 'text'), column('at', 'time'), column('received_at', 'time'), column('lat', 'float', '°'), column('lon', 'float', '°'), column('speed', 'float', 'km/h')] },
  parcel_temperatures: { name: 'parcel_temperatures', kind: 'stream', columns: [column('device', 'text'), column('at', 'time'), column('received_at', 'time'), column('parcel', 'text'), column('temperature', 'float', '°C')] },
};

const device = (name, type, state, minutes, more = {}) => ({
  name, type, owner: 'user:ana', state, place: null, lat: null, lon: null, groups: [], labels: {}, last_seen: state === 'never' ? null : ago(minutes),
  connected_since: state === 'connected' ? ago(minutes + 190) : null, disabled: false, summary: '', version: 1, ...more,
});
export const devices = [
  device('logger-1', 'logger', 'connected', 1, { groups: ['cold'], summary: 'Parcel order-9030' }),
  device('logger-2', 'logger', 'offline', 3_000, { groups: ['cold'], disabled: true }),
  device('van-1', 'van', 'connected', 0, { groups: ['day', 'north'], place: 'Campinas', lat: -22.905, lon: -47.061, summary: 'Ducato, BRA-2E19' }),
  device('van-2', 'van', 'offline', 47, { groups: ['night'], place: 'Campinas', summary: 'Ducato, BRA-2E20' }),
  device('van-3', 'van', 'never', 0, { groups: ['night'] }),
];
const named = (name) => devices.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `device/${name} does not exist`);

const credentials = new Map(devices.map(({ name }) => [name, name === 'van-3' ? [] : [{ id: `${name}-a`, kind: 'token', summary: 'workshop', created: ago(90_000), declared: false }]]));
credentials.get('van-1').push({ id: 'van-1-b', kind: 'certificate', summary: '', created: ago(80_000), declared: true, fingerprint: `sha256:${'9f86d0'.repeat(10)}9f86` });

/** Versions of both sides, oldest first. */
const versions = new Map(
  devices.map(({ name, type }) => [
    name,
    type === 'van' && name !== 'van-3'
      ? [
          { side: 'reported', version: 1, at: ago(5_000), state: { firmware: '2.4.0', battery: 91, interval_s: 60 }, changed: ['firmware', 'battery', 'interval_s'], by: `device:${name}` },
          { side: 'desired', version: 1, at: ago(4_000), state: { interval_s: 60 }, changed: ['interval_s'], by: 'user:ana' },
          { side: 'reported', version: 2, at: ago(300), state: { firmware: '2.4.1', battery: 78.5, interval_s: 60 }, changed: ['firmware', 'battery'], by: `device:${name}` },
          { side: 'desired', version: 2, at: ago(20), state: { interval_s: 30 }, changed: ['interval_s'], by: 'user:ana' },
        ]
      : [],
  ]),
);
const side = (name, which, at = now + 60_000) => {
  const held = versions.get(name).filter((each) => each.side === which && Date.parse(each.at) <= at).at(-1);
  return held ? { version: held.version, state: held.state, at: held.at, by: held.by } : { version: 0, state: {} };
};

const rowOf = ({ name, type, last_seen: received_at }) =>
  type === 'van'
    ? { channel: 'position', row: { device: name, at: received_at, received_at, lat: -22.9051, lon: -47.0607, speed: 43.5, _offset: 4_071 } }
    : { channel: 'temperature', row: { device: name, at: received_at, received_at, parcel: 'order-9030', temperature: 9.1, _offset: 812 } };

const events = new Map(
  devices.map(({ name, state }) => [
    name,
    state === 'never'
      ? []
      : [
          ['connected', 3_000, { session: 12 }],
          ['twin_reported', 300, { version: 2, changed: ['firmware', 'battery'] }],
          ['clock_skewed', 240, { skew_ms: 912_000 }],
          ['set_aside', 200, { rows: 3 }],
          ['clock_right', 180, { skew_ms: 40 }],
          ['twin_desired', 20, { version: 2, changed: ['interval_s'], by: 'user:ana' }],
          ['command_waiting', 12, { command: 41, name: 'unlock' }],
          ['command_answered', 11, { command: 41, name: 'unlock' }],
          ...(state === 'offline' ? [['disconnected', 47, { session: 12, reason: 'keep alive timeout' }]] : []),
        ].map(([event, minutes, detail]) => ({ at: ago(minutes), wall: ago(minutes), event, detail })),
  ]),
);

const command = (number, of, name, state, minutes, more = {}) => ({
  command: number, device: of, name, state, input: {}, output: null, problem: null, created_at: ago(minutes), deadline: ago(minutes - 5), sent_at: null, ended_at: null, by: 'user:ana', on_behalf_of: null, ...more,
});
const commands = [
  command(41, 'van-1', 'unlock', 'answered', 12, { input: { seconds: 10 }, output: { ok: true }, sent_at: ago(12), ended_at: ago(11) }),
  command(42, 'van-1', 'unlock', 'failed', 9, { input: { seconds: 10 }, problem: 'the door is blocked', sent_at: ago(9), ended_at: ago(9) }),
  command(43, 'van-2', 'locate', 'waiting', 3, { by: 'process:deliver', on_behalf_of: 'user:ana' }),
];
const commandOf = (name) => commands.find((each) => each.command === Number(name)) ?? refuse(404, 'command.not_found', `command \`${name}\` does not exist`);

const crossings = [
  { rule: 'too-warm', device: 'logger-1', crossing: 811, at: ago(2), stream: 'parcel_temperatures', offset: 811, value: 9.1, detail: {}, business: ago(1), actions: 2 },
  { rule: 'too-warm', device: 'logger-2', crossing: 402, at: ago(3_100), stream: 'parcel_temperatures', offset: 402, value: 8.4, detail: {}, business: ago(3_099), actions: 2 },
];
const rules = [
  { name: 'silent', summary: 'A van that is silent for a quarter of an hour', version: 1, since: ago(9_000), from: 0, cursor: 4_072, stream: 'van_positions', crossings: 0, late: 0, failed: 4, problem: 'row 4012: `speed` is null' },
  { name: 'too-warm', summary: 'A parcel is too warm for ten minutes', version: 3, since: ago(9_000), from: 0, cursor: 813, stream: 'parcel_temperatures', crossings: 2, late: 7, failed: 0, problem: null },
];

/** What `system.rule_actions` has of a rule. */
export const actionsOf = (rule) =>
  crossings
    .filter((each) => each.rule === rule)
    .flatMap(({ device: of, crossing, business }, at) => [
      { device: of, crossing, action: 0, operation: 'task.open', resource: 'task', outcome: 'done', problem: null, business },
      { device: of, crossing, action: 1, operation: 'process.start', resource: 'process/cold-chain-claim', outcome: at ? 'failed' : 'done', problem: at ? 'process `cold-chain-claim` is suspended' : null, business },
    ]);

/** The numbers of a device's last rows, the newest first. */
export const pastOf = (columns) => Array.from({ length: 40 }, (_, at) => Object.fromEntries(columns.map((name, which) => [name, 40 + 8 * Math.sin((at + which * 5) / 4)])));

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A state with a merge patch in it (RFC 7396). */
function merge(state, patch) {
  if (!isObject(patch)) return patch;
  const kept = Object.entries({ ...(isObject(state) ? state : {}), ...patch }).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, key in patch ? merge(state?.[key], value) : value]));
}

/** Keeps what is said of a side of a twin, as a version. */
export const keep = (name, which, patch, by) => {
  const before = side(name, which);
  const state = merge(before.state, patch);
  versions.get(name).push({ side: which, version: before.version + 1, at: ago(0), state, changed: Object.keys(patch), by });
  return { version: before.version + 1, desired: state };
};

export const answers = {
  'device.list': ({ type, state, group, text }) =>
    page(devices.filter((row) => has(type, row.type) && has(state, row.state) && (!group || row.groups.includes(group)) && (!text || `${row.name} ${row.summary} ${row.place ?? ''}`.toLowerCase().includes(text.toLowerCase())))),
  'device.get': ({ name }) => {
    const row = named(name);
    const presence = row.state === 'never' ? null : { connected: row.state === 'connected', since: row.connected_since ?? row.last_seen, last_seen: row.last_seen, skew_ms: name === 'van-2' ? -912_000 : null, set_aside: name === 'van-1' ? 3 : 0, reason: '' };
    return { ...row, spec: { type: row.type }, presence, credentials: credentials.get(name) };
  },
  'device.create': ({ name, type, groups = [], place, summary = '' }, { changed }) => {
    if (devices.some((each) => each.name === name)) refuse(409, 'resource.taken', `device/${name} is there already`);
    if (!types.some((each) => each.name === type)) refuse(400, 'device.invalid', `device \`${name}\`: there is no type \`${type}\``, { place: { pointer: '/spec/type' } });
    devices.push(device(name, type, 'never', 0, { groups, place: place?.name ?? null, summary }));
    for (const held of [credentials, versions, events]) held.set(name, []);
    changed('device');
    return { name, version: 1 };
  },
  'device.update': ({ name, disabled }, { changed }) => {
    const row = named(name);
    if (typeof disabled === 'boolean') row.disabled = disabled;
    changed('device', `device/${name}`);
    return { version: (row.version += 1) };
  },
  'device.delete': ({ name }, { changed }) => {
    devices.splice(devices.indexOf(named(name)), 1);
    changed('device');
    return { deleted: `device/${name}` };
  },
  'device.add_credential': ({ name, kind, summary = '', certificate }, { changed }) => {
    if (kind === 'certificate' && !/^sha256:|BEGIN CERTIFICATE/.test(certificate ?? '')) refuse(400, 'device.certificate', 'this is no certificate');
    const id = `${name}-${credentials.get(name).length}`;
    credentials.get(name).push({ id, kind, summary, created: ago(0), declared: false });
    changed(`device/${name}`);
    return kind === 'token' ? { id, token: 'craton_d1_7f9c0b6f3f6a4a1f8c2d5e0b1a2c3d4e5f60718293a4b5c6d7e8f9' } : { id };
  },
  'device.revoke_credential': ({ name, id }, { changed }) => {
    credentials.set(name, credentials.get(name).filter((each) => each.id !== id));
    changed(`device/${name}`);
    return { id, revoked: true };
  },
  'device.twin': ({ name, at, history }) => {
    const row = named(name);
    const time = at ? Date.parse(at) : undefined;
    const [desired, reported] = [side(name, 'desired', time), side(name, 'reported', time)];
    const in_step = Object.entries(desired.state).every(([key, value]) => JSON.stringify(reported.state[key]) === JSON.stringify(value));
    const last = rowOf(row);
    const telemetry = row.state === 'never' ? {} : { [last.channel]: at ? { row: last.row } : { row: last.row, received_at: row.last_seen, offset: last.row._offset } };
    const past = [...versions.get(name)].reverse();
    return { device: name, type: row.type, desired, reported, in_step, telemetry, ...(at ? { at } : { seen: row.last_seen }), ...(history ? { history: past } : {}) };
  },
  'device.set': ({ name, desired, version }, { user, changed }) => {
    const present = side(name, 'desired').version;
    if (version !== undefined && version !== present) refuse(409, 'twin.conflict', `the desired state is at version ${present}`);
    const kept = keep(name, 'desired', desired, `user:${user}`);
    changed('device', `device/${name}`);
    return kept;
  },
  'device.events': ({ name }) => page(events.get(named(name).name)),
  'device.command': ({ name, command: wanted, input = {} }, { user, changed }) => {
    named(name);
    const made = command(41 + commands.length, name, wanted, 'waiting', 0, { input, by: `user:${user}`, deadline: ago(-5) });
    commands.push(made);
    changed('command', `device/${name}`);
    return { command: made.command, state: made.state };
  },
  'command.list': ({ device: of, state }) =>
    page(commands.filter((row) => has(of, row.device) && (!state || row.state === state || (state === 'open' && ['waiting', 'sent'].includes(row.state)))).reverse()),
  'command.get': ({ name }) => commandOf(name),
  'command.cancel': ({ name }, { changed }) => {
    const found = commandOf(name);
    if (!['waiting', 'sent'].includes(found.state)) refuse(409, 'command.ended', `the command is ${found.state}`);
    Object.assign(found, { state: 'cancelled', ended_at: ago(0) });
    changed('command', `command/${name}`);
    return { command: found.command, state: found.state };
  },
  'rule.list': () => page(rules),
  'rule.get': ({ name }) => {
    const row = rules.find((each) => each.name === name) ?? refuse(404, 'resource.not_found', `rule/${name} does not exist`);
    const isWarm = name === 'too-warm';
    const spec = isWarm
      ? { on: { stream: row.stream }, when: { stays: { is: '=temperature > 8', for: 'PT10M' } }, do: [{ task: { title: '="Too warm: " + device', candidates: ['cold-chain'] } }, { start: { process: 'cold-chain-claim' } }], roles: ['watch'] }
      : { on: { stream: row.stream }, when: { silent: { for: 'PT15M' } }, do: [], roles: [] };
    const state = ({ name: of }, at) => ({ device: of, seen: ago(at * 40 + 1), arrived: ago(at * 40 + 1), marker: [true, false, null][at % 3], since: ago(90), fired: at === 0, late: at * 7 });
    return { ...row, spec, states: devices.filter((each) => (each.type === 'logger') === isWarm).map(state), last: crossings.filter((each) => each.rule === name) };
  },
  'rule.reset': (_, { changed }) => {
    changed('rule');
    return { reset: true };
  },
};
