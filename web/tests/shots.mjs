// Makes a picture of every page, at both sizes, in both themes and languages, and fails where the browser complains of anything.
//
//   node tests/shots.mjs [NAME…]        all, or those whose name begins so; into web/shots
//   CRATON_URL=http://… USER_NAME=… PASSWORD=… against a unit in place of the mock; CHROMIUM=/path/to/chromium
//   FEW=1                               light English desk and dark Chinese phone alone
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browse, sizes } from './browser.mjs';
import { start } from './mock.mjs';

const pages = [
  ['sign-in', '/sign-in'],
  ['home', '/'],
  ['tasks', '/tasks'],
  ['task', '/tasks/4127-6'],
  ['task-photo', '/tasks/4140-3'],
  ['task-plain', '/tasks/4151-2'],
  ['task-over', '/tasks/4100-4'],
  ['processes', '/processes'],
  ['process', '/processes/order-to-delivery'],
  ['instance', '/instances/4098'],
  ['incidents', '/incidents'],
  ['bulk', '/bulk'],
  ['decisions', '/decisions'],
  ['decision', '/decisions/refund-limit'],
  ['data', '/data'],
  ['relation', '/data/stream/orders'],
  ['sql', '/sql'],
  ['live', '/live/orders'],
  ['devices', '/devices'],
  ['device', '/devices/van-1'],
  ['device-history', '/devices/van-1?tab=history'],
  ['device-events', '/devices/van-1?tab=events'],
  ['device-commands', '/devices/van-1?tab=commands'],
  ['device-command', '/devices/van-1?tab=commands&command=42'],
  ['device-credentials', '/devices/van-1?tab=credentials'],
  ['thing-rules', '/things/rules'],
  ['thing-rule', '/things/rules/too-warm'],
  ['screens', '/screens'],
  ['screen', '/screens/late-orders'],
  ['screen-overview', '/screens/overview'],
  ['screen-order', '/screens/order?order=order-9030'],
  ['exchange', '/exchange'],
  ['contract', '/exchange/contracts/logistics'],
  ['peer', '/exchange/peers/logistics'],
  ['roles', '/roles'],
  ['audit', '/audit'],
  ['quotas', '/quotas'],
  ['people', '/people'],
  ['running', '/running'],
  ['nodes', '/nodes'],
  ['queue', '/queue'],
  ['queue-full', '/queue', (page) => fill(page)],
  ['scan', '/scan'],
  ['settings', '/settings'],
  ['not-found', '/no/such/page'],
  // What opens over a page.
  ['palette', '/', (page) => page.keyboard.press('/').then(() => page.keyboard.type('or'))],
  ['keys', '/', (page) => page.keyboard.press('?')],
  ['menu', '/', (page, phone) => page.click(phone ? 'nav button' : 'header button[aria-haspopup=menu] >> nth=-1')],
];

/** Puts something of each kind into the outbox. */
async function fill(page) {
  await page.evaluate(async () => {
    const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
    const row = { user: 'user:ana', title: 'Approve the refund', about: 'refund · order-8700', operation: 'task.complete', key: 'k', at: at(55) };
    const ended = { by: 'bo', at: at(90), done_at: at(120), variables: { decision: 'part', paid: 40, note: 'One of two cups', seen: true } };
    const theirs = { task: '4100-4', instance: 4100, process: 'refund', kind: 'approve', state: 'completed', form: 'refund', candidates: [], ended };
    const refusal = { code: 'task.ended', kind: 'conflict', status: 409, detail: 'task `4100-4` was completed by `bo`', hint: '`task.get` shows what counted' };
    const items = [
      { ...row, task: '4100-4', state: 'refused', variables: { decision: 'all', note: 'Both cups are broken', seen: true }, refusal, theirs },
      { ...row, task: '4160-2', title: 'Answer the request', about: 'answer-request · r-2214', state: 'waiting', variables: {}, operation: 'file.create', file: '0'.repeat(64), at: at(12) },
      { ...row, task: '4160-2', title: 'Answer the request', about: 'answer-request · r-2214', state: 'waiting', variables: { where: 'lost' }, at: at(12) },
      { ...row, task: '4099-1', about: 'refund · order-8601', state: 'note', variables: { decision: 'none', note: 'Too late' }, at: at(900) },
    ];
    const database = await new Promise((resolve) => (indexedDB.open('craton').onsuccess = (event) => resolve(event.target.result)));
    const transaction = database.transaction('outbox', 'readwrite');
    for (const item of items) transaction.objectStore('outbox').add(item);
    await new Promise((resolve) => (transaction.oncomplete = resolve));
  });
  // While another holds the lock nothing is sent, as without network.
  await page.evaluate(() => void navigator.locks.request('craton.outbox', { steal: true }, () => new Promise(() => {})));
  await page.evaluate(() => new BroadcastChannel('craton.outbox').postMessage('changed'));
  await page.locator('[data-conflict]').waitFor();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: page.viewportSize().width, height: Math.min(2_400, height) });
  await page.waitForTimeout(200);
}

