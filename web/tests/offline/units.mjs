// The two units that the test of work without network runs against: a real one by its binary, and the mock. Both have the same few verbs.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tasks } from '../mock/home.mjs';
import { endByOther, forms, taskShown } from '../mock/tasks.mjs';
import { start } from '../mock.mjs';

export const password = 'a long enough password';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A unit of its own in a folder of its own. */
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
    for (let tried = 0; tried < 300; tried += 1) {
      const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
      if (answer?.ok) return;
      if (child.exitCode !== null) throw new Error('the unit has ended');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error('the unit never got ready');
  }

  async function kill() {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  await up();
  run('--unit', unit, 'apply', '-f', fileURLToPath(new URL('app/', import.meta.url)));
  for (const user of ['ana', 'bo']) await ask('POST', `users/${user}/set_password`, { password });
  const { token: bo } = await ask('POST', 'tokens', { user: 'bo' });

  return {
    url,
    kill,
    up,
    password,
    /** Makes a task for ana about a place, and answers its name. */
    async task(place) {
      await ask('POST', 'processes/visit/start', { variables: { place }, business_key: place });
      for (let tried = 0; tried < 50; tried += 1) {
        const { items } = await ask('GET', `tasks?process=visit&search=${place}`);
        if (items[0]) return items[0].task;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`no task about ${place}`);
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

/** The mock, which keeps what it knows over a kill. */
export async function mockUnit() {
  const sessions = new Map();
  let server = await start({ sessions });
  const { url } = server;
  const port = Number(new URL(url).port);
  let number = 9_000;
  tasks.length = 0;
  forms.visit = JSON.parse(readFileSync(new URL('app/visit.form', import.meta.url), 'utf8'));
  return {
    url,
    password,
    kill: () => server.stop(),
    async up() {
      server = await start({ port, sessions });
    },
    async task(place) {
      number += 1;
      const at = new Date().toISOString();
      const row = { task: `${number}-1`, instance: number, process: 'visit', business_key: place, kind: 'look', name: 'Look at the place', state: 'claimed', assignee: 'ana', candidates: [], due: null, form: 'visit' };
      tasks.push({ ...row, created_at: at, ended_at: null, completed_by: null });
      server.changed('task');
      return row.task;
    },
    faster: async (task, variables) => endByOther(task, variables),
    shown: async (task) => taskShown(task),
    file: async (hash) => (await fetch(`${url}/v1/files/${hash}/read`, { headers: { cookie: `craton_session=${[...sessions.keys()][0]}` } })).headers.get('content-type') ?? 'image/jpeg',
    endSessions: async () => sessions.clear(),
    stop: () => server.stop(),
  };
}
