// What all rooms of the mock stand on: its time, how it refuses, how it writes rows.

export const now = Date.now();
export const ago = (minutes) => new Date(now - minutes * 60_000).toISOString();
export const has = (wanted, value) => !wanted || wanted === value;
export const page = (items) => ({ items, next: null });

const kinds = { 400: 'invalid', 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found', 409: 'conflict', 429: 'exhausted', 503: 'unavailable' };

/** Throws what a unit would refuse with. */
export function refuse(status, code, detail, more = {}) {
  throw Object.assign(new Error(detail), { problem: { status, code, detail, kind: kinds[status] ?? 'internal', title: code, ...more } });
}

/** Writes rows in the form that is asked for: `table` has a row a line, as the unit writes it; without a form they are objects. */
export function rowsAs(format, columns, rows) {
  const objects = () => rows.map((row) => Object.fromEntries(columns.map(([name], at) => [name, row[at]])));
  switch (format) {
    case undefined:
      return objects();
    case 'table':
      return Buffer.from(`{"columns":${JSON.stringify(columns.map(([name, type]) => ({ name, type })))},"rows":[${rows.map((row) => JSON.stringify(row)).join(',\n')}]}`);
    case 'csv':
      return Buffer.from([columns.map(([name]) => name), ...rows].map((row) => row.join(',')).join('\r\n'));
    case 'ndjson':
      return Buffer.from(objects().map((row) => JSON.stringify(row)).join('\n'));
    default:
      return refuse(400, 'call.invalid', `the mock does not write \`${format}\``);
  }
}
