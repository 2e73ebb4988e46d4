// Every page of a real unit as every role that units are shipped with, and as one of the example: the browser complains of nothing, a page asks for nothing
// that its reader may not read, buttons for what he may not do are not there, and calls that he may not make are refused where they are forced.
//
//   node tests/roles.mjs BINARY [ROLE…]      CONSOLE=dist: the console of web/dist
import { browse, open, settled } from './browser.mjs';
import { peopleOf, placesOf } from './places.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/roles.mjs BINARY [ROLE…]');
const all = ['owner', 'operator', 'developer', 'analyst', 'approver', 'viewer', 'care'];
const wanted = process.argv.slice(3).length ? process.argv.slice(3) : all;

/** What stands on buttons, and what it takes to press them. */
const deeds = [
  [/^\/tasks/, /^(Take|Take it)$/, 'task.claim'],
  [/^\/tasks/, /^Complete$/, 'task.complete'],
  [/^\/tasks/, /^Assign$/, 'task.assign'],
  [/^\/processes/, /^Start/, 'process.start'],
  [/^\/(processes|instances)/, /^Suspend$/, ['process.suspend', 'instance.suspend']],
  [/^\/instances/, /^Cancel instance|^Cancel it$/, 'instance.cancel'],
  [/^\/instances/, /^Move/, 'instance.move'],
  [/^\/instances/, /^Migrate/, 'instance.migrate'],
  [/^\/incidents/, /^Retry/, ['incident.resolve', 'bulk.start']],
  [/^\/exchange/, /^Propose/, 'contract.propose'],
  [/^\/exchange/, /^Accept$/, 'contract.accept'],
  [/^\/exchange/, /^Revoke$/, 'contract.revoke'],
  [/^\/people/, /^Make a token/, 'token.create'],
  [/^\/people/, /^Add a user/, 'resource.apply'],
  [/^\/running/, /^End$/, 'running.kill'],
  [/^\/sql/, /^Save/, 'query.save'],
  [/^\/screens/, /^Take it$/, 'task.claim'],
  [/^\/screens/, /^Told$/, 'task.complete'],
];

const units = await commerce(binary);
const { retail } = units;
const browser = await browse();
const wrong = [];
const counts = { pages: 0, refused: 0, judged: 0 };

/** Calls everything that the role may not do, with its session, past the console. */
async function force(page, role, operations, document) {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { operationId }] of Object.entries(methods)) {
      if (!operationId || operations[operationId] !== undefined || !/\./.test(operationId)) continue;
      const url = retail.page + path.replace(/\{kind\}/g, 'stream').replace(/\{\w+\}/g, 'orders');
      const options = { method: method.toUpperCase(), headers: { origin: retail.page, accept: 'application/json' }, failOnStatusCode: false };
      if (method !== 'get') Object.assign(options, { data: {} });
      const status = (await page.context().request.fetch(url, options)).status();
      // 400: what it was given was judged first; no call of a role may take effect all the same.
      if ([401, 403, 404].includes(status)) counts.refused += 1;
      else if ([400, 405, 415].includes(status)) counts.judged += 1;
      else wrong.push(`${role}: ${operationId} was forced: ${status}`);
    }
  }
}

try {
  const people = await peopleOf(retail, wanted);
  const places = (await placesOf(retail)).filter(([name]) => name !== 'sign-in');
  const document = await retail.api('GET', '/v1/openapi.json');
  for (const role of wanted) {
    let at = '';
    // A resource that is hidden from a role looks as if it were not there: that much a page by its address may be told.
    // A query is run as its caller: one that reads what he may not see reads a table that is not there.
    const isHidden = (status, url) => status === 400 && at === 'query' && url.endsWith('/run');
    // Who hurries from page to page leaves queries behind that have yet to end; the console asks again.
    const isBusy = (status, url) => status === 429 && url.endsWith('/run');
    const allow = [isHidden, isBusy, (status, url) => status === 404 && (at === 'not-found' || /^(screen|device|thing-rule|task|instance|process|decision|relation|metric|query|kpi|contract|peer|live)/.test(at))];
    const page = await open(browser, retail.page, { user: people[role], allow });
    const mine = await (await page.context().request.get(`${retail.page}/v1/policies/mine`, { headers: { accept: 'application/json' } })).json();
    for (const [name, path] of places) {
      at = name;
      page.note = `${role}: ${name}`;
      await page.goto(path);
      await settled(page);
      counts.pages += 1;
      const labels = await page.locator('main button:visible, main a.button:visible').allInnerTexts();
      for (const [where, label, operations] of deeds) {
        if (!where.test(path)) continue;
        const needs = [operations].flat();
        const offered = labels.map((text) => text.trim()).find((text) => label.test(text));
        if (offered && !needs.some((each) => mine.operations[each])) wrong.push(`${role}: ${path} offers "${offered}" without ${needs.join(' or ')}`);
      }
    }
    await force(page, role, mine.operations, document);
    wrong.push(...page.complaints);
    await page.context().close();
    console.log(`${role}: ${Object.keys(mine.operations).length} operations are his`);
  }
} finally {
  await browser.close();
  await units.stop();
}
for (const text of new Set(wrong)) console.error(text);
console.log(`${counts.pages} pages; ${counts.refused} forced calls refused, ${counts.judged} found wrong before; ${new Set(wrong).size} complaints`);
process.exit(wrong.length ? 1 : 0);
