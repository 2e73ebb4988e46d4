// What a scanned or typed code stands for.

import { call } from '../../api/client';
import { navigation } from '../../app/navigation.svelte';
import { href, match } from '../../app/routes';
import { may } from '../../app/session.svelte';
import { t, word, words } from '../../i18n/index.svelte';
import { keptTasks } from '../../offline/keep.svelte';
import type { TaskShown } from '../../offline/types';

export interface Hit {
  title: string;
  what: string;
  href: string;
}

const quietly = { once: true } as const;
const hitsMax = 20;

/** Returns what there is by a code, what it most likely means first. */
export async function lookUp(code: string): Promise<Hit[]> {
  const page = pageOf(code);
  if (page) return [page];
  if (/^\d+-\d+$/.test(code)) return [{ title: t('shell.go_task', { id: code }), what: t('tasks.one'), href: href('task', { id: code }) }];
  const lists = await Promise.all([tasks(code), instances(code)]);
  const hits = [...lists.flat(), ...screens(code)];
  return [...new Map(hits.map((hit) => [hit.href, hit])).values()].slice(0, hitsMax);
}

/** An address of this console, whichever name of the unit it was printed with: only its path counts. */
function pageOf(code: string): Hit | undefined {
  let url: URL;
  try {
    url = new URL(code, window.location.origin);
  } catch {
    return undefined;
  }
  const isAddress = /^https?:\/\//.test(code) || code.startsWith('/');
  if (!isAddress || !match(url.pathname)) return undefined;
  if (/^https?:/.test(code) && url.origin !== window.location.origin) return undefined;
  return { title: url.pathname, what: '', href: url.pathname + url.search };
}

async function tasks(code: string): Promise<Hit[]> {
  if (!may('task.list')) return [];
  const hit = (task: TaskShown): Hit => ({
    title: task.title ?? task.name ?? task.kind,
    what: [t('tasks.one'), task.business_key, task.process].filter(Boolean).join(' · '),
    href: href('task', { id: task.task }),
  });
  try {
    const page = await call('task.list', { search: code, limit: hitsMax }, quietly);
    return page.items.map((row) => hit(row as TaskShown));
  } catch {
    const kept = await keptTasks().catch(() => []);
    return kept.filter((task) => (task.business_key ?? '').startsWith(code)).map(hit);
  }
}

async function instances(code: string): Promise<Hit[]> {
  if (!may('instance.list')) return [];
  const own: Hit[] = /^\d+$/.test(code) ? [{ title: t('shell.go_instance', { id: code }), what: t('tasks.instance'), href: href('instance', { id: code }) }] : [];
  try {
    const page = await call('instance.list', { business_key: code, limit: hitsMax } as Record<string, unknown>, quietly);
    return [
      ...page.items.map((row) => ({
        title: `${row.process} ${row.business_key ?? row.instance}`,
        what: `${t('tasks.instance')} · ${word('states', row.state)}`,
        href: href('instance', { id: row.instance }),
      })),
      ...own,
    ];
  } catch {
    return own;
  }
}

/** Screens by their name, or with the code as their first parameter: `late-orders?order=17` of a printed code is an address instead. */
function screens(code: string): Hit[] {
  return navigation.screens
    .filter((screen) => screen.name === code || screen.name === code.replace(/^screen[:/]/, ''))
    .map((screen) => ({ title: words(screen.title), what: word('kinds', 'screen'), href: href('screen', { name: screen.name }) }));
}
