// The unit that the test of work without network runs against, in a folder of its own. CONSOLE=dist: the console of web/dist before it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { password, until } from '../browser.mjs';
import { fronted } from '../real.mjs';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Makes and starts it; answers what the test does with it. */
export async function realUnit(binary) {
  const folder = mkdtempSync(join(tmpdir(), 'craton-offline-'));
  const unit = join(folder, 'shop');
  const environment = { ...process.env };
  for (const name of ['CRATON_UNIT', 'CRATON_TOKEN']) delete environment[name];
  const run = (...words) => execFileSync(binary, words, { env: environment, encoding: 'utf8' });
  const ports = [await freePort(), await freePort(), await freePort()];
  const [listen, peers, postgres] = ports.map((port) => `127.0.0.1:${port}`);
  run('init', unit, '--bare', '--listen', listen, '--listen-peers', peers, '--listen-postgres', postgres);
  const owner = readFileSync(join(unit, 'owner.token'), 'utf8').trim();
  const url = `http://${listen}`;
  let child;
  let front;

  async function ask(method, path, body, token = owner) {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  async function up() {
    child = spawn(binary, ['up', unit], { env: environment, stdio: process.env.VERBOSE ? 'inherit' : 'ignore' });
    await until('the unit is ready', async () => {
      if (child.exitCode !== null) throw new Error('the unit has ended');
      // A look at a port that nobody has yet may connect to itself, and would never be answered.
      return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined))?.ok;
    }, 60_000);
    // Where it stood before: the browser knows the console by that address.
    if (process.env.CONSOLE === 'dist') front = await fronted(url, front ? Number(new URL(front.url).port) : 0);
  }

  async function kill() {
    front?.close();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  await up();
  run('--unit', unit, 'apply', '-f', fileURLToPath(new URL('app/', import.meta.url)));
  for (const user of ['ana', 'bo']) await ask('POST', `users/${user}/set_password`, { password });
  const { token: bo } = await ask('POST', 'tokens', { user: 'bo' });

  return {
    url: front?.url ?? url,
    kill,
    up,
    password,
    /** Makes a task for ana about a place, and answers its name. */
    async task(place) {
      await ask('POST', 'processes/visit/start', { variables: { place }, business_key: place });
      return until(`a task about ${place}`, async () => (await ask('GET', `tasks?process=visit&search=${place}`)).items[0]?.task);
    },
    /** Has bo do one of ana's tasks. */
    async faster(task, variables) {
      await ask('POST', `tasks/${task}/assign`, { assignee: 'bo' });
      await ask('POST', `tasks/${task}/complete`, { variables }, bo);
    },
    shown: (task) => ask('GET', `tasks/${task}`),
    file: async (hash) => (await fetch(`${url}/v1/files/${hash}/read`, { headers: { authorization: `Bearer ${owner}` } })).headers.get('content-type'),
    async endSessions() {
      const { items } = await ask('GET', 'sessions');
      for (const { id, user } of items) if (user === 'ana') await ask('POST', `sessions/${id}/end`, {});
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
