// How the home page reads what several operations answer.

import type { KpiRow } from '../../api/answers';
import { call } from '../../api/client';

/** Windows whose values a tile draws, the newest. */
const windowsMax = 24;

/** Reads KPIs with their past, those that miss their target first. */
export async function readKpis(signal: AbortSignal): Promise<KpiRow[]> {
  const { items } = await call('kpi.list', { values: windowsMax }, { signal });
  const rank = (row: KpiRow) => ['breached', 'failed', 'met'].indexOf(row.state) + 1 || 4;
  return [...items].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}
