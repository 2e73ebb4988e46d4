// What the tutorial has its reader do in a browser. tests/guides/walk.py runs it, with the unit that the tutorial has made:
//
//   UNIT_URL=http://127.0.0.1:8080 WALK_USER=bo WALK_PASSWORD=… node tests/tutorial.mjs desk|phone|kpi
//
// `kpi` says `watching` once it sees the page, and ends when the number has moved under its eyes. CHROMIUM=/path/to/chromium.
// SHOT=FILE.png keeps a picture of the page where it does not go on.
import assert from 'node:assert/strict';
import { browse } from './browser.mjs';

const { UNIT_URL: unit, WALK_USER: user, WALK_PASSWORD: password } = process.env;
const name = 'Mended at the first visit';

/** Opens the console and signs in, as somebody at a desk or with a phone. */
async function open(browser, isPhone) {
  const viewport = isPhone ? { width: 390, height: 844 } : { width: 1440, height: 900 };
  const context = await browser.newContext({ viewport, locale: 'en-GB', isMobile: isPhone, hasTouch: isPhone, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.complaints = [];
  // Who is not signed in yet is told so by a 401.
  let isIn = false;
  page.on('console', (message) => {
    if (message.type() === 'error' && (isIn || !message.text().includes('401'))) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(String(error.stack)));
  page.on('response', (response) => {
    if (400 <= response.status() && (isIn || response.status() !== 401)) page.complaints.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(unit);
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await heading(page, 'Home');
  isIn = true;
  return page;
}

const heading = (page, text) => page.getByRole('heading', { name: text, level: 1, exact: true }).waitFor();
const main = (page) => page.locator('main');

/** The tile of the KPI, once it shows all of these. */
async function tile(page, ...texts) {
  let found = main(page).locator('article').filter({ hasText: name });
  for (const text of texts) found = found.filter({ hasText: text });
  await found.waitFor();
}

const parts = {
  /** Home, the page of the application, the diagram. */
  async desk(browser) {
    const page = await open(browser, false);
    await tile(page, /(^|\D)0%/, 'missed', '≥ 80%');
    const navigation = page.getByRole('navigation', { name: 'Main navigation' });
    await navigation.getByText('The workshop', { exact: true }).waitFor();
    await navigation.getByRole('link', { name: 'Repairs', exact: true }).click();
    await heading(page, 'Repairs');
    await main(page).getByText('lathe').first().waitFor();
    await navigation.getByRole('link', { name: 'Processes', exact: true }).click();
    await heading(page, 'Processes');
    await main(page).getByRole('row').filter({ hasText: 'Repair a machine' }).click();
    await page.locator('[data-element-id="mend"]').first().waitFor();
    return page;
  },

  /** Reports a breakdown by the application's page, and completes the task by its form. */
  async phone(browser) {
    const page = await open(browser, true);
    const dock = page.locator('nav.dock');
    await dock.getByRole('button', { name: 'More' }).tap();
    await page.getByRole('dialog').getByRole('link', { name: 'Repairs', exact: true }).tap();
    await heading(page, 'Repairs');
    await main(page).getByLabel(/^Machine/).fill('drill');
    await main(page).getByLabel(/^What is broken/).fill('The belt slips');
    await main(page).getByRole('button', { name: 'Start', exact: true }).tap();
    await page.getByText('Started').first().waitFor();
    await dock.getByRole('link', { name: 'Tasks', exact: true }).tap();
    await heading(page, 'Tasks');
    await main(page).getByRole('listitem').filter({ hasText: 'drill' }).getByText('Mend the machine').tap();
    await heading(page, 'Mend the machine');
    await main(page).getByText('The belt slips').first().waitFor();
    const complete = main(page).getByRole('button', { name: 'Complete', exact: true });
    await complete.tap();
    await main(page).getByText('Field is required.').first().waitFor();
    await main(page).getByLabel(/It works again/).check();
    await main(page).getByLabel(/^Minutes spent/).fill('15');
    await complete.tap();
    await page.getByText('Done', { exact: true }).first().waitFor();
    await page.waitForURL('**/tasks');
    return page;
  },

  /** Looks at home while time goes on. */
  async kpi(browser) {
    const page = await open(browser, false);
    await tile(page, /(^|\D)0%/, 'missed');
    await page.evaluate(() => (window.isTheSame = true));
    console.log('watching');
    await tile(page, '100%', 'met', 'better');
    assert.equal(await page.evaluate(() => window.isTheSame), true, 'the page was reloaded');
    return page;
  },
};

const part = parts[process.argv[2]];
if (!part || !unit || !user || !password) {
  console.error('usage: UNIT_URL=… WALK_USER=… WALK_PASSWORD=… node tests/tutorial.mjs desk|phone|kpi');
  process.exit(2);
}
const browser = await browse();
try {
  const page = await part(browser);
  assert.deepEqual(page.complaints, [], 'the console complains');
} catch (problem) {
  const page = browser.contexts()[0]?.pages()[0];
  if (process.env.SHOT) await page?.screenshot({ path: process.env.SHOT });
  console.error(problem, page?.complaints);
  process.exitCode = 1;
} finally {
  await browser.close();
}
