// What the pages of the exchange read: own offers; and in SQL sums over receipts by day, the receipts of one call, and the times that contracts promise.

import { call } from '../../api/client';
import type { LevelRow, Offer, OwnOffer, ReceiptRow } from './answers';

/** What this unit offers, said as neighbours say what they offer. Columns that are lent have types where the manifest has them. */
export async function readOwnOffers(signal: AbortSignal): Promise<Offer[]> {
  const { items } = (await call('offer.list', {}, { signal })) as unknown as { items: OwnOffer[] };
  return items.map(({ name, spec: { relation, ...said } }) => {
    const typed = new Map(said.output?.map((field) => [field.name, field]));
    const lent = relation && { output: [], columns: (relation.columns ?? [...typed.keys()]).map((column) => typed.get(column) ?? { name: column, type: '' }) };
    return { on_revoke: 'finish', approval: 'none', ...said, ...lent, capability: name };
  });
}

interface Day extends Record<string, unknown> {
  day: string;
  capability: string;
  currency: string;
  amount: number;
}

/** What was owed in all by capability, at the end of each day on which something came to it. */
export async function daysOf(contract: string, signal: AbortSignal): Promise<Day[]> {
  const sql =
    "SELECT date_trunc('day', at) AS day, capability, currency, sum(amount) AS amount FROM system.receipts " +
    "WHERE contract = $1 AND currency <> 'XXX' GROUP BY 1, 2, 3 ORDER BY 1";
  const found = (await call('sql.query', { sql, parameters: [contract] }, { signal })) as unknown as Day[];
  const names = [...new Set(found.map((row) => row.capability))];
  const sums = new Map<string, number>();
  // Every series has every day: a stacked area must not fall to nothing between.
  return [...new Set(found.map((row) => row.day))].flatMap((day) => {
    const today = found.filter((row) => row.day === day);
    const currency = today[0]?.currency ?? '';
    return names.map((capability) => {
      const added = Number(today.find((row) => row.capability === capability)?.amount ?? 0);
      const sum = Math.round(((sums.get(capability) ?? 0) + added) * 100) / 100;
      sums.set(capability, sum);
      return { day, capability, currency, amount: sum };
    });
  });
}

/** More receipts no call has that anybody looks at one by one. */
const receiptsMax = 200;

/** The receipts of one call. */
export async function receiptsOf(contract: string, called: string, signal: AbortSignal): Promise<ReceiptRow[]> {
  const sql =
    'SELECT number, contract, "call", capability, event, at, amount, currency, side, state, reason FROM system.receipts ' +
    `WHERE contract = $1 AND "call" = $2 ORDER BY number LIMIT ${receiptsMax}`;
  return (await call('sql.query', { sql, parameters: [contract, called] }, { signal })) as unknown as ReceiptRow[];
}

/** The times that a contract promises. */
export async function readLevels(contract: string, signal: AbortSignal): Promise<LevelRow[]> {
  const sql = 'SELECT name, "on", objective, within, "window", good, total, ratio, overdue FROM system.service_levels WHERE "on" = $1 ORDER BY name';
  return (await call('sql.query', { sql, parameters: [`contract/${contract}`] }, { signal })) as unknown as LevelRow[];
}
