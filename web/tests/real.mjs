// Real units for the tests in a browser: the three of the example, made and introduced by `craton demo` in a temporary folder.
//
// CONSOLE=dist has web/dist shown in place of the console that is in the binary; CHROMIUM=/path/to/chromium.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const sizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
export const password = 'a long enough password';
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** The binary by argument, or an end with the usage line. */
export function binaryOf(usage) {
  const binary = process.argv[2];
  if (!binary || binary.startsWith('-')) {
    console.error(`usage: ${usage}`);
    process.exit(2);
  }
  return binary;
}

/** Starts the three units; answers them by name, and how to stop them. */
export async function commerce(binary, { orders = 60 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'craton-web-'));
  const child = spawn(binary, ['demo', '--orders', String(orders), '--dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Whatever ends the test, nothing of it stays behind.
  process.on('exit', () => child.exitCode ?? child.kill('SIGINT'));
  let said = '';
  const up = new Promise((resolve, reject) => {
    const hear = (data) => {
      said += data;
      if (said.includes('the units are still up')) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`craton demo ended with ${code}:\n${said}`)));
    child.on('error', reject);
  });
  await up;
  const closers = [];
  const units = {};
  for (const name of ['retail', 'payment', 'logistics']) {
    const address = /^listen = "([^"]+)"/m.exec(readFileSync(join(folder, name, 'unit.toml'), 'utf8'))[1];
    const token = readFileSync(join(folder, name, 'owner.token'), 'utf8').trim();
    units[name] = unitOf(name, `http://${address}`, token);
    if (process.env.CONSOLE === 'dist') {
      const front = await fronted(units[name].url);
      closers.push(front.close);
      units[name].page = front.url;
    }
  }
  async function stop() {
    for (const close of closers) close();
    const over = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGINT');
    await over;
    rmSync(folder, { recursive: true, force: true });
  }
  return { ...units, all: Object.values(units), folder, stop };
}

/** One unit: `api` calls as its owner. `page` is where browsers go. */
export function unitOf(name, url, token) {
  async function api(method, path, body, media = 'application/json') {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json', ...(text === undefined ? {} : { 'content-type': media }) };
    const response = await fetch(url + path, { method, headers, body: text });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${name}: ${method} ${path}: ${response.status} ${answer.slice(0, 500)}`);
    return answer === '' ? null : JSON.parse(answer);
  }
  return {
    name,
    url,
    page: url,
    api,
    append: (stream, rows) => api('POST', `/v1/streams/${stream}/append`, rows.map((row) => JSON.stringify(row)).join('\n'), 'application/x-ndjson'),
    sql: (sql) => api('POST', '/v1/sql/query', { sql }),
    now: async () => (await api('GET', '/v1/clocks')).business,
    setPassword: (user) => api('POST', `/v1/users/${user}/set_password`, { password }),
    apply: (manifests) => api('POST', '/v1/resources/apply', { manifests }),
  };
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

export function browse(args = []) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', ...args] });
}

/** Opens a page that keeps what the browser complains of: messages, failed requests, answers of 400 and above. */
export async function open(browser, base, { size = 'desk', theme = 'light', locale = 'en-GB', user, allow = [] } = {}) {
  const isPhone = size === 'phone';
  const context = await browser.newContext({ baseURL: base, viewport: sizes[size], locale, colorScheme: theme, isMobile: isPhone, hasTouch: isPhone, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.complaints = [];
  page.note = '';
  const complain = (text) => page.complaints.push(`${page.note}${page.note ? ': ' : ''}${text}`);
  const isAllowed = (status, url) => (status === 401 && /\/v1\/(unit\/)?whoami|\/v1\/units?\/whoami/.test(url)) || allow.some((each) => each(status, url));
  page.on('console', (message) => {
    // What an answer says of itself is told below, with its address.
    if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource')) complain(message.text());
  });
  page.on('pageerror', (error) => complain(String(error.stack ?? error)));
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complain(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
  });
  page.on('response', (response) => {
    const [status, url] = [response.status(), response.url()];
    if (400 <= status && !isAllowed(status, url)) complain(`${response.request().method()} ${url}: ${status}`);
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

const media = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.json': 'application/json',
  '.webmanifest': 'application/manifest+json', '.png': 'image/png', '.wasm': 'application/wasm', '.woff2': 'font/woff2', '.woff': 'font/woff', '.ttf': 'font/ttf',
};
const csp = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Stands before a unit, and shows the console of web/dist in place of its own. */
async function fronted(unit) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, unit).pathname;
    const file = join(dist, path);
    const isPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html') && !path.startsWith('/v1/');
    if (isPage || (request.method === 'GET' && path !== '/' && !path.includes('..') && existsSync(file) && extname(file))) {
      const shown = isPage ? join(dist, 'index.html') : file;
      response.writeHead(200, { 'content-type': media[extname(shown)] ?? 'application/octet-stream', 'content-security-policy': csp });
      return createReadStream(shown).pipe(response);
    }
    const to = new URL(request.url, unit);
    const headers = { ...request.headers, host: to.host, ...(request.headers.origin ? { origin: unit } : {}), ...(request.headers.referer ? { referer: `${unit}/` } : {}) };
    const passed = ask(to, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
