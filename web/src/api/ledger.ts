// Sums over lines of the ledger. Money is added as whole hundredths: no cent is lost on the way.

import type { LedgerRow } from './answers';

type Side = LedgerRow['side'];

export interface Sum {
  currency: string;
  side: Side;
  owed: number;
  disputed: number;
}

const cents = (text: string): number => Math.round(Number(text) * 100);

/** Adds what is owed by currency and side; what has no price (`XXX`) is not money. */
export function sumsOf(rows: readonly LedgerRow[]): Sum[] {
  const sums = new Map<string, Sum>();
  for (const row of rows) {
    if (row.currency === 'XXX') continue;
    const key = `${row.currency} ${row.side}`;
    const sum = sums.get(key) ?? { currency: row.currency, side: row.side, owed: 0, disputed: 0 };
    sum.owed += cents(row.owed);
    sum.disputed += cents(row.disputed);
    sums.set(key, sum);
  }
  return [...sums.values()].map((sum) => ({ ...sum, owed: sum.owed / 100, disputed: sum.disputed / 100 }));
}

export interface Balance {
  currency: string;
  weOwe: number;
  owedToUs: number;
}

/** What is owed on both sides, by currency. Only for the eye: what counts are the receipts. */
export function balances(rows: readonly LedgerRow[]): Balance[] {
  const sums = sumsOf(rows);
  const owed = (currency: string, side: Side): number => sums.find((sum) => sum.currency === currency && sum.side === side)?.owed ?? 0;
  return currenciesOf(rows).map((currency) => ({ currency, weOwe: owed(currency, 'consumer'), owedToUs: owed(currency, 'provider') }));
}

/** The currencies of some lines, each once. */
export function currenciesOf(rows: readonly LedgerRow[]): string[] {
  return [...new Set(rows.map((row) => row.currency))].filter((currency) => currency !== 'XXX').sort();
}

/** What stands in a ledger chart: what each contract costs and earns. */
export function byContract(rows: readonly LedgerRow[], currency: string): { contract: string; side: Side; owed: number }[] {
  const found = new Map<string, { contract: string; side: Side; owed: number }>();
  for (const row of rows.filter((each) => each.currency === currency)) {
    const entry = found.get(row.contract) ?? { contract: row.contract, side: row.side, owed: 0 };
    entry.owed += cents(row.owed);
    found.set(row.contract, entry);
  }
  return [...found.values()].map((entry) => ({ ...entry, owed: entry.owed / 100 })).sort((one, other) => other.owed - one.owed);
}
