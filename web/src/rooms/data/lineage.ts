// What stands on what, around one thing: read from `system.lineage`, walked, and put into layers.

import { answer } from './ask';
import type { Neighbour } from './answers';

export interface End {
  kind: string;
  name: string;
}

export interface Edge {
  from: End;
  to: End;
  how: string;
  /** By column of `to`, the columns of `from` that reach it; nothing where that is not known. */
  columns: Record<string, string[]> | undefined;
}

export interface Node extends End {
  id: string;
  /** Negative before the thing that is looked at, positive behind it. */
  layer: number;
  x: number;
  y: number;
}

export interface Drawing {
  nodes: Node[];
  edges: (Edge & { id: string; path: string })[];
  width: number;
  height: number;
  /** True where there is more than is drawn. */
  isCut: boolean;
}

export const idOf = (end: End): string => `${end.kind}/${end.name}`;

export const box = { width: 196, height: 46 };
const gap = { x: 72, y: 14 };
const margin = 16;
/** More than that nobody reads; the way on leads over the page of a neighbour. */
const nodesMax = 160;
const edgesMax = 50_000;
const sweeps = 6;

/** Reads all edges that the caller may see. */
export async function readEdges(signal: AbortSignal): Promise<Edge[]> {
  const { rows } = await answer('SELECT from_kind, from_name, to_kind, to_name, how, detail FROM system.lineage', signal, edgesMax);
  return rows.map(({ cells }) => {
    const [fromKind, fromName, toKind, toName, how, detail] = cells.map((cell) => (cell === null ? '' : String(cell)));
    return {
      from: { kind: fromKind ?? '', name: fromName ?? '' },
      to: { kind: toKind ?? '', name: toName ?? '' },
      how: how ?? '',
      columns: columnsOf(detail),
    };
  });
}

/** The edges of one step, as the page of a relation has them: for who may not ask SQL. */
export function nearEdges(here: End, lineage: { up: Neighbour[]; down: Neighbour[] }): Edge[] {
  const of = (near: Neighbour) => ({ kind: near.kind, name: near.name });
  return [
    ...lineage.up.map((near) => ({ from: of(near), to: here, how: near.how, columns: columnsOf(near.detail) })),
    ...lineage.down.map((near) => ({ from: here, to: of(near), how: near.how, columns: columnsOf(near.detail) })),
  ];
}

function columnsOf(detail: unknown): Edge['columns'] {
  try {
    const read = (typeof detail === 'string' ? JSON.parse(detail) : detail) as { columns?: unknown } | null;
    const columns = read?.columns;
    return columns !== null && typeof columns === 'object' && !Array.isArray(columns) ? (columns as Record<string, string[]>) : undefined;
  } catch {
    return undefined;
  }
}

/** Draws what is within so many steps of `here`, before it and behind it. */
export function draw(all: readonly Edge[], here: End, steps: number): Drawing {
  const up = walk(all, here, steps, 'up');
  const down = walk(all, here, steps, 'down');
  const ends = new Map([...up.found, ...down.found]);
  const edges = all.filter((edge) => {
    const from = idOf(edge.from);
    const to = idOf(edge.to);
    return from !== to && ((up.found.has(from) && up.found.has(to)) || (down.found.has(from) && down.found.has(to)));
  });
  const layers = layersOf(idOf(here), ends, edges);
  const nodes = place(ends, layers, edges);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const drawn = edges.flatMap((edge, index) => {
    const from = byId.get(idOf(edge.from));
    const to = byId.get(idOf(edge.to));
    return from && to ? [{ ...edge, id: `${index}`, path: curve(from, to) }] : [];
  });
  const width = Math.max(...nodes.map((node) => node.x)) + box.width + margin;
  const height = Math.max(...nodes.map((node) => node.y)) + box.height + margin;
  return { nodes, edges: drawn, width, height, isCut: up.isCut || down.isCut };
}

function walk(all: readonly Edge[], here: End, steps: number, way: 'up' | 'down'): { found: Map<string, End>; isCut: boolean } {
  const next = new Map<string, End[]>();
  for (const edge of all) {
    const [one, other] = way === 'up' ? [edge.to, edge.from] : [edge.from, edge.to];
    next.set(idOf(one), [...(next.get(idOf(one)) ?? []), other]);
  }
  const found = new Map([[idOf(here), here]]);
  let edge = [here];
  let isCut = false;
  for (let step = 0; 0 < edge.length; step += 1) {
    const reached: End[] = [];
    for (const end of edge) {
      for (const other of next.get(idOf(end)) ?? []) {
        if (found.has(idOf(other))) continue;
        if (steps <= step || nodesMax <= found.size) {
          isCut = true;
          continue;
        }
        found.set(idOf(other), other);
        reached.push(other);
      }
    }
    edge = reached;
  }
  return { found, isCut };
}

