// The catalogue, SQL, shared queries, live tails, lineage and KPIs in a real browser against the mock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append } from './mock/data.mjs';
import { listening, mocked } from './mocked.mjs';

const here = mocked();
const { visit, close } = here;

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
  // It is kept a moment after the last key.
  await page.waitForFunction(() => Object.entries(localStorage).some(([key, text]) => key.startsWith('craton.sql.draft.') && text.includes('pricee')));
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
  await listening(page);
  append(1);
  here.mock.changed('stream/orders');
  await page.getByText('112,651').first().waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  append(1);
  here.mock.changed('stream/orders');
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
  await page.locator('text.kind', { hasText: 'late_by' }).waitFor();
  await close(page);
});

test('who may not ask in SQL sees a KPI, and is not told that it stands alone', async () => {
  const page = await visit('/data/kpi/on_time', { user: 'viewer' });
  await page.locator('tbody tr').first().waitFor();
  assert.equal(await page.getByRole('tab', { name: 'Lineage' }).count(), 0);
  await close(page);
  const other = await visit('/data/kpi/on_time');
  await other.getByRole('tab', { name: 'Lineage' }).waitFor();
  await close(other);
});

test('charts of a screen speak as the application does', async () => {
  const page = await visit('/screens/overview', { locale: 'zh-CN' });
  // Words that many use; the label that the screen has for a column elsewhere; a column that nobody names stays what it is.
  await page.locator('svg text', { hasText: /已交接\s+802/ }).waitFor();
  await page.locator('svg text', { hasText: '订单' }).first().waitFor();
  await page.locator('svg text', { hasText: 'Late orders' }).first().waitFor();
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
