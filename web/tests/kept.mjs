// What outlasts a bad moment, in a real browser against the mock: a unit that is busy, a session that ends, a dialog that is closed by mistake, a page
// that is left; and that what is late goes by the unit's clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enter } from './browser.mjs';
import { received } from './mock/tasks.mjs';
import { mocked } from './mocked.mjs';

const here = mocked();
const { close } = here;
/** Opens a page; `routes` answers some of its requests. */
const visit = (path, routes = {}) => here.visit(path, { routes });

const busy = (route) =>
  route.fulfill({
    status: 429,
    headers: { 'retry-after': '1', 'content-type': 'application/problem+json' },
    body: JSON.stringify({ status: 429, code: 'sql.busy', kind: 'exhausted', title: 'Too Many Requests', detail: '16 queries run already' }),
  });

test('a busy unit is asked again after the time that it told', async () => {
  let asked = 0;
  const page = await visit('/incidents', { '**/v1/incidents?*': (route) => ((asked += 1) < 3 ? busy(route) : route.continue()) });
  await page.getByRole('table').waitFor();
  assert.equal(asked, 3);
  await close(page);
});

test('what stays busy is said calmly, and tried again by itself', async () => {
  let isBusy = true;
  const page = await visit('/incidents', { '**/v1/incidents?*': (route) => (isBusy ? busy(route) : route.continue()) });
  await page.getByRole('status').filter({ hasText: 'It tries again by itself.' }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
  isBusy = false;
  await page.getByRole('table').waitFor();
  await close(page);
});

test('a change without a key is made once', async () => {
  let asked = 0;
  const refuse = (route) => {
    asked += 1;
    return busy(route);
  };
  const page = await visit('/settings', { '**/set_password': refuse });
  await page.getByLabel('Current password').fill('old');
  await page.getByLabel('New password', { exact: true }).fill('new');
  await page.getByLabel('New password again').fill('new');
  await page.keyboard.press('Enter');
  await page.getByText('16 queries run already').waitFor();
  assert.equal(asked, 1);
  await close(page);
});

test('a dialog that holds something typed asks before it closes', async () => {
  const page = await visit('/processes');
  await page.getByRole('table').getByRole('row').nth(1).click();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: /^Start/ });
  await dialog.getByLabel('Business key').fill('order-1');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Stay' }).click();
  assert.equal(await dialog.getByLabel('Business key').inputValue(), 'order-1');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Leave' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await close(page);
});

test('who signs in again in another tab goes on in this one', async () => {
  const page = await visit('/settings');
  await page.getByLabel('Current password').fill('old');
  await page.getByLabel('New password', { exact: true }).fill('new');
  await page.getByLabel('New password again').fill('new');
  here.mock.endSessions();
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  // It cannot be closed: behind it nothing would work.
  for (let press = 0; press < 3; press += 1) await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  await enter(page.context(), here.mock.url, 'ana');
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await page.getByText('Your password is changed').waitFor();
  await close(page);
});

test('what was typed into a task stays when the page is left, and counts when it is completed', async () => {
  const page = await visit('/tasks/4151-2');
  await page.getByLabel('tries').fill('7');
  await page.getByRole('link', { name: 'Audit' }).click();
  await page.waitForURL('**/audit');
  await page.goBack();
  await page.waitForFunction(() => [...document.querySelectorAll('input')].some((input) => input.value === '7'));
  await page.getByLabel('tries').fill('seven');
  await page.getByText('This is not a number.').waitFor();
  await page.getByLabel('tries').fill('7');
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await page.waitForURL('**/tasks');
  assert.deepEqual(received.at(-1).given, { tries: 7 });
  await close(page);
});

test('what is due goes by the unit’s clock, where that is driven', async () => {
  const clock = (route) => route.fulfill({ json: { business: new Date(Date.now() - 30 * 86_400_000).toISOString(), wall: new Date().toISOString(), driven: true } });
  const late = await visit('/tasks');
  await late.locator('.late').first().waitFor();
  await close(late);
  const early = await visit('/tasks', { '**/v1/clocks': clock });
  await early.getByText('in 1 mo').first().or(early.getByText('in 29 days').first()).waitFor();
  assert.equal(await early.locator('.late').count(), 0);
  await close(early);
});