/** Every end stands one layer behind the last of what it stands on; an edge that closes a circle does not count. */
function layersOf(here: string, ends: ReadonlyMap<string, End>, edges: readonly Edge[]): Map<string, number> {
  const after = new Map<string, string[]>();
  for (const edge of edges) after.set(idOf(edge.from), [...(after.get(idOf(edge.from)) ?? []), idOf(edge.to)]);
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const kept: [string, string][] = [];
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const to of after.get(id) ?? []) {
      if (state.get(to) === 'open') continue;
      kept.push([id, to]);
      if (!state.has(to)) visit(to);
    }
    state.set(id, 'done');
    order.unshift(id);
  };
  for (const id of ends.keys()) if (!state.has(id)) visit(id);
  const layers = new Map(order.map((id) => [id, 0]));
  const byFrom = new Map<string, string[]>();
  for (const [from, to] of kept) byFrom.set(from, [...(byFrom.get(from) ?? []), to]);
  for (const id of order) for (const to of byFrom.get(id) ?? []) layers.set(to, Math.max(layers.get(to) ?? 0, (layers.get(id) ?? 0) + 1));
  // What nothing stands before moves close to what stands on it.
  const hasBefore = new Set(kept.map(([, to]) => to));
  for (const id of [...order].reverse()) {
    const behind = (byFrom.get(id) ?? []).map((to) => layers.get(to) ?? 0);
    if (!hasBefore.has(id) && 0 < behind.length) layers.set(id, Math.min(...behind) - 1);
  }
  const middle = layers.get(here) ?? 0;
  return new Map([...layers].map(([id, layer]) => [id, layer - middle]));
}

/** Puts each layer in a column, ordered so that edges cross as seldom as some sweeps can bring about. */
function place(ends: ReadonlyMap<string, End>, layers: ReadonlyMap<string, number>, edges: readonly Edge[]): Node[] {
  const columns = new Map<number, string[]>();
  for (const id of [...ends.keys()].sort()) {
    const layer = layers.get(id) ?? 0;
    columns.set(layer, [...(columns.get(layer) ?? []), id]);
  }
  const near = new Map<string, string[]>();
  for (const edge of edges) {
    const [from, to] = [idOf(edge.from), idOf(edge.to)];
    near.set(from, [...(near.get(from) ?? []), to]);
    near.set(to, [...(near.get(to) ?? []), from]);
  }
  const numbers = [...columns.keys()].sort((one, other) => one - other);
  const at = new Map<string, number>();
  const settle = () => {
    for (const ids of columns.values()) ids.forEach((id, index) => at.set(id, index - (ids.length - 1) / 2));
  };
  settle();
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    for (const number of sweep % 2 === 0 ? numbers : [...numbers].reverse()) {
      const ids = columns.get(number) ?? [];
      const middles = new Map(
        ids.map((id) => {
          const others = near.get(id) ?? [];
          return [id, others.length === 0 ? (at.get(id) ?? 0) : others.reduce((sum, other) => sum + (at.get(other) ?? 0), 0) / others.length];
        }),
      );
      ids.sort((one, other) => (middles.get(one) ?? 0) - (middles.get(other) ?? 0));
      settle();
    }
  }
  const tallest = Math.max(...[...columns.values()].map((ids) => ids.length));
  const first = numbers[0] ?? 0;
  return [...ends].map(([id, end]) => {
    const layer = layers.get(id) ?? 0;
    const row = (at.get(id) ?? 0) + (tallest - 1) / 2;
    return { ...end, id, layer, x: margin + (layer - first) * (box.width + gap.x), y: margin + row * (box.height + gap.y) };
  });
}

function curve(from: Node, to: Node): string {
  const [startY, endY] = [from.y + box.height / 2, to.y + box.height / 2];
  if (from.x < to.x) {
    const [start, end] = [from.x + box.width, to.x - 5];
    const bend = Math.min(90, (end - start) / 2 + 8);
    return `M${start} ${startY} C${start + bend} ${startY} ${end - bend} ${endY} ${end} ${endY}`;
  }
  // Back, or within a layer: around the outside.
  const [start, end] = [from.x + box.width, to.x + box.width + 5];
  const out = Math.max(start, end) + 36;
  return `M${start} ${startY} C${out} ${startY} ${out} ${endY} ${end} ${endY}`;
}

/** By node, the columns that a column of `here` comes from or goes to, as far as that is known. */
export function trace(edges: readonly Edge[], here: End, column: string): Map<string, Set<string>> {
  const reached = new Map([[idOf(here), new Set([column])]]);
  spread(edges, reached, idOf(here), column, 'up');
  spread(edges, reached, idOf(here), column, 'down');
  return reached;
}

function spread(edges: readonly Edge[], reached: Map<string, Set<string>>, start: string, column: string, way: 'up' | 'down'): void {
  const open: [string, string][] = [[start, column]];
  const done = new Set<string>();
  for (let next = open.pop(); next; next = open.pop()) {
    const [id, name] = next;
    if (done.has(`${id} ${name}`)) continue;
    done.add(`${id} ${name}`);
    const held = reached.get(id) ?? new Set();
    reached.set(id, held.add(name));
    for (const edge of edges) {
      const [one, other] = way === 'up' ? [edge.to, edge.from] : [edge.from, edge.to];
      if (idOf(one) === id) for (const each of across(edge, name, way)) open.push([idOf(other), each]);
    }
  }
}

function across(edge: Edge, column: string, way: 'up' | 'down'): string[] {
  if (edge.columns) {
    if (way === 'up') return edge.columns[column] ?? [];
    return Object.entries(edge.columns).flatMap(([to, from]) => (from.includes(column) ? [to] : []));
  }
  // A stream's table and its newest rows have its columns.
  const isSame = edge.how === 'derives' && edge.from.kind === 'stream' && (edge.to.kind === 'table' || edge.to.kind === 'relation');
  return isSame ? [column] : [];
}
