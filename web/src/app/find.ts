// What the palette finds beside pages: resources by their names, as the unit finds them.

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

type Read = (text: string, signal: AbortSignal) => Promise<Found[]>;

/** So many of a kind are shown: whoever means another writes more of its name. */
const foundMax = 20;

const icons: Record<string, IconName> = { process: 'process', decision: 'decision', kpi: 'gauge', contract: 'contract', peer: 'exchange', stream: 'stream', table: 'table', view: 'catalogue', metric: 'chart', query: 'sql', device: 'device', rule: 'filter' };

const found = (kind: string, title: string, to: string): Found => ({ title, what: word('kinds', kind), href: to, icon: icons[kind] ?? 'catalogue' });

/** Kinds of which the unit looks names up. */
const sought: [needs: string, read: Read][] = [
  [
    'process.list',
    async (text, signal) =>
      (await call('process.list', { text, limit: foundMax }, { quiet: true, signal })).items.map((row) => found('process', row.title ?? row.process, href('process', { name: row.process }))),
  ],
  [
    'decision.list',
    async (text, signal) =>
      (await call('decision.list', { text, limit: foundMax }, { quiet: true, signal })).items.map((row) => found('decision', row.decision, href('decision', { name: row.decision }))),
  ],
  [
    'relation.list',
    async (text, signal) =>
      (await call('relation.list', { text, kind: 'stream,table,view,metric,lent', limit: foundMax }, { quiet: true, signal })).items.map((row) =>
        found(row.kind, row.name, href('relation', { kind: row.kind, name: row.name })),
      ),
  ],
  [
    'device.list',
    async (text, signal) => (await call('device.list', { text, limit: foundMax }, { quiet: true, signal })).items.map((row) => found('device', row.name, href('device', { name: row.name }))),
  ],
  [
    'query.list',
    async (text, signal) =>
      (await call('query.list', { text, limit: foundMax }, { quiet: true, signal })).items.map((row) => found('query', row.name, href('relation', { kind: 'query', name: row.name }))),
  ],
];

/** Kinds of which there are few: they are read as a whole, once. */
const whole: [needs: string, read: () => Promise<Found[]>][] = [
  ['kpi.list', async () => (await call('kpi.list', {}, { quiet: true })).items.map((row) => found('kpi', row.name, href('relation', { kind: 'kpi', name: row.name })))],
  ['rule.list', async () => (await call('rule.list', {}, { quiet: true })).items.map((row) => found('rule', row.name, href('thingRule', { name: row.name })))],
  ['contract.list', async () => (await call('contract.list', {}, { quiet: true })).items.map((row) => found('contract', row.name, href('contract', { name: row.name })))],
  ['peer.list', async () => (await call('peer.list', {}, { quiet: true })).items.map((row) => found('peer', row.name, href('peer', { name: row.name })))],
];

/** Returns what looks names up; what is refused, or not there, is left out. */
export function finder(): Read {
  const few = whole.filter(([needs]) => may(needs)).map(([, read]) => read().catch(() => []));
  return async (text, signal) => {
    const lists = await Promise.all([
      ...sought.filter(([needs]) => may(needs)).map(([, read]) => read(text, signal).catch(() => [])),
      ...few.map(async (list) => (await list).filter((each) => 0 < fit(each.title, text)).slice(0, foundMax)),
    ]);
    return lists.flat();
  };
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
