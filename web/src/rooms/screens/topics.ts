// Which changes concern a query: the streams, tables and KPIs that it stands on, found by walking up the lineage that the caller may see.

import { call } from '../../api/client';
import { may } from '../../app/session.svelte';

interface Edge {
  from_kind: string;
  from_name: string;
  to_kind: string;
  to_name: string;
}

/** For so long what was read of the lineage is believed: it changes with manifests alone. */
const believedMs = 300_000;
/** As many topics are watched for one query at most; what stands on more is read now and then. */
const topicsMax = 24;

/** What the relations of `system` follow. */
const ofSystem: Record<string, string> = {
  tasks: 'task',
  instances: 'instance',
  process_instances: 'instance',
  incidents: 'incident',
  processes: 'process',
  ledger: 'ledger',
  calls: 'call',
  contracts: 'contract',
  receipts: 'receipt',
  peers: 'peer',
  kpis: 'kpi',
  kpi_values: 'kpi',
};

let edges: { at: number; read: Promise<Edge[]> } | undefined;

function lineage(): Promise<Edge[]> {
  if (edges && Date.now() - edges.at < believedMs) return edges.read;
  const sql = "SELECT from_kind, from_name, to_kind, to_name FROM system.lineage WHERE to_kind NOT IN ('process', 'offer', 'quality')";
  const read = call('sql.query', { sql }) as Promise<Edge[]>;
  edges = { at: Date.now(), read };
  return read;
}

/** Answers the topics of a query; nothing where they are not known, and the page has to look by itself. */
export async function topicsOf(query: string): Promise<string[]> {
  if (!may('sql.query')) return [];
  try {
    const all = await lineage();
    const topics = new Set<string>();
    const seen = new Set<string>();
    const open = [`query/${query}`];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const above = all.filter((edge) => `${edge.to_kind}/${edge.to_name}` === at);
      for (const { from_kind: kind, from_name: name } of above) {
        const topic = topicOf(kind, name);
        if (topic) topics.add(topic);
        open.push(`${kind}/${name}`);
      }
    }
    return topics.size <= topicsMax ? [...topics].sort() : [];
  } catch {
    return [];
  }
}

function topicOf(kind: string, name: string): string | undefined {
  if (['stream', 'table', 'kpi'].includes(kind)) return `${kind}/${name}`;
  const system = /^system\.(\w+)$/.exec(name)?.[1];
  return system === undefined ? undefined : ofSystem[system];
}
