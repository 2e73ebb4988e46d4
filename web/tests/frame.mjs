// What the frame promises, in a real browser: signing in, a session that ends over a half-filled form, live views, the keyboard, rights,
// tables of thousands of rows. `npm test`; CHROMIUM=/path/to/chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';
import { incidents, tasks } from './mock/home.mjs';
import { start } from './mock.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser, mock, gallery;

before(async () => {
  mock = await start();
  gallery = await createServer({ root: new URL('../', import.meta.url).pathname, logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await gallery.listen();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});

after(async () => {
  await browser.close();
  await gallery.close();
  await mock.stop();
});

async function visit(path, { user, phone = false, theme = 'light', locale = 'en-GB' } = {}) {
  const viewport = phone ? { width: 390, height: 844 } : { width: 1280, height: 800 };
  const context = await browser.newContext({ viewport, locale, colorScheme: theme, isMobile: phone, hasTouch: phone, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(5_000);
  page.complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(String(error.stack)));
  if (user) await context.request.post(`${mock.url}/sign-in`, { data: { user, password: 'x' } });
  await page.goto(path.startsWith('http') ? path : mock.url + path);
  await page.waitForSelector('h1');
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

test('who is not signed in signs in and comes where he wanted to', async () => {
  const page = await visit('/settings');
  assert.equal(await page.title(), 'Sign in · retail');
  await page.keyboard.press('Enter');
  await page.getByText('Enter your user name.').waitFor();
  await page.getByLabel('User').fill('ana');
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('User or password is wrong.').waitFor();
  assert.equal(await page.getByLabel('User').inputValue(), 'ana');
  await page.getByLabel('Password', { exact: true }).fill('right');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
  await close(page);
});

test('a session that ends takes nothing that was typed', async () => {
  const page = await visit('/settings', { user: 'ana' });
  await page.getByLabel('Current password').fill('old');
  await page.getByLabel('New password', { exact: true }).fill('new');
  await page.getByLabel('New password again').fill('new');
  mock.endSessions();
  await page.getByRole('button', { name: 'Change password' }).click();
  const layer = page.getByRole('dialog', { name: 'Your session has ended' });
  await layer.waitFor();
  assert.equal(await page.getByLabel('New password again').inputValue(), 'new');
  await layer.getByLabel('Password', { exact: true }).fill('x');
  await page.keyboard.press('Enter');
  await page.getByText('Your password is changed').waitFor();
  await close(page);
});

test('leaving a page with something typed asks first', async () => {
  const page = await visit('/settings', { user: 'ana' });
  await page.getByLabel('New password', { exact: true }).fill('new');
  await page.getByRole('link', { name: 'Tasks' }).click();
  await page.getByRole('button', { name: 'Stay' }).click();
  assert.equal(new URL(page.url()).pathname, '/settings');
  await page.getByRole('link', { name: 'Tasks' }).click();
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/tasks');
  await close(page);
});

test('what is on the page follows a commit', async () => {
  const page = await visit('/', { user: 'ana' });
  await page.getByText('Live', { exact: true }).waitFor();
  incidents.push({ ...incidents[0], incident: '5000-1', message: 'the lift does not answer' });
  mock.changed('incident');
  await page.getByText('the lift does not answer').waitFor();
  incidents.pop();
  mock.changed('task');
  await page.getByText(tasks[0].name).waitFor();
  await close(page);
});

test('what one may not do is not offered', async () => {
  const page = await visit('/', { user: 'viewer' });
  await page.getByRole('link', { name: 'Processes', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Tasks', exact: true }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Audit' }).count(), 0);
  assert.equal(await page.getByText('What is broken').count(), 0);
  await close(page);
  const other = await visit('/', { user: 'nobody' });
  await other.getByText('Nothing to see yet').waitFor();
  await close(other);
});

test('the keyboard goes everywhere', async () => {
  const page = await visit('/', { user: 'ana' });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('audi');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/audit');
  await page.keyboard.press('/');
  await page.keyboard.type('4098');
  await page.getByText('Instance 4098').waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/instances/4098');
  await page.keyboard.press('g');
  await page.keyboard.press('h');
  await page.getByRole('heading', { name: 'Home', level: 1 }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.goBack();
  await page.waitForURL('**/instances/4098');
  await close(page);
});

test('a language and a theme are chosen at once and kept', async () => {
  const page = await visit('/settings', { user: 'ana' });
  await page.getByRole('radio', { name: '中文' }).check();
  await page.getByRole('heading', { name: '设置' }).waitFor();
  await page.getByRole('radio', { name: '深色' }).check();
  await page.reload();
  await page.getByRole('heading', { name: '设置' }).waitFor();
  assert.equal(await page.evaluate(() => `${document.documentElement.dataset.theme} ${document.documentElement.lang}`), 'dark zh-CN');
  await close(page);
});

test('of five thousand rows those in sight are drawn, and arrows reach all', async () => {
  const page = await visit(`http://127.0.0.1:${gallery.httpServer.address().port}/gallery/`);
  const rows = page.locator('tbody tr[data-row]');
  await rows.first().waitFor();
  assert.ok((await rows.count()) < 120);
  await rows.first().focus();
  for (const key of ['ArrowDown', 'ArrowDown', ' ', 'Enter']) await page.keyboard.press(key);
  await page.getByText('1 selected order-2').waitFor();
  // Keys that come faster than frames each act on the row that the one before has reached.
  await rows.first().focus();
  await page.evaluate(() => {
    const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    ['Home', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'Enter', 'End', 'ArrowUp', ' '].forEach(press);
  });
  await page.getByText('2 selected order-3').waitFor();
  assert.equal(await page.locator('tr[aria-selected=true]').last().locator('td').nth(1).innerText(), 'order-4998');
  await page.keyboard.press('End');
  await page.getByText('order-4999', { exact: true }).waitFor();
  await page.keyboard.press('Home');
  await page.getByRole('button', { name: 'Amount' }).click();
  await page.getByRole('button', { name: 'Amount' }).click();
  assert.equal(await rows.first().locator('td').last().innerText(), '999');
  await close(page);
});

for (const phone of [false, true]) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing: ${phone ? 'phone' : 'desk'}, ${theme}`, async () => {
      const places = [
        ['/', 'ana'],
        ['/settings', 'ana'],
        ['/no-such-page', 'ana'],
        ['/sign-in', undefined],
        [`http://127.0.0.1:${gallery.httpServer.address().port}/gallery/`, undefined],
      ];
      for (const [path, user] of places) {
        const page = await visit(path, { user, phone, theme });
        await page.waitForTimeout(400);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        const found = violations
          .filter((each) => !(path.includes('gallery') && ['region', 'landmark-one-main', 'duplicate-id', 'page-has-heading-one'].includes(each.id)))
          .map((each) => `${path}: ${each.id}: ${each.nodes.map((node) => `${node.target} ${node.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`);
        assert.deepEqual(found, []);
        await close(page);
      }
    });
  }
}
