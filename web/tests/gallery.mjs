// Every component in every state (`gallery/`), in a real browser: tables of thousands of rows by the keyboard, and axe-core.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import { sizes, violations } from './browser.mjs';
import { mocked } from './mocked.mjs';

const { visit, close } = mocked();
let server, gallery;

before(async () => {
  server = await createServer({ root: fileURLToPath(new URL('../', import.meta.url)), logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await server.listen();
  gallery = `http://127.0.0.1:${server.httpServer.address().port}/gallery/`;
});
after(() => server.close());

test('of five thousand rows those in sight are drawn, and arrows reach all', async () => {
  const page = await visit(gallery, { user: null });
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

for (const size of Object.keys(sizes)) {
  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing: ${size}, ${theme}`, async () => {
      const page = await visit(gallery, { user: null, size, theme });
      await page.locator('figure svg').first().waitFor();
      // The gallery is no page: it has no landmarks, and shows the same more than once.
      const found = (await violations(page)).filter((text) => !/^(region|landmark-one-main|duplicate-id|page-has-heading-one) /.test(text));
      assert.deepEqual(found, []);
      await close(page);
    });
  }
}
