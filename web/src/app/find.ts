// What the palette finds beside pages: resources by name, and instances and tasks by number.

import { call } from '../api/client';
import { word } from '../i18n/index.svelte';
import type { IconName } from '../ui/icons';
import { href } from './routes';
import { may } from './session.svelte';

export interface Found {
  title: string;
  /** What it is, in small letters. */
  what: string;
  href: string;
  icon: IconName;
}

interface Source {
  needs: string;
  icon: IconName;
  kind: string;
  href: (name: string) => string;
  read: () => Promise<string[]>;
}

/** Names of a kind, by an operation that the caller may make; none where it is refused. */
function names(operation: 'process.list' | 'decision.list' | 'kpi.list' | 'contract.list' | 'peer.list'): () => Promise<string[]> {
  return async () => {
    const page = (await call(operation, {}, { quiet: true })) as { items?: { name?: string; process?: string; decision?: string }[] };
    return (page.items ?? []).map((item) => item.name ?? item.process ?? item.decision ?? '').filter(Boolean);
  };
}

/** Names of resources of a kind that has no list of its own. */
function resources(kind: string): () => Promise<string[]> {
  return async () => {
    const page = (await call('resource.list', { kind }, { quiet: true })) as { items?: { name?: string }[] };
    return (page.items ?? []).map((item) => item.name ?? '').filter(Boolean);
  };
}

const relation = (kind: string) => (name: string) => href('relation', { kind, name });

const sources: Source[] = [
  { needs: 'process.list', kind: 'process', icon: 'process', href: (name) => href('process', { name }), read: names('process.list') },
  { needs: 'decision.list', kind: 'decision', icon: 'decision', href: (name) => href('decision', { name }), read: names('decision.list') },
  { needs: 'kpi.list', kind: 'kpi', icon: 'gauge', href: relation('kpi'), read: names('kpi.list') },
  { needs: 'contract.list', kind: 'contract', icon: 'contract', href: (name) => href('contract', { name }), read: names('contract.list') },
  { needs: 'peer.list', kind: 'peer', icon: 'exchange', href: (name) => href('peer', { name }), read: names('peer.list') },
  { needs: 'stream.read', kind: 'stream', icon: 'stream', href: relation('stream'), read: resources('stream') },
  { needs: 'table.read', kind: 'table', icon: 'table', href: relation('table'), read: resources('table') },
  { needs: 'view.read', kind: 'view', icon: 'catalogue', href: relation('view'), read: resources('view') },
  { needs: 'metric.read', kind: 'metric', icon: 'chart', href: relation('metric'), read: resources('metric') },
];

/** Reads all names once; what is refused or not there is left out. */
export async function findable(): Promise<Found[]> {
  const lists = await Promise.all(
    sources
      .filter((source) => may(source.needs))
      .map(async (source) => {
        try {
          const found = await source.read();
          return found.map((name) => ({ title: name, what: word('kinds', source.kind), href: source.href(name), icon: source.icon }));
        } catch {
          return [];
        }
      }),
  );
  return lists.flat();
}

/** How well a text fits what is typed: by its beginning, by the beginning of a word, anywhere, by its letters in order; 0 where not at all. */
export function fit(text: string, typed: string): number {
  const hay = text.toLowerCase();
  const needle = typed.toLowerCase().trim();
  if (needle === '') return 1;
  if (hay.startsWith(needle)) return 5;
  if (hay.split(/[\s\-_./]/).some((part) => part.startsWith(needle))) return 4;
  if (hay.includes(needle)) return 3;
  let at = 0;
  for (const letter of hay) if (letter === needle[at]) at += 1;
  return at === needle.length ? 1 : 0;
}

