// Processes, instances, incidents and decisions in a real browser against the mock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mocked } from './mocked.mjs';

const { visit, close } = mocked();

test('an element of the diagram shows the instances that stand there, by mouse and by keyboard', async () => {
  const page = await visit('/processes/order-to-delivery');
  await page.locator('[data-element-id=deliver] .djs-hit').first().click();
  await page.waitForURL(/element=deliver/);
  await page.getByRole('link', { name: 'order-9034' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'order-8790' }).count(), 0);
  await page.getByRole('tab', { name: /Elements/ }).click();
  const table = page.getByRole('table', { name: 'Elements' });
  await table.getByText('Note delivery').click();
  await page.waitForURL(/element=note-delivery/);
  await page.getByRole('tab', { name: /Instances/ }).click();
  await page.getByRole('link', { name: 'order-8790' }).waitFor();
  await page.getByRole('radio', { name: 'Time' }).check();
  await page.waitForURL(/heat=time/);
  await page.locator('.djs-shape.heat-5').waitFor();
  await close(page);
});

test('a process is started with variables; what is refused stands beside its field', async () => {
  const page = await visit('/processes/order-to-delivery');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add a variable' }).click();
  await dialog.getByLabel('Name').fill('wrong');
  await dialog.getByLabel('Value').fill('{');
  await dialog.getByText('This is not valid JSON.').waitFor();
  await dialog.getByLabel('Value').fill('7');
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await dialog.getByText('this is no number').first().waitFor();
  await dialog.getByLabel('Name').fill('right');
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await page.waitForURL(/instances\/\d+/);
  await close(page);
});

test('a process that has a form is started with it', async () => {
  const page = await visit('/processes/refund');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Order').fill('a1b2');
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await dialog.getByText('Field is required.').first().waitFor();
  await dialog.getByLabel('Late').check();
  await dialog.getByLabel('Amount').fill('400');
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await dialog.getByText('an amount above 300 needs a note').first().waitFor();
  await dialog.getByLabel('Amount').fill('200');
  await dialog.getByRole('button', { name: 'Start', exact: true }).click();
  await page.waitForURL(/instances\/\d+/);
  await close(page);
});

test('a token is moved and an instance migrated: tried first', async () => {
  const page = await visit('/instances/4098');
  await page.locator('.djs-shape.is-failed').waitFor();
  const menu = async (name) => {
    await page.locator('main').getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name }).click();
  };
  await menu('Move a token');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('To').selectOption('refund');
  await dialog.getByRole('button', { name: 'Try first' }).click();
  await dialog.getByText(/no token can be put there/).waitFor();
  await dialog.getByLabel('To').selectOption('deliver');
  await dialog.getByRole('button', { name: 'Try first' }).click();
  await dialog.getByText('Would begin').waitFor();
  await dialog.getByRole('button', { name: 'Move a token' }).click();
  await page.getByText('Now at Deliver parcel').waitFor();
  await menu('Migrate');
  await page.getByRole('dialog').getByLabel('To version').selectOption('3');
  await page.getByRole('dialog').getByLabel('What stands at Note delivery goes to').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Try first' }).click();
  await page.getByText('Would wait no more for').waitFor();
  await page.keyboard.press('Escape');
  await close(page);
});

test('variables are changed, and decisions lead to their rules', async () => {
  const page = await visit('/instances/4098?tab=variables');
  await page.getByRole('button', { name: 'Change variables' }).click();
  await page.getByLabel('freight').fill('21.5');
  await page.getByRole('button', { name: 'Save 1 change' }).click();
  await page.getByText('Variables changed').waitFor();
  await page.getByText('21.5', { exact: true }).waitFor();
  await page.getByRole('tab', { name: /Decisions/ }).click();
  await page.getByRole('link', { name: 'See the rules' }).click();
  await page.waitForURL(/decisions\/risk/);
  await page.locator('td.is-fired').first().waitFor();
  assert.match(await page.locator('td.is-fired').first().innerText(), /4/);
  await page.getByLabel('Value of all payments').fill('600');
  await page.getByRole('button', { name: 'Decide' }).click();
  await page.getByText('rule 1').waitFor();
  await page.waitForFunction(() => document.querySelector('td.is-fired')?.textContent?.trim() === '1');
  await close(page);
});

