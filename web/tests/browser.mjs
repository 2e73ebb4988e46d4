// A browser for the tests: Chromium, pages that keep what the browser complains of, axe-core. CHROMIUM=/path/to/chromium.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const sizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
export const password = 'a long enough password';
export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function browse(args = []) {
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args] });
}

/**
 * Opens a page that keeps what the browser complains of: messages, failed requests, answers of 400 and above.
 * `allow` has functions of status, address and method that say which of them are meant.
 */
export async function open(browser, base, { size = 'desk', theme = 'light', locale = 'en-GB', user, permissions, allow = [] } = {}) {
  const isPhone = size === 'phone';
  const context = await browser.newContext({ baseURL: base, viewport: sizes[size], locale, colorScheme: theme, isMobile: isPhone, hasTouch: isPhone, reducedMotion: 'reduce', permissions });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.complaints = [];
  page.note = '';
  const complain = (text) => page.complaints.push(`${page.note}${page.note ? ': ' : ''}${text}`);
  // Who is not signed in yet is told so.
  const isAllowed = (status, url, method) => (status === 401 && /\/v1\/units?\/whoami/.test(url)) || allow.some((each) => each(status, url, method));
  page.on('console', (message) => {
    // What an answer says of itself is told below, with its address.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource')) complain(message.text());
  });
  page.on('pageerror', (error) => complain(String(error.stack ?? error)));
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complain(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    const [status, url, method] = [response.status(), response.url(), response.request().method()];
    if (400 <= status && !isAllowed(status, url, method)) complain(`${method} ${url}: ${status}`);
  });
  if (user) await enter(context, base, user);
  return page;
}

/** Signs in without the page. */
export async function enter(context, base, user) {
  const answer = await context.request.post(`${base}/sign-in`, { data: { user, password }, headers: { origin: base } });
  if (!answer.ok()) throw new Error(`sign-in of ${user}: ${answer.status()} ${await answer.text()}`);
}

/** Waits until a page shows what it has: its heading, no placeholder, nothing asked for. */
export async function settled(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[data-skeleton], .skeleton'));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** What axe-core finds on a page: a line for each place. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations);
  return found.flatMap(({ id, impact, help, nodes }) => nodes.map((node) => `${id} (${impact}): ${node.target.join(' ')}: ${node.failureSummary?.split('\n')[1]?.trim() ?? help}`));
}

/** Asks until the answer is there; what is asked for comes by itself, so that nothing sleeps longer than it has to. */
export async function until(what, look, patienceMs = 30_000) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (end < Date.now()) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
