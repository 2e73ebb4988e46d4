// How fast the console is: interactive in under 1 s from an empty cache, and lists, filters and pages of a unit with many instances in under 100 ms.
//
//   node tests/fast.mjs BINARY [INSTANCES]      20,000 where absent; CONSOLE=dist: the console of web/dist
import { browse, enter, open, until } from './browser.mjs';
import { peopleOf } from './places.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/fast.mjs BINARY [INSTANCES]');
const wanted = Number(process.argv[3] ?? 20_000);
const interactiveMsMax = 1_000;
const listMsMax = 100;
const rounds = 5;
const batch = 2_000;

const units = await commerce(binary);
const { retail } = units;
const browser = await browse();
const slow = [];

const median = (times) => [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)];
function tell(what, times, most) {
  const [middle, worst] = [median(times), Math.max(...times)];
  const isSlow = most < middle;
  if (isSlow) slow.push(what);
  console.log(`${isSlow ? 'SLOW' : 'fine'}  ${middle.toFixed(0).padStart(5)} ms  (worst ${worst.toFixed(0)})  ${what}`);
}

const bpmn = `<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="http://bpmn.io/schema/bpmn">
  <bpmn:process id="look-at" isExecutable="true">
    <bpmn:startEvent id="come"><bpmn:messageEventDefinition messageRef="m" /></bpmn:startEvent>
    <bpmn:userTask id="look" name="Look at it"><bpmn:extensionElements><zeebe:userTask /><zeebe:assignmentDefinition candidateGroups="approver" /></bpmn:extensionElements></bpmn:userTask>
    <bpmn:endEvent id="seen" />
    <bpmn:sequenceFlow id="a" sourceRef="come" targetRef="look" />
    <bpmn:sequenceFlow id="b" sourceRef="look" targetRef="seen" />
  </bpmn:process>
  <bpmn:message id="m" name="came" />
</bpmn:definitions>`;

/** Fills the unit: each row of a stream begins an instance that waits for a person. */
async function fill() {
  const manifest = (kind, name, spec) => ({ apiVersion: 'craton/v1', kind, metadata: { name }, spec });
  await retail.apply([
    manifest('Stream', 'comings', { schema: [{ name: 'id', type: 'text', required: true }, { name: 'city', type: 'text', required: true }] }),
    manifest('Process', 'look-at', { bpmn: 'look-at.bpmn', source: bpmn, business_key: '=id', on: [{ stream: 'comings', message: 'came', key: '=id' }] }),
  ]);
  const began = Date.now();
  for (let at = 0; at < wanted; at += batch) {
    await retail.append('comings', Array.from({ length: Math.min(batch, wanted - at) }, (_, index) => ({ id: `case-${at + index}`, city: `city ${(at + index) % 40}` })));
  }
  await until('all instances run', async () => {
    const { items } = await retail.api('GET', '/v1/processes?limit=1000');
    return wanted <= (items.find((each) => (each.process ?? each.name) === 'look-at')?.active ?? 0);
  }, 600_000);
  console.log(`${wanted} instances in ${((Date.now() - began) / 1_000).toFixed(1)} s`);
}

try {
  const { operator } = await peopleOf(retail, ['operator']);
  for (const [what, path, ready] of [['home', '/', 'h1'], ['tasks', '/tasks', 'h1'], ['a screen', '/screens/orders', 'h1']]) {
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      const page = await open(browser, retail.page);
      await enter(page.context(), retail.page, operator);
      await page.goto(path, { waitUntil: 'commit' });
      await page.locator(ready).first().waitFor();
      // From the beginning of the navigation to a page that has its heading and answers: a frame has been drawn and nothing holds the thread.
      times.push(await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))));
      await page.context().close();
    }
    tell(`${what} is interactive, from an empty cache`, times, interactiveMsMax);
  }

  await fill();
  const page = await open(browser, retail.page, { user: operator });
  await page.goto('/tasks');
  await page.locator('h1').first().waitFor();
  /** Times a read as the console makes it, in the browser. */
  const time = async (what, path, body) => {
    const times = [];
    for (let round = 0; round < rounds + 1; round += 1) {
      const taken = await page.evaluate(async ([path, body]) => {
        const began = performance.now();
        const answer = await fetch(path, body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {});
        const text = await answer.text();
        return { ms: performance.now() - began, status: answer.status, text: text.slice(0, 200) };
      }, [path, body]);
      if (taken.status !== 200) throw new Error(`${path}: ${taken.status} ${taken.text}`);
      // The first warms the connection up.
      if (0 < round) times.push(taken.ms);
    }
    tell(what, times, listMsMax);
  };
  const { next } = await retail.api('GET', '/v1/instances?process=look-at&limit=100');
  await time('tasks', '/v1/tasks?limit=100');
  await time('tasks for me', '/v1/tasks?mine=true&limit=100');
  await time('tasks of a key', '/v1/tasks?search=case-1999&limit=100');
  await time('instances', '/v1/instances?limit=100');
  await time('instances of a process', '/v1/instances?process=look-at&limit=100');
  await time('instances that are active', '/v1/instances?process=look-at&state=active&limit=100');
  await time('instances of a version', '/v1/instances?process=look-at&version=1&state=all&limit=100');
  await time('instances at an element', '/v1/instances?process=look-at&element=look&limit=100');
  await time('instances at an element where none is', '/v1/instances?process=look-at&element=seen&limit=100');
  await time('instances of a key', '/v1/instances?business_key=case-77&limit=100');
  if (next) await time('the next page of instances', `/v1/instances?process=look-at&limit=100&after=${encodeURIComponent(next)}`);
  await time('incidents', '/v1/incidents?limit=100');
  await time('processes with their counts', '/v1/processes?limit=100');
  await time('a process with its elements', '/v1/processes/look-at');
  await time('the audit', '/v1/audit?limit=100');
  await time('the catalogue', '/v1/relations?limit=100');
  for (const [what, path] of [['tasks', '/tasks'], ['instances of a process', '/processes/look-at'], ['incidents', '/incidents']]) {
    const times = [];
    for (let round = 0; round < rounds; round += 1) {
      await page.goto('/settings');
      await page.locator('h1').first().waitFor();
      const began = Date.now();
      await page.evaluate((to) => {
        const link = Object.assign(document.createElement('a'), { href: to });
        document.body.append(link);
        link.click();
        link.remove();
      }, path);
      await page.waitForFunction((to) => window.location.pathname === to && document.querySelector('main tbody tr, main ul > li, main .empty') && !document.querySelector('.skeleton'), path);
      times.push(Date.now() - began);
    }
    tell(`the page of ${what}, from another page`, times, interactiveMsMax);
  }
} finally {
  await browser.close();
  await units.stop();
}
console.log(slow.length ? `too slow: ${slow.join('; ')}` : 'all are fast enough');
process.exit(slow.length ? 1 : 0);
