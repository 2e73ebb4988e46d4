// Makes the client's types and its table of routes from openapi.json, which is what GET /v1/openapi.json of a unit answers.
// With an address as argument it fetches the document first: npm run client http://127.0.0.1:7700
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const root = new URL('../', import.meta.url);
const document = new URL('openapi.json', root);
const [address] = process.argv.slice(2);
if (address) {
  const answer = await fetch(new URL('/v1/openapi.json', address));
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  writeFileSync(document, `${JSON.stringify(await answer.json(), null, 1)}\n`);
}

const note = '// Made from openapi.json by `npm run client`. Do not edit.\n\n';
const types = astToString(await openapiTS(document, { emptyObjectsUnknown: true }));
writeFileSync(new URL('src/api/schema.d.ts', root), note + types);

const { paths } = JSON.parse(readFileSync(document, 'utf8'));
const lines = [];
const keyless = [];
for (const [path, item] of Object.entries(paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (!operation.operationId?.includes('.')) continue;
    const inQuery = (operation.parameters ?? []).filter((each) => each.in === 'query').map((each) => each.name);
    const route = [method.toUpperCase(), path, ...(method === 'get' ? [] : inQuery)];
    const takesKey = (operation.parameters ?? []).some((each) => each.$ref?.endsWith('/IdempotencyKey'));
    if (method !== 'get' && !takesKey) keyless.push(operation.operationId);
    lines.push(`  '${operation.operationId}': ${JSON.stringify(route).replaceAll('"', "'").replaceAll("','", "', '")},\n`);
  }
}
lines.sort();
const table = `/** Where each operation is: method, path, and which parameters of a change stand in the query. */\nexport const table = {\n${lines.join('')}} as const;\n`;
const without = `\n/** Operations that carry a value which is kept nowhere: they take no idempotency key. */\nexport const keyless: ReadonlySet<string> = new Set([\n${keyless.sort().map((name) => `  '${name}',\n`).join('')}]);\n`;
writeFileSync(new URL('src/api/table.ts', root), note + table + without);
console.log(`${lines.length} operations`);
