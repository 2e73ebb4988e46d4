// How the home page reads what several operations answer.

import type { KpiRow, KpiValue, LedgerRow, Page, TaskRow } from '../../api/answers';
import { call } from '../../api/client';
import { Problem } from '../../api/problem';
import { numberOf } from '../../i18n/format';

export interface KpiShown extends KpiRow {
  /** The value of each window that counts most, oldest first. */
  history: (string | number | null)[];
}

/** KPIs whose past is read too; what comes behind them shows its latest value alone. */
const historiesMax = 12;
const windowsMax = 24;

/** Reads KPIs with their past, those that miss their target first. */
export async function readKpis(signal: AbortSignal): Promise<KpiShown[]> {
  const { items } = await call('kpi.list', {}, { signal });
  const rank = (row: KpiRow) => ['breached', 'failed', 'met'].indexOf(row.state) + 1 || 4;
  const sorted = [...items].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
  return Promise.all(
    sorted.map(async (row, index) => {
      if (historiesMax <= index || row.window === null) return { ...row, history: [] };
      try {
        const { values } = await call('kpi.get', { name: row.name, limit: 500 }, { signal });
        return { ...row, history: worstByWindow(values, row.direction) };
      } catch {
        return { ...row, history: [] };
      }
    }),
  );
}

/** A KPI may have a value for each of its dimensions: the one farthest on the wrong side counts, as in the list. */
export function worstByWindow(values: readonly KpiValue[], direction: KpiRow['direction']): (string | number | null)[] {
  const worst = new Map<string, string | number | null>();
  for (const { window, value } of values) {
    const known = numberOf(worst.get(window));
    const number = numberOf(value);
    if (number === undefined) continue;
    const isWorse = known === undefined || (direction === 'at_most' ? known < number : number < known);
    if (isWorse) worst.set(window, value);
  }
  const sorted = [...worst].sort(([one], [other]) => one.localeCompare(other));
  return sorted.slice(-windowsMax).map(([, value]) => value);
}

/** Reads the tasks that wait for the caller: his own, and those that he may take. */
export async function readMine(limit: number, signal: AbortSignal): Promise<Page<TaskRow>> {
  try {
    return await call('task.list', { mine: true, limit }, { signal });
  } catch (thrown) {
    // An older unit does not know whose tasks are whose.
    if (Problem.of(thrown).code !== 'http.parameter_unknown') throw thrown;
    return call('task.list', { limit }, { signal });
  }
}

export interface Balance {
  currency: string;
  weOwe: number;
  owedToUs: number;
}

/** Adds up what contracts say, by currency. Only for the eye: what counts are the receipts. */
export function balances(rows: readonly LedgerRow[]): Balance[] {
  const sums = new Map<string, Balance>();
  for (const row of rows) {
    // What has no price is no money.
    if (row.currency === 'XXX') continue;
    const sum = sums.get(row.currency) ?? { currency: row.currency, weOwe: 0, owedToUs: 0 };
    sums.set(row.currency, sum);
    if (row.side === 'consumer') sum.weOwe += numberOf(row.owed) ?? 0;
    else sum.owedToUs += numberOf(row.owed) ?? 0;
  }
  return [...sums.values()].sort((one, other) => one.currency.localeCompare(other.currency));
}
