// Devices, their twins, what they are told, and the rules over what they report, in a real browser against the mock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listening, mocked } from './mocked.mjs';
import { devices, keep } from './mock/things.mjs';

const here = mocked();
const { visit, close } = here;

test('the fleet is filtered, and the filters stand in the address', async () => {
  const page = await visit('/devices');
  await page.getByRole('link', { name: 'van-1' }).waitFor();
  await page.getByLabel('State').selectOption('offline');
  await page.waitForURL('**/devices?state=offline');
  await page.getByRole('link', { name: 'van-2' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'van-1' }).count(), 0);
  await page.getByLabel('Group').fill('cold');
  await page.keyboard.press('Enter');
  await page.waitForURL('**group=cold**');
  await page.getByRole('link', { name: 'logger-2' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'van-2' }).count(), 0);
  await close(page);
});

test('a device that goes away is seen at once', async () => {
  const page = await visit('/devices/van-1');
  await page.getByText('connected', { exact: true }).waitFor();
  await listening(page);
  devices.find((each) => each.name === 'van-1').state = 'offline';
  here.mock.changed('device/van-1');
  await page.getByText('offline', { exact: true }).waitFor();
  devices.find((each) => each.name === 'van-1').state = 'connected';
  await close(page);
});

test('a twin is shown as it was when a version of its history is opened', async () => {
  const page = await visit('/devices/van-1?tab=history');
  await page.getByRole('row', { name: /2\.4\.0/ }).click();
  await page.waitForURL('**at=**');
  await page.getByText('As it was at', { exact: false }).nth(1).waitFor();
  await page.getByText('2.4.0').waitFor();
  assert.equal(await page.getByText('2.4.1').count(), 0);
  await page.getByRole('button', { name: 'Now' }).click();
  await page.getByText('2.4.1').waitFor();
  await close(page);
});

test('what is desired is changed as its type wants it; the device has yet to report it', async () => {
  const page = await visit('/devices/van-2');
  await page.getByRole('button', { name: 'Change what is desired' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('interval_s').fill('4000');
  await dialog.getByRole('button', { name: 'Change what is desired' }).click();
  await dialog.getByText('A whole number within the range is needed.').waitFor();
  await dialog.getByLabel('interval_s').fill('45');
  await dialog.getByLabel('eco').selectOption('true');
  await dialog.getByRole('button', { name: 'Change what is desired' }).click();
  await page.getByText('What is desired has changed').waitFor();
  await page.getByRole('row', { name: /interval_s.*45 s.*not yet reported/ }).waitFor();
  await page.getByRole('row', { name: /eco.*Yes.*not yet reported/ }).waitFor();
  await close(page);
});

test('of an object that is desired goes what its field has no more, and what was reported beside it does not matter', async () => {
  keep('van-1', 'desired', { warns: { low: 5, high: 90 } }, 'user:ana');
  keep('van-1', 'reported', { warns: { low: 5, high: 90 } }, 'device:van-1');
  const page = await visit('/devices/van-1');
  await page.getByRole('button', { name: 'Change what is desired' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('warns').fill('{"high": 90}');
  await dialog.getByRole('button', { name: 'Change what is desired' }).click();
  await page.getByText('What is desired has changed').waitFor();
  const row = page.getByRole('row', { name: /warns.*\{"low":5,"high":90\}.*\{"high":90\}/ });
  await row.waitFor();
  assert.equal(await row.getByText('not yet reported').count(), 0);
  await close(page);
});

test('what somebody else has changed meanwhile is not written over', async () => {
  const page = await visit('/devices/van-1');
  await page.getByRole('button', { name: 'Change what is desired' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('interval_s').fill('50');
  const other = await page.context().request.post(`${here.mock.url}/v1/devices/van-1/set`, { data: { desired: { interval_s: 20 } } });
  assert.equal(other.status(), 200);
  await dialog.getByRole('button', { name: 'Change what is desired' }).click();
  await dialog.getByText('the desired state is at version').waitFor();
  assert.equal(await dialog.getByLabel('interval_s').inputValue(), '50');
  await close(page);
});

test('a command is given with what it needs, and taken back', async () => {
  const page = await visit('/devices/van-2');
  await page.getByRole('button', { name: 'Give a command' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Give', exact: true }).click();
  await dialog.getByText('This field is required.').waitFor();
  await dialog.getByLabel('seconds').fill('10');
  await dialog.getByRole('button', { name: 'Give', exact: true }).click();
  await page.waitForURL('**tab=commands**');
  await page.getByRole('row', { name: /unlock.*waiting/ }).click();
  await page.getByText('It waits for the device.').waitFor();
  await page.getByRole('button', { name: 'Take back' }).click();
  await page.getByRole('dialog').last().getByRole('button', { name: 'Take back' }).click();
  await page.getByRole('dialog').getByText('cancelled').waitFor();
  await close(page);
});

test('a token is shown once, and a credential is revoked', async () => {
  const page = await visit('/devices/van-3?tab=credentials');
  await page.getByText('No credentials').waitFor();
  await page.getByRole('button', { name: 'Add a credential' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add a credential' }).click();
  await dialog.getByText('craton_d1_', { exact: false }).waitFor();
  await dialog.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('No credentials').waitFor();
  await close(page);
});

test('a device is registered, and what is wrong stands beside its field', async () => {
  const page = await visit('/devices');
  await page.getByRole('button', { name: 'Register a device' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('van-9');
  await dialog.getByLabel('Type').fill('truck');
  await dialog.getByRole('button', { name: 'Register a device' }).click();
  await dialog.getByText('there is no type').waitFor();
  assert.equal(await dialog.getByLabel('Type').getAttribute('aria-invalid'), 'true');
  await dialog.getByLabel('Type').fill('van');
  await dialog.getByRole('button', { name: 'Register a device' }).click();
  await page.waitForURL('**/devices/van-9**');
  await close(page);
});

test('a rule shows what it has found, what it remembers, and what was done', async () => {
  const page = await visit('/things/rules');
  await page.getByRole('link', { name: 'too-warm' }).click();
  await page.getByRole('link', { name: 'logger-1' }).waitFor();
  await page.getByRole('tab', { name: 'Actions' }).click();
  await page.getByText('is suspended', { exact: false }).waitFor();
  await page.getByRole('tab', { name: 'Devices' }).click();
  await page.getByText('holds', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Begin anew' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Begin anew' }).click();
  await page.getByText('The rule begins anew').waitFor();
  await close(page);
});

test('who may only look is offered no change', async () => {
  const page = await visit('/devices/van-1', { user: 'anil' });
  await page.getByRole('heading', { name: 'van-1' }).waitFor();
  for (const name of ['Change what is desired', 'Give a command', 'Actions']) assert.equal(await page.getByRole('button', { name }).count(), 0, name);
  assert.equal(await page.getByRole('tab', { name: 'Credentials' }).count(), 0);
  await close(page);
});
