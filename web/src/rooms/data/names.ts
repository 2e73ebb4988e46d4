// How relations are named in addresses, in SQL, and as ends of lineage.

import { call } from '../../api/client';
import { Problem } from '../../api/problem';
import { href } from '../../app/routes';
import type { IconName } from '../../ui';
import type { RelationKind, RelationRow, RelationShown } from './answers';

export const relationKinds: RelationKind[] = ['stream', 'table', 'view', 'metric', 'set_aside', 'lent', 'system'];

export const icons: Record<string, IconName> = {
  stream: 'stream',
  table: 'table',
  view: 'catalogue',
  metric: 'chart',
  kpi: 'gauge',
  query: 'sql',
  process: 'process',
  decision: 'decision',
  contract: 'contract',
  offer: 'contract',
  quality: 'check',
  screen: 'screen',
  set_aside: 'filter',
  // What is not of another kind: rows set aside, what neighbours lend, the unit's own.
  relation: 'table',
  lent: 'exchange',
  system: 'node',
};

/** Writes a name for a statement: each part in quotes. */
export function quoted(name: string): string {
  const dot = name.indexOf('.');
  const parts = dot === -1 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** Where the page of a relation is. */
export const relationHref = (row: Pick<RelationRow, 'kind' | 'name'>): string => href('relation', { kind: row.kind, name: row.name });

/** Where the page of an end of lineage is; nothing for what has none. */
export function endHref(kind: string, name: string): string | undefined {
  if (kind === 'process') return href('process', { name });
  if (kind === 'decision') return href('decision', { name });
  if (kind === 'contract') return href('contract', { name });
  if (kind === 'screen') return href('screen', { name });
  const shown = ['stream', 'table', 'view', 'metric', 'kpi', 'query', 'relation'];
  return shown.includes(kind) ? href('relation', { kind, name }) : undefined;
}

/** Reads a relation by what an address or an end of lineage calls it: a table by its stream, a view or metric without its schema. */
export async function readRelation(kind: string, name: string, signal: AbortSignal): Promise<RelationShown> {
  const guesses = [name];
  if (kind === 'metric' && !name.includes('.')) guesses.unshift(`metrics.${name}`);
  if (kind === 'table' && !name.endsWith('_latest')) guesses.unshift(`${name}_latest`);
  let first: Problem | undefined;
  for (const guess of guesses) {
    try {
      return await call('relation.get', { name: guess }, { signal });
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (problem.kind !== 'not_found') throw problem;
      first ??= problem;
    }
  }
  const { items } = await call('relation.list', { text: name, limit: 1_000 }, { signal });
  const found = items.find((row) => row.resource.name === name && (kind === 'relation' || row.kind === kind));
  if (!found) throw first ?? new Problem({ code: 'resource.not_found', kind: 'not_found' });
  return call('relation.get', { name: found.name }, { signal });
}
