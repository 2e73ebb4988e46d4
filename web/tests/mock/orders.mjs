// The shop's orders, the newest first: what streams, queries and screens show of them.
import { ago } from './base.mjs';

const places = [['São Paulo', 'SP'], ['Rio de Janeiro', 'RJ'], ['Belo Horizonte', 'MG'], ['Porto Alegre', 'RS']];
export const states = places.map(([, state]) => state);
/** The last days for which there are sums, the oldest first. */
export const days = Array.from({ length: 30 }, (_, back) => ago((30 - back) * 1_440).slice(0, 10));

export const orders = Array.from({ length: 400 }, (_, at) => {
  const [city, state] = places[at % places.length];
  const isLate = at % 7 === 0 || at % 251 === 0;
  return {
    order_id: `order-${9_041 - at}`, city, state, isLate, customer: at % 3 ? `c-${at * 31}` : null, price: (29.99 + at * 1.37).toFixed(2), weight: 0.4 + (at % 9) / 3, is_gift: at % 5 === 0,
    due: ago(isLate ? 1_440 * (1 + (at % 9)) : -1_440 * (1 + (at % 20))), placed_at: ago(at * 3), lateShare: 0.01 * (at % 40),
  };
});

/** Orders and revenue by day and state. */
export const byDayColumns = [['day', 'date', ''], ['state', 'text', ''], ['orders', 'int', ''], ['revenue', 'decimal(18,2)', '']];
export const byDay = () =>
  days.flatMap((day, at) => states.map((state, part) => [day, state, 300 - part * 60 + ((at * 37 + part * 11) % 50), (20_000 - part * 4_000 + ((at * 811) % 3_000)).toFixed(2)]));
