// What tests of single pages have in common: the mock, a browser, and pages that must not complain.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browse, open } from './browser.mjs';
import { start } from './mock.mjs';

/** What a test refuses on purpose: changes, and everything once a session has ended or while the unit is busy. */
const meant = (status, _, method) => [401, 429].includes(status) || (method !== 'GET' && status < 500);

/**
 * Starts the mock and a browser for the tests of a file. `visit` opens a page as `user` (null: nobody), some of whose requests `routes` answers;
 * `close` fails where it complained.
 */
export function mocked({ args } = {}) {
  const here = { mock: undefined, visit, close };
  let browser;

  before(async () => {
    here.mock = await start();
    browser = await browse(args);
  });
  after(async () => {
    await browser.close();
    await here.mock.stop();
  });

  async function visit(path, { user = 'ana', routes = {}, ...more } = {}) {
    const page = await open(browser, here.mock.url, { ...more, user, allow: [meant] });
    for (const [pattern, answer] of Object.entries(routes)) await page.route(pattern, answer);
    await page.goto(path);
    await page.locator('h1').first().waitFor();
    return page;
  }

  async function close(page) {
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }

  return here;
}

/** Waits until a page hears of what changes. */
export const listening = (page) => page.locator('[data-state=live]').waitFor();
