// Every page of the console: where it stands, how it is loaded, what it is called. A new page is one line here.
//
// A page is a component in `rooms/ROOM/` that is loaded when somebody goes there. It gets the parameters of its path as properties.

import type { Component } from 'svelte';
import type { Key } from '../i18n/index.svelte';

export interface Route<Path extends string = string> {
  path: Path;
  /** The title until the page sets its own. */
  title: Key;
  load: () => Promise<{ default: Component<any> }>;
  /** True for pages that need nobody to be signed in. */
  isOpen?: boolean;
}

function page<Path extends string>(
  path: Path,
  title: Key,
  load: () => Promise<{ default: Component<any> }>,
  more: Pick<Route, 'isOpen'> = {},
): Route<Path> {
  return { path, title, load, ...more };
}

export const routes = {
  home: page('/', 'home.title', () => import('../rooms/home/Home.svelte')),

  tasks: page('/tasks', 'tasks.title', () => import('../rooms/tasks/Tasks.svelte')),
  task: page('/tasks/:id', 'tasks.one', () => import('../rooms/tasks/Task.svelte')),
  queue: page('/queue', 'phone.queue', () => import('../rooms/phone/Queue.svelte')),
  scan: page('/scan', 'phone.scan', () => import('../rooms/phone/Scan.svelte')),

  processes: page('/processes', 'processes.title', () => import('../rooms/processes/Processes.svelte')),
  process: page('/processes/:name', 'processes.one', () => import('../rooms/processes/Process.svelte')),
  instance: page('/instances/:id', 'processes.instance', () => import('../rooms/processes/Instance.svelte')),
  incidents: page('/incidents', 'incidents.title', () => import('../rooms/incidents/Incidents.svelte')),
  bulks: page('/bulk', 'incidents.bulks', () => import('../rooms/incidents/Bulks.svelte')),
  decisions: page('/decisions', 'decisions.title', () => import('../rooms/decisions/Decisions.svelte')),
  decision: page('/decisions/:name', 'decisions.one', () => import('../rooms/decisions/Decision.svelte')),

  data: page('/data', 'data.title', () => import('../rooms/data/Catalogue.svelte')),
  relation: page('/data/:kind/:name', 'data.one', () => import('../rooms/data/Relation.svelte')),
  sql: page('/sql', 'data.sql', () => import('../rooms/data/Sql.svelte')),
  live: page('/live/:stream', 'data.live', () => import('../rooms/data/Live.svelte')),

  devices: page('/devices', 'things.title', () => import('../rooms/things/Devices.svelte')),
  device: page('/devices/:name', 'things.one', () => import('../rooms/things/Device.svelte')),
  thingRules: page('/things/rules', 'things.rules', () => import('../rooms/things/Rules.svelte')),
  thingRule: page('/things/rules/:name', 'things.rule', () => import('../rooms/things/Rule.svelte')),

  screens: page('/screens', 'screens.title', () => import('../rooms/screens/Screens.svelte')),
  screen: page('/screens/:name', 'screens.one', () => import('../rooms/screens/Screen.svelte')),

  exchange: page('/exchange', 'exchange.title', () => import('../rooms/exchange/Exchange.svelte')),
  contract: page('/exchange/contracts/:name', 'exchange.contract', () => import('../rooms/exchange/Contract.svelte')),
  peer: page('/exchange/peers/:name', 'exchange.peer', () => import('../rooms/exchange/Peer.svelte')),

  roles: page('/roles', 'rules.title', () => import('../rooms/rules/Roles.svelte')),
  audit: page('/audit', 'rules.audit', () => import('../rooms/rules/Audit.svelte')),
  quotas: page('/quotas', 'rules.quotas', () => import('../rooms/rules/Quotas.svelte')),
  people: page('/people', 'rules.people', () => import('../rooms/rules/People.svelte')),
  running: page('/running', 'system.running', () => import('../rooms/system/Running.svelte')),
  nodes: page('/nodes', 'system.nodes', () => import('../rooms/system/Nodes.svelte')),

  settings: page('/settings', 'settings.title', () => import('../rooms/home/Settings.svelte')),
  signIn: page('/sign-in', 'sign_in.title', () => import('../rooms/home/SignIn.svelte'), { isOpen: true }),
} as const;

export type RouteName = keyof typeof routes;

type Parameter<Path> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Parameter<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** What the path of a route needs. */
export type RouteParameters<Name extends RouteName> = Record<Parameter<(typeof routes)[Name]['path']>, string | number>;

/** Pages whose path needs nothing: those that can stand in the navigation. */
export type PlainRouteName = { [Name in RouteName]: [Parameter<(typeof routes)[Name]['path']>] extends [never] ? Name : never }[RouteName];

type Given<Name extends RouteName> = [Parameter<(typeof routes)[Name]['path']>] extends [never]
  ? [parameters?: Record<string, never>, query?: QueryValues]
  : [parameters: RouteParameters<Name>, query?: QueryValues];

export type QueryValues = Record<string, string | number | boolean | null | undefined>;

/** Returns the address of a page: `href('task', { id })`, `href('incidents', {}, { process: name })`. */
export function href<Name extends RouteName>(name: Name, ...given: Given<Name>): string {
  const [parameters = {}, query = {}] = given as [Record<string, string | number>?, QueryValues?];
  const path = routes[name].path.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(String(parameters[key] ?? '')));
  const text = queryText(query);
  return text ? `${path}?${text}` : path;
}

/** Writes what is there of a query: nulls, empty texts and `false` are left out. */
export function queryText(query: QueryValues): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false);
  return new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
}

/** Finds the page of a path, and the values in it. */
export function match(path: string): { name: RouteName; parameters: Record<string, string> } | undefined {
  const parts = path.replace(/\/+$/, '').split('/');
  for (const [name, route] of Object.entries(routes)) {
    const wanted = route.path === '/' ? [''] : route.path.split('/');
    if (wanted.length !== parts.length) continue;
    const parameters: Record<string, string> = {};
    const fits = wanted.every((want, index) => {
      const part = parts[index] ?? '';
      if (!want.startsWith(':')) return want === part;
      parameters[want.slice(1)] = decoded(part);
      return part !== '';
    });
    if (fits) return { name: name as RouteName, parameters };
  }
  return undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
