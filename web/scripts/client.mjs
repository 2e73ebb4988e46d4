// Makes the client's types and its table of routes from openapi.json, which is what GET /v1/openapi.json of a unit answers.
// With an address as argument it fetches the document first: npm run client http://127.0.0.1:8080
// With --check it writes nothing, and says whether both are what the document makes of them.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const root = new URL('../', import.meta.url);
const document = new URL('openapi.json', root);
const [argument] = process.argv.slice(2);
const isCheck = argument === '--check';
if (argument && !isCheck) {
  const answer = await fetch(new URL('/v1/openapi.json', argument));
  if (!answer.ok) throw new Error(`${argument} answered ${answer.status}`);
  const answered = await answer.json();
  // Of whatever unit: the document is the same, and a test of the unit holds it against the code.
  answered.info.title = 'a unit';
  writeFileSync(document, `${JSON.stringify(answered, null, 1)}\n`);
}

const note = '// Made from openapi.json by `npm run client`. Do not edit.\n\n';
function put(path, text) {
  const file = new URL(path, root);
  if (!isCheck) return writeFileSync(file, text);
  if (readFileSync(file, 'utf8') === text) return;
  console.error(`error: ${path} is not what openapi.json makes of it\nhint: npm run client`);
  process.exitCode = 1;
}

put('src/api/schema.d.ts', note + astToString(await openapiTS(document, { emptyObjectsUnknown: true })));

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
put('src/api/table.ts', note + table + without);
if (!isCheck) console.log(`${lines.length} operations`);
