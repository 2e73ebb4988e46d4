// What the data room promises, in a real browser. `node --test tests/data.mjs`; CHROMIUM=/path/to/chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { append } from './mock/data.mjs';
import { start } from './mock.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, mock;

before(async () => {
  mock = await start();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});
after(async () => {
  await browser.close();
  await mock.stop();
});

async function visit(path, { user = 'ana', phone = false, theme = 'light', locale = 'en-GB' } = {}) {
  const viewport = phone ? { width: 390, height: 844 } : { width: 1280, height: 800 };
  const context = await browser.newContext({ viewport, locale, colorScheme: theme, isMobile: phone, hasTouch: phone, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(5_000);
  page.complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4/.test(message.text())) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(String(error.stack)));
  await context.request.post(`${mock.url}/sign-in`, { data: { user, password: 'x' } });
  await page.goto(mock.url + path);
  await page.waitForSelector('h1');
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

async function write(page, sql) {
  await page.click('.cm-content');
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(sql);
}

test('the catalogue is filtered, and the filter stands in the address', async () => {
  const page = await visit('/data');
  await page.getByRole('link', { name: 'shipments' }).waitFor();
  await page.keyboard.press('f');
  await page.keyboard.type('late');
  await page.waitForURL('**/data?text=late');
  await page.getByRole('link', { name: 'desk.late_orders' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'shipments' }).count(), 0);
  await close(page);
});

test('a statement is run by the keyboard, shown as a table and as a chart', async () => {
  const page = await visit('/sql');
  await write(page, 'SELECT * FROM desk.by_day');
  await page.keyboard.press('Control+Enter');
  await page.getByText('120 rows').waitFor();
  await page.getByRole('radio', { name: 'Chart' }).check();
  await page.waitForURL('**view=chart**');
  await page.locator('figure svg').first().waitFor();
  await close(page);
});

test('what is wrong is marked where it stands, and what was written survives a reload', async () => {
  const page = await visit('/sql');
  await write(page, 'SELECT order_id,\n  pricee\nFROM orders');
  await page.keyboard.press('Control+Enter');
  await page.getByText('There is no column').waitFor();
  assert.equal(await page.locator('.cm-lintRange-error').textContent(), 'pricee');
  await page.waitForTimeout(400);
  await page.reload();
  await page.locator('.cm-line', { hasText: 'pricee' }).waitFor();
  await page.getByRole('button', { name: 'History' }).click();
  await page.getByRole('dialog').getByText('sql.invalid').waitFor();
  await close(page);
});

test('a long answer is cut, and told to be', async () => {
  const page = await visit('/sql');
  await write(page, 'SELECT * FROM many');
  await page.keyboard.press('Control+Enter');
  await page.getByText('Only the first 10,000 rows are shown.').waitFor();
  assert.ok((await page.locator('tbody tr').count()) < 200);
  await close(page);
});

test('an answer is saved as a file', async () => {
  const page = await visit('/data/query/orders-by-day');
  await page.getByText('120 rows').waitFor();
  await page.getByRole('button', { name: 'Export' }).click();
  const coming = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: 'All rows as CSV' }).click();
  assert.equal((await coming).suggestedFilename(), 'orders-by-day.csv');
  await close(page);
});

test('a query is shared with its parameters; a name that is taken is refused beside its field', async () => {
  const page = await visit('/sql');
  await write(page, 'SELECT * FROM orders WHERE state = $state');
  await page.getByRole('button', { name: 'Save as query' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('late-orders');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('is at version').waitFor();
  assert.equal(await dialog.getByLabel('Name').getAttribute('aria-invalid'), 'true');
  await dialog.getByLabel('Name').fill('of-state');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('of-state is saved').waitFor();
  await page.waitForURL('**query=of-state**');
  await close(page);
});

test('rows that come are shown, and held while it is paused', async () => {
  const page = await visit('/live/orders');
  await page.getByText('112,650').first().waitFor();
  await page.waitForTimeout(300);
  append(1);
  mock.changed('stream/orders');
  await page.getByText('112,651').first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  append(1);
  mock.changed('stream/orders');
  await page.getByRole('button', { name: 'Go on, there is more' }).waitFor();
  assert.equal(await page.getByText('112,652').count(), 0);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('112,652').first().waitFor();
  await close(page);
});

test('lineage is walked by the keyboard, and a column lights up where it goes', async () => {
  const page = await visit('/data/stream/orders?tab=lineage&column=due');
  await page.locator('[data-node="stream/orders"]').focus();
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await page.evaluate(() => document.activeElement.getAttribute('data-node')), 'stream/orders');
  await page.getByText('late_by').waitFor();
  await close(page);
});

test('a value of a KPI is taken apart down to its rows', async () => {
  const page = await visit('/data/kpi/on_time');
  await page.locator('tbody tr').first().focus();
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('heading', { name: /^shipments/ }).waitFor();
  await drawer.getByText('How it was worked out').waitFor();
  await close(page);
});

for (const [theme, locale, phone] of [['light', 'en-GB', false], ['dark', 'zh-CN', true]]) {
  test(`pages are accessible: ${theme} ${locale}`, async () => {
    const page = await visit('/data', { theme, locale, phone });
    const paths = ['/data', '/data/stream/orders', '/data/stream/orders?tab=lineage', '/data/metric/on_time_share?by=state', '/data/kpi/on_time', '/data/query/orders-by-day', '/sql', '/live/orders'];
    for (const path of paths) {
      await page.goto(mock.url + path);
      await page.waitForSelector('h1');
      await page.waitForTimeout(500);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }));
      assert.deepEqual(violations.map((each) => `${path} ${each.id}: ${each.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`), []);
    }
    await close(page);
  });
}