const out = fileURLToPath(new URL('../shots/', import.meta.url));
const wanted = process.argv.slice(2);
mkdirSync(out, { recursive: true });

const mock = process.env.CRATON_URL ? undefined : await start();
const base = process.env.CRATON_URL ?? mock.url;
const browser = await browse();
const complaints = [];
let count = 0;

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const locale of ['en-GB', 'zh-CN']) {
      const isFew = process.env.FEW && !(size === 'desk' && colorScheme === 'light' && locale === 'en-GB') && !(size === 'phone' && colorScheme === 'dark' && locale === 'zh-CN');
      if (isFew) continue;
      const context = await browser.newContext({ viewport, colorScheme, locale, hasTouch: size === 'phone', isMobile: size === 'phone', reducedMotion: 'reduce' });
      const page = await context.newPage();
      let at = '';
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(`${at}: ${message.text()}`);
      });
      page.on('pageerror', (error) => complaints.push(`${at}: ${error.stack}`));
      page.on('requestfailed', (request) => {
        if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`${at}: ${request.url()} ${request.failure()?.errorText}`);
      });
      let isIn = false;
      for (const [name, path, act] of pages) {
        if (wanted.length && !wanted.some((each) => name.startsWith(each))) continue;
        at = `${name} ${size} ${colorScheme} ${locale}`;
        if (!isIn && name !== 'sign-in') {
          const data = { user: process.env.USER_NAME ?? 'ana', password: process.env.PASSWORD ?? 'x' };
          await context.request.post(`${base}/sign-in`, { data, headers: { origin: base } });
          isIn = true;
        }
        await page.goto(base + path, { waitUntil: 'load' });
        await page.waitForSelector('h1');
        await page.waitForTimeout(350);
        await act?.(page, size === 'phone');
        if (act) await page.waitForTimeout(250);
        const isTooWide = await page.evaluate(() => document.documentElement.clientWidth < document.documentElement.scrollWidth);
        if (isTooWide) complaints.push(`${at}: wider than the window`);
        // As high as the page: a picture of the whole page would show what is fixed in its middle.
        const height = await page.evaluate(() => document.documentElement.scrollHeight);
        if (!act) await page.setViewportSize({ ...viewport, height: Math.min(3_000, Math.max(viewport.height, height)) });
        await page.screenshot({ path: `${out}${name}-${size}-${colorScheme}-${locale.slice(0, 2)}.png` });
        if (!act) await page.setViewportSize(viewport);
        count += 1;
      }
      await context.close();
    }
  }
}
await browser.close();
await mock?.stop();
console.log(`${count} pictures in ${out}`);
// A page that is asked for without a session is answered 401 once: the console asks who is here.
const real = complaints.filter((text) => !(text.startsWith('sign-in') && text.includes('401')));
for (const text of new Set(real)) console.error(text);
process.exit(real.length ? 1 : 0);
