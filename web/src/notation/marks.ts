// What a diagram is told of its elements.

export interface Mark {
  /** So many stand there; shown as a number, or as this text. */
  active?: number;
  activeText?: string;
  /** So many of these stand still. */
  incidents?: number;
  incidentsText?: string;
  /** A word below the element: how long it takes. */
  note?: string;
  /** How warm it is drawn, 1 to 5. */
  heat?: number;
  /** In an instance: it is over, it stands here, it stands still here. */
  state?: 'done' | 'here' | 'failed';
}

/** Returns how warm values are, 1 to 5 beside the largest; nothing for none. */
export function heats(values: Record<string, number>): Record<string, number> {
  const most = Math.max(0, ...Object.values(values));
  const warm = Object.entries(values).filter(([, value]) => 0 < value);
  // Times differ by orders of magnitude: the root keeps the smaller ones in sight.
  return Object.fromEntries(warm.map(([id, value]) => [id, Math.max(1, Math.ceil(5 * Math.sqrt(value / most)))]));
}
