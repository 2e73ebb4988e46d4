// Work without network, end to end in a real browser: tasks done on a phone without signal, over a browser that is closed and a unit that is killed,
// arrive once each; what somebody else did meanwhile is shown beside one's own and is not lost; an ended session asks to sign in, and then it is sent.
//
//   node tests/offline.mjs BINARY      CONSOLE=dist: the console of web/dist; VERBOSE=1
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, devices } from 'playwright-core';
import { executablePath, until } from './browser.mjs';
import { realUnit } from './offline/unit.mjs';
import { binaryOf } from './real.mjs';

const unit = await realUnit(binaryOf('node tests/offline.mjs BINARY'));
const profile = mkdtempSync(join(tmpdir(), 'craton-phone-'));
let context;
let page;

const say = (text) => console.log(`- ${text}`);

async function openBrowser() {
  const { defaultBrowserType: _, ...phone } = devices['Pixel 7'];
  context = await chromium.launchPersistentContext(profile, {
    ...phone,
    executablePath,
    args: ['--no-sandbox'],
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => {
    console.error(String(error.stack));
    process.exitCode = 1;
  });
  if (process.env.VERBOSE) page.on('console', (message) => console.log(`  ${message.type()} ${message.text()}`));
}

/** Reads what the browser keeps. */
function kept(store) {
  return page.evaluate(async (name) => {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open('craton');
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const all = await new Promise((resolve) => (database.transaction(name).objectStore(name).getAll().onsuccess = (event) => resolve(event.target.result)));
    database.close();
    return all;
  }, store);
}

/** Moves within the console, as a tap on a link does. */
async function open(path) {
  await page.goto(unit.url + path, { waitUntil: 'load' });
  await page.waitForSelector('h1');
}

async function signIn() {
  await page.getByLabel('Password', { exact: true }).fill(unit.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function fillIn(task, note, photo) {
  await open(`/tasks/${task}`);
  const field = page.getByLabel('What is there');
  await field.waitFor();
  await field.fill(note);
  // Fields of form-js tell of what is typed after a moment, or when they are left.
  await field.blur();
  if (photo) {
    await page.locator('input[type=file]').first().setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer: photo });
    await page.getByAltText('Photo').waitFor();
  }
}

async function complete(task, note, photo) {
  await fillIn(task, note, photo);
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await page.waitForURL(/\/(tasks|queue)$/);
}

async function picture() {
  const shot = await page.screenshot();
  return shot;
}

try {
  const places = ['a-1', 'a-2', 'a-3', 'b-1', 'b-2', 'c-1', 'd-1'];
  const task = {};
  for (const place of places) task[place] = await unit.task(place);

  await openBrowser();
  await open('/tasks');
  await page.getByLabel('User').fill('ana');
  await signIn();
  await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
  await until('a service worker', () => page.evaluate(async () => (await navigator.serviceWorker?.getRegistration())?.active?.state === 'activated'));
  await until('all tasks kept', async () => (await kept('tasks')).length === places.length);
  assert.equal((await kept('forms')).length, 1);
  const photo = await picture();
  say('signed in; tasks and their form are kept');

  // An answer that gets lost: the unit has it, the phone does not know.
  await page.route('**/complete', async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await complete(task['c-1'], 'sent, and not answered');
  await until('what was not answered is settled', async () => (await kept('outbox')).length === 0);
  assert.equal((await unit.shown(task['c-1'])).ended.variables.note, 'sent, and not answered');
  say('what was sent and not answered counts once');

  await context.setOffline(true);
  await open('/tasks');
  await page.getByText('these are the tasks that this device keeps').waitFor();
  assert.equal(await page.getByText('Look at the place').count(), places.length - 1);
  await complete(task['a-1'], 'a door', photo);
  await complete(task['a-2'], 'a window');
  await complete(task['b-1'], 'mine, later');
  await complete(task['b-2'], 'mine, later too');
  assert.equal(await page.locator('a.waits').innerText().then((text) => text.match(/\d+/)?.[0]), '4');
  say('four tasks done without network');

  // Somebody else is faster, and the unit goes down hard; the browser is closed and opened anew.
  await unit.faster(task['b-1'], { note: 'of bo' });
  await unit.faster(task['b-2'], { note: 'of bo too' });
  const typed = 'typed before the browser was closed';
  await fillIn(task['a-3'], typed);
  await until('a draft', async () => (await kept('tasks')).some((each) => each.draft?.note === typed));
  await context.close();
  await unit.kill();
  await openBrowser();
  await open('/tasks');
  await page.locator('a.waits').waitFor();
  await open(`/tasks/${task['a-3']}`);
  await until('the draft is there again', async () => (await page.getByLabel('What is there').inputValue()) === typed);
  await complete(task['a-3'], 'a stair');
  const waiting = await kept('outbox');
  assert.equal(waiting.filter((item) => item.operation === 'task.complete').length, 5);
  assert.equal(waiting.filter((item) => item.operation === 'file.create').length, 1);
  say('browser closed and opened, unit dead: the console opens, and a fifth task is done');

  await unit.up();
  await until('all is sent', async () => (await kept('outbox')).every((item) => item.state !== 'waiting'), 60_000);
  for (const [place, note] of [['a-1', 'a door'], ['a-2', 'a window'], ['a-3', 'a stair']]) {
    const { ended } = await unit.shown(task[place]);
    assert.equal(ended.by, 'ana', place);
    assert.equal(ended.variables.note, note);
    assert.ok(ended.done_at, `${place} says when it was done`);
  }
  const { variables } = (await unit.shown(task['a-1'])).ended;
  assert.match(variables.photos[0], /^[0-9a-f]{64}$/);
  assert.equal(await unit.file(variables.photos[0]), 'image/jpeg');
  for (const [place, note] of [['b-1', 'of bo'], ['b-2', 'of bo too']]) {
    const { ended } = await unit.shown(task[place]);
    assert.equal(ended.by, 'bo');
    assert.equal(ended.variables.note, note);
  }
  say('the unit is back: three arrived once, with their photo and their time');

  await open('/queue');
  await page.locator('[data-conflict]').nth(1).waitFor();
  assert.equal(await page.locator('[data-conflict]').count(), 2);
  const first = page.locator(`[data-conflict="${task['b-1']}"]`);
  await first.getByText('mine, later', { exact: true }).waitFor();
  await first.getByText('of bo', { exact: true }).waitFor();
  assert.match(await page.locator('a.waits').innerText(), /2/);
  await first.getByRole('button', { name: 'Keep as a note' }).click();
  await page.getByText('Kept as notes').waitFor();
  await page.locator(`[data-conflict="${task['b-2']}"]`).getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await until('the second is discarded', async () => (await page.locator('[data-conflict]').count()) === 0);
  say('two conflicts, both versions side by side; one kept as a note, one discarded');

  await context.setOffline(true);
  await complete(task['d-1'], 'with an ended session');
  await unit.endSessions();
  await context.setOffline(false);
  const layer = page.getByRole('dialog', { name: 'Your session has ended' });
  await layer.waitFor();
  assert.equal((await kept('outbox')).filter((item) => item.state === 'waiting').length, 1);
  await signIn();
  await until('it is sent after signing in', async () => (await kept('outbox')).every((item) => item.state !== 'waiting'));
  assert.equal((await unit.shown(task['d-1'])).ended.variables.note, 'with an ended session');
  say('an ended session asks to sign in again, then it is sent');

  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByText('Sign out').click();
  // A note is still there: it is asked about.
  await page.getByRole('dialog').getByRole('button', { name: 'Discard and sign out' }).click();
  await page.waitForURL('**/sign-in');
  for (const store of ['who', 'tasks', 'forms', 'files', 'outbox']) assert.deepEqual(await kept(store), [], store);
  say('signed out: nothing is left on the device');
} catch (error) {
  if (process.env.VERBOSE) console.log(await kept('outbox').catch(String), await page.evaluate(() => navigator.locks.query()).catch(String));
  await page?.screenshot({ path: process.env.SHOT ?? join(tmpdir(), 'craton-offline.png') }).catch(() => {});
  console.error(error);
  process.exitCode = 1;
} finally {
  await context?.close().catch(() => {});
  await unit.stop();
  rmSync(profile, { recursive: true, force: true });
}
process.exit(process.exitCode ?? 0);
