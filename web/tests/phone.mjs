// Tasks with and without forms, and scanning, in a real browser against the mock.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BarcodeFormat, QRCodeWriter } from '@zxing/library';
import { mocked } from './mocked.mjs';
import { received } from './mock/tasks.mjs';

const folder = mkdtempSync(join(tmpdir(), 'craton-scan-'));

/** What the browser's camera sees: one picture with a QR code, for ever. */
function film(text) {
  const [width, height] = [640, 480];
  const code = new QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, 360, 360, new Map());
  const frame = Buffer.alloc(width * height * 1.5, 128);
  frame.fill(235, 0, width * height);
  for (let y = 0; y < 360; y += 1) for (let x = 0; x < 360; x += 1) if (code.get(x, y)) frame[(y + 60) * width + x + 140] = 16;
  const path = join(folder, 'code.y4m');
  writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), Buffer.from('FRAME\n'), frame]));
  return path;
}

const camera = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film('order-9034')}`];
const { visit: open, close } = mocked({ args: camera });
const visit = (path, size = 'phone', routes = {}) => open(path, { size, permissions: ['camera'], routes });
after(() => rmSync(folder, { recursive: true }));

test('a task is not to be completed before its form is there', async () => {
  let come;
  const coming = new Promise((resolve) => (come = resolve));
  const page = await visit('/tasks/4127-6', 'phone', {
    '**/assets/viewer-*.js': async (route) => {
      await coming;
      await route.continue();
    },
  });
  const complete = page.getByRole('button', { name: 'Complete', exact: true });
  await complete.waitFor();
  assert.equal(await complete.isDisabled(), true);
  come();
  await page.getByText('Pay back a part').waitFor();
  await complete.click();
  await page.getByText('Field is required.').waitFor();
  await close(page);
});

test('a form shows and hides as it says, and what the unit refuses stands beside its field', async () => {
  const page = await visit('/tasks/4127-6');
  await page.getByText('Pay back a part').waitFor();
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await page.getByText('Field is required.').waitFor();
  await page.getByText('Pay back a part').click();
  await page.getByLabel('Amount to pay back').fill('40');
  await page.getByLabel('Note for the customer').fill('wrong');
  await page.getByLabel('Note for the customer').blur();
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  const field = page.locator('.fjs-form-field-textarea');
  await field.getByText('does not look as it must').waitFor();
  assert.equal(await page.getByLabel('Note for the customer').inputValue(), 'wrong');
  await page.getByLabel('Note for the customer').fill('One of two cups');
  await page.getByLabel('Note for the customer').blur();
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await page.waitForURL('**/tasks');
  assert.deepEqual(received.at(-1).given, { decision: 'part', paid: 40, note: 'One of two cups', seen: false });
  await close(page);
});

test('a task without a form has fields for its variables but not for what the unit notes, and gives only what was changed', async () => {
  const page = await visit('/tasks/4151-2', 'desk');
  await page.getByRole('button', { name: 'Take', exact: true }).click();
  await page.getByRole('button', { name: 'Give back' }).waitFor();
  assert.equal(await page.getByLabel('_time').count(), 0);
  await page.getByText('20 Nov 2026', { exact: false }).waitFor();
  await page.getByLabel('tries').fill('3');
  await page.getByLabel('urgent').check();
  await page.getByRole('button', { name: 'Add a value' }).click();
  await page.getByLabel('Name').fill('reply');
  await page.getByLabel('Value', { exact: true }).fill('Tomorrow');
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await page.waitForURL('**/tasks');
  assert.deepEqual(received.at(-1).given, { tries: 3, urgent: true, reply: 'Tomorrow' });
  await close(page);
});

test('filters stand in the address', async () => {
  const page = await visit('/tasks?search=order-90', 'desk');
  await page.getByText('order-9034').waitFor();
  assert.equal(await page.getByText('r-2214').count(), 0);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('r-2214').waitFor();
  await page.getByRole('radio', { name: 'All' }).check();
  assert.equal(new URL(page.url()).search, '?show=all');
  await close(page);
});

test('the camera reads a code, which leads to what it names', async () => {
  const page = await visit('/scan');
  await page.getByText('Found for order-9034').waitFor();
  await page.getByText('Task · order-9034 · tell-customer').waitFor();
  await page.getByRole('link', { name: 'Tell the customer' }).click();
  await page.waitForURL('**/tasks/4140-3');
  // The same camera fills a field of a form.
  await page.getByRole('button', { name: 'Scan', exact: true }).click();
  await page.waitForFunction(() => [...document.querySelectorAll('input')].some((input) => input.value === 'order-9034'));
  await close(page);
});

test('a code that is typed leads there too; what names nothing is said', async () => {
  const page = await visit('/scan');
  await page.getByRole('button', { name: 'Scan another' }).waitFor();
  await page.getByLabel('Code').fill('nothing-like-that');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is called nothing-like-that').waitFor();
  await page.getByLabel('Code').fill('4140-3');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/tasks/4140-3');
  await close(page);
});
