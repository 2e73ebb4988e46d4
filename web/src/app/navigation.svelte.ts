// What stands in the navigation: groups of pages, each with the operation that it needs, and the menus of applications.

import type { ScreenRow } from '../api/answers';
import { call } from '../api/client';
import { say, words, type Key } from '../i18n/index.svelte';
import type { IconName } from '../ui/icons';
import { href, type PlainRouteName, type RouteName } from './routes';
import { may } from './session.svelte';
import { viewport } from './viewport.svelte';

export interface Item {
  title: string;
  href: string;
  icon: IconName;
  /** Under what it stands in its group; those of one heading stand together. */
  heading?: string;
}

export interface Group {
  /** Empty for what stands alone. */
  title: string;
  items: Item[];
}

interface Entry {
  route: PlainRouteName;
  title: Key;
  icon: IconName;
  /** Any of these operations is enough. */
  needs: string[];
}

const groups: { title?: Key; entries: Entry[] }[] = [
  {
    title: 'shell.work',
    entries: [
      { route: 'tasks', title: 'tasks.title', icon: 'task', needs: ['task.list'] },
      { route: 'processes', title: 'processes.title', icon: 'process', needs: ['process.list'] },
      { route: 'incidents', title: 'incidents.title', icon: 'incident', needs: ['incident.list'] },
      { route: 'decisions', title: 'decisions.title', icon: 'decision', needs: ['decision.list'] },
    ],
  },
  {
    title: 'shell.data',
    entries: [
      { route: 'data', title: 'data.title', icon: 'catalogue', needs: ['relation.list'] },
      { route: 'sql', title: 'data.sql', icon: 'sql', needs: ['sql.query'] },
      { route: 'screens', title: 'screens.title', icon: 'dashboard', needs: ['screen.list'] },
    ],
  },
  {
    title: 'shell.things',
    entries: [
      { route: 'devices', title: 'things.title', icon: 'device', needs: ['device.list'] },
      { route: 'thingRules', title: 'things.rules', icon: 'filter', needs: ['rule.list'] },
    ],
  },
  {
    entries: [{ route: 'exchange', title: 'exchange.title', icon: 'exchange', needs: ['contract.list', 'peer.list'] }],
  },
  {
    title: 'shell.rules',
    entries: [
      { route: 'roles', title: 'rules.title', icon: 'key', needs: ['policy.who', 'policy.why'] },
      { route: 'audit', title: 'rules.audit', icon: 'audit', needs: ['audit.list'] },
      { route: 'quotas', title: 'rules.quotas', icon: 'gauge', needs: ['resource.list'] },
      { route: 'people', title: 'rules.people', icon: 'people', needs: ['session.list', 'token.list'] },
    ],
  },
  {
    title: 'shell.system',
    entries: [
      { route: 'running', title: 'system.running', icon: 'running', needs: ['running.list'] },
      { route: 'nodes', title: 'system.nodes', icon: 'node', needs: ['node.list'] },
    ],
  },
];

/** What pages that stand in no navigation need: any of these operations. */
const others: Partial<Record<RouteName, string[]>> = {
  task: ['task.get'],
  process: ['process.get'],
  instance: ['instance.get'],
  bulks: ['bulk.list'],
  decision: ['decision.get'],
  relation: ['relation.get', 'kpi.get', 'query.get'],
  live: ['stream.read'],
  device: ['device.get'],
  thingRule: ['rule.get'],
  screen: ['screen.get'],
  contract: ['contract.get'],
  peer: ['peer.get'],
};

/** Says whether a page is for who is here; one that is not asks the unit for nothing. */
export function isFor(route: RouteName): boolean {
  const entry = groups.flatMap((group) => group.entries).find((each) => each.route === route);
  const needs = entry?.needs ?? others[route];
  return needs === undefined || needs.some(may);
}

class Navigation {
  screens = $state.raw<ScreenRow[]>([]);

  readonly groups = $derived<Group[]>([...this.#own(), ...this.#applications()].filter((group) => 0 < group.items.length));

  /** Reads the menus of applications; a unit without screens has none. Where it cannot be asked, what was known stays. */
  async read(): Promise<void> {
    try {
      this.screens = (await call('screen.list', {}, { quiet: true })).items;
    } catch {
      // The next change is read again.
    }
  }

  #own(): Group[] {
    return groups.map((group) => ({
      title: group.title ? say(group.title) : '',
      items: group.entries
        .filter((entry) => entry.needs.some(may))
        .map((entry) => ({ title: say(entry.title), href: href(entry.route), icon: entry.icon })),
    }));
  }

  #applications(): Group[] {
    const device = viewport.isPhone ? 'phone' : 'desk';
    const shown = this.screens
      .filter((screen) => (screen.on ?? [device]).includes(device))
      .sort((one, other) => (one.order ?? 0) - (other.order ?? 0));
    const menus = new Map<string, { title: string; screens: ScreenRow[] }>();
    for (const screen of shown) {
      const application = screen.application ?? '';
      const menu = menus.get(application) ?? { title: words(screen.application_title) || application, screens: [] };
      menu.screens.push(screen);
      menus.set(application, menu);
    }
    return [...menus.values()].map(({ title, screens }) => {
      const items = screens.map((screen) => ({ title: words(screen.title), href: href('screen', { name: screen.name }), icon: 'screen' as const, heading: words(screen.heading) }));
      const headings = [...new Set(items.map(({ heading }) => heading))];
      return { title, items: headings.flatMap((heading) => items.filter((item) => item.heading === heading)) };
    });
  }
}

export const navigation = new Navigation();
