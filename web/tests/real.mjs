// Real units for the tests in a browser: the three of the example, made and introduced by `craton demo` in a temporary folder.
//
// CONSOLE=dist has web/dist shown in place of the console that is in the binary.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { password } from './browser.mjs';
import { show } from './dist.mjs';

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

/** Stands before a unit, and shows the console of web/dist in place of its own. */
export async function fronted(unit, port = 0) {
  const server = createServer((request, response) => {
    if (show(request, response)) return;
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
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