test('many are tried first, then retried; one is corrected and goes on', async () => {
  const page = await visit('/incidents?process=order-to-delivery');
  await page.getByRole('button', { name: 'Retry many' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Try first' }).click();
  await dialog.getByText(/Tried 3/).waitFor();
  await dialog.getByRole('button', { name: 'Retry 2' }).click();
  await dialog.getByText('2 go on').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('table').getByText('feel.failed').click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('button', { name: 'Retry', exact: true }).click();
  await drawer.getByText('It still stands here').waitFor();
  await drawer.getByLabel('weight_g').fill('1200');
  await drawer.getByRole('button', { name: 'Try first' }).click();
  await drawer.getByText('It would go on.').waitFor();
  await drawer.getByRole('button', { name: 'Correct and retry' }).click();
  await page.getByText('Mended: it goes on').waitFor();
  await page.waitForFunction(() => !document.querySelector('table')?.textContent?.includes('feel.failed'));
  await close(page);
});

test('instances of incidents are cancelled together, and the page of bulk operations follows', async () => {
  const page = await visit('/incidents?process=order-to-delivery');
  await page.getByRole('button', { name: 'Actions' }).click();
  for (const name of ['Suspend many', 'Resume many', 'Migrate many', 'Bulk operations']) await page.getByRole('menuitem', { name }).waitFor();
  await page.getByRole('menuitem', { name: 'Cancel many' }).click();
  const dialog = page.getByRole('dialog');
  const sent = page.waitForRequest((request) => request.url().endsWith('/v1/bulk/start'));
  await dialog.getByRole('button', { name: 'Try first' }).click();
  assert.deepEqual((await sent).postDataJSON(), { action: 'cancel', filter: { process: 'order-to-delivery', state: 'incident' }, dry_run: true });
  await dialog.getByText(/nothing has changed yet/).waitFor();
  await dialog.getByRole('button', { name: /^Cancel \d/ }).click();
  await dialog.getByText(/cancelled$/).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: 'Bulk operations' }).click();
  await page.waitForURL(/\/bulk$/);
  await page.getByRole('table').getByText('only tried').first().waitFor();
  await page.getByRole('table').getByText('Cancel', { exact: true }).first().click();
  await page.waitForURL(/bulk=\d/);
  await page.getByRole('dialog').getByText('Looked at').waitFor();
  await close(page);
});

test('who migrates many says where what has no counterpart goes', async () => {
  const page = await visit('/incidents?process=order-to-delivery&element=deliver');
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: 'Migrate many' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('To version').waitFor();
  await dialog.getByRole('radio', { name: 'All that stand there' }).check();
  // Version 3 has an element that version 4 has not, and instances stand there.
  await dialog.getByLabel('What stands at Weigh it goes to').selectOption('deliver');
  const sent = page.waitForRequest((request) => request.url().endsWith('/v1/bulk/start'));
  await dialog.getByRole('button', { name: 'Try first' }).click();
  assert.deepEqual((await sent).postDataJSON(), { action: 'migrate', filter: { process: 'order-to-delivery', element: 'deliver' }, dry_run: true, version: 4, mapping: { weigh: 'deliver' }, timers_again: false });
  await dialog.getByText(/nothing has changed yet/).waitFor();
  await close(page);
});

test('who may only look is offered nothing else', async () => {
  const page = await visit('/processes/order-to-delivery', { user: 'viewer' });
  await page.locator('.djs-shape').first().waitFor();
  assert.equal(await page.locator('main').getByRole('button', { name: 'Start' }).count(), 0);
  assert.equal(await page.locator('main').getByRole('button', { name: 'Actions' }).count(), 0);
  await close(page);
});
