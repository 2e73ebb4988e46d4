// What the frame promises, in a real browser against the mock: signing in, a session that ends over a half-filled form, live views, the keyboard,
// rights, languages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listening, mocked } from './mocked.mjs';
import { incidents } from './mock/instances.mjs';

const here = mocked();
const { visit, close } = here;

test('who is not signed in signs in and comes where he wanted to', async () => {
  const page = await visit('/settings', { user: null });
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
  const page = await visit('/settings');
  await page.getByLabel('Current password').fill('old');
  await page.getByLabel('New password', { exact: true }).fill('new');
  await page.getByLabel('New password again').fill('new');
  here.mock.endSessions();
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
  const page = await visit('/settings');
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
  const page = await visit('/');
  await listening(page);
  incidents.push({ ...incidents[0], incident: '5000-1', message: 'the lift does not answer' });
  here.mock.changed('incident');
  const row = page.getByText('the lift does not answer');
  await row.waitFor();
  incidents.pop();
  here.mock.changed('incident');
  await row.waitFor({ state: 'hidden' });
  await close(page);
});

test('what is committed between the first read and the first word of the unit is not missed', async () => {
  let greet;
  const greeted = new Promise((resolve) => (greet = resolve));
  const page = await visit('/', {
    routes: {
      '**/v1/live**': async (route) => {
        await greeted;
        await route.continue();
      },
    },
  });
  await page.getByText(incidents[0].code).first().waitFor();
  incidents.push({ ...incidents[0], incident: '5000-2', message: 'the door is locked' });
  here.mock.changed('incident');
  greet();
  await page.getByText('the door is locked').waitFor();
  incidents.pop();
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

test('what one may do, and which pages applications bring, follows while somebody works', async () => {
  const lost = [];
  const brought = [];
  const changed = (change) => async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: change(await answer.json()) });
  };
  const page = await visit('/settings', {
    routes: {
      '**/v1/policies/mine': changed(({ operations }) => ({ operations: Object.fromEntries(Object.entries(operations).filter(([name]) => !lost.includes(name))) })),
      '**/v1/screens': changed(({ items, ...more }) => ({ ...more, items: [...items, ...brought] })),
    },
  });
  await listening(page);
  await page.getByRole('link', { name: 'Audit' }).waitFor();
  // An application may be called as something else is, here as a group of the console's own.
  brought.push({ name: 'returns', title: { en: 'Returns' }, heading: { en: 'What comes back' }, application: 'shop', application_title: { en: 'Data' }, order: 1, on: ['desk'] });
  here.mock.changed('screen');
  await page.getByRole('link', { name: 'Returns' }).waitFor();
  await page.getByText('What comes back').waitFor();
  lost.push('audit.list');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('link', { name: 'Audit' }).waitFor({ state: 'hidden' });
  await close(page);
});

test('the keyboard goes everywhere', async () => {
  const page = await visit('/');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('audi');
  await page.keyboard.press('Enter');
  // Whoever knows where he goes waits for no page.
  await page.keyboard.press('/');
  await page.keyboard.type('4098');
  await page.getByText('Instance 4098').waitFor();
  await page.waitForURL('**/audit');
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
  const page = await visit('/settings');
  await page.getByRole('radio', { name: '中文' }).check();
  await page.getByRole('heading', { name: '设置' }).waitFor();
  await page.getByRole('radio', { name: '深色' }).check();
  await page.reload();
  await page.getByRole('heading', { name: '设置' }).waitFor();
  assert.equal(await page.evaluate(() => `${document.documentElement.dataset.theme} ${document.documentElement.lang}`), 'dark zh-CN');
  await close(page);
});
