// A unit that is none: shows the built console, and answers its operations from `tests/mock/`. For pictures, tests of single pages and trying
// things without a unit. Each file there exports `answers`: by operation, a function of its parameters that returns JSON or bytes, or throws
// `refuse(status, code, detail, more)`. All of them speak of one shop, and one file alone answers an operation, so that no two contradict
// each other. What no file answers is 404, as in a unit without that operation.
//
//   PORT=7799 node tests/mock.mjs      DELAY_MS=800 has every answer wait
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { show } from './dist.mjs';
import { refuse } from './mock/base.mjs';

/** Reads where operations are from the client's own tables. */
function routes() {
  const found = [];
  const text = readFileSync(new URL('../src/api/table.ts', import.meta.url), 'utf8');
  for (const [, operation, method, path] of text.matchAll(/'([a-z_]+\.[a-z_]+)': \['([A-Z]+)', '([^']+)'/g)) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}$`);
    found.push({ operation, method, pattern, names });
  }
  // The more literal one counts.
  return found.sort((one, other) => one.names.length - other.names.length);
}

/** Puts the answers of all rooms together. */
async function rooms(operations) {
  const answers = {};
  const from = {};
  const folder = new URL('mock/', import.meta.url);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.mjs'))) {
    for (const [operation, answer] of Object.entries((await import(new URL(file, folder).href)).answers ?? {})) {
      if (!operations.includes(operation)) throw new Error(`mock/${file} answers \`${operation}\`, which no unit has`);
      if (from[operation]) throw new Error(`\`${operation}\` is answered by mock/${from[operation]} and by mock/${file}`);
      answers[operation] = answer;
      from[operation] = file;
    }
  }
  return answers;
}

/** Starts the server; answers its address and how to stop it. */
export async function start({ port = 0, delayMs = 0 } = {}) {
  const table = routes();
  const operations = table.map(({ operation }) => operation);
  const answers = await rooms(operations);
  const sessions = new Map();
  const viewers = new Set();

  /** Tells all viewers that topics have changed, as a commit would. */
  let commit = 1;
  const changed = (...topics) => {
    commit += 1;
    for (const viewer of viewers) viewer.write(`id: ${commit}\nevent: changed\ndata: ${JSON.stringify({ commit, topics })}\n\n`);
  };

  async function api(request, url, body) {
    const user = userOf(request, sessions);
    for (const { operation, method, pattern, names } of table) {
      const match = method === request.method && pattern.exec(url.pathname);
      if (!match) continue;
      if (user === undefined) refuse(401, 'token.invalid', 'the token is not known');
      const parameters = { ...Object.fromEntries(url.searchParams) };
      names.forEach((name, index) => (parameters[name] = decodeURIComponent(match[index + 1])));
      if (body.length && request.headers['content-type']?.includes('json')) Object.assign(parameters, JSON.parse(body));
      const answer = answers[operation];
      if (!answer) break;
      return answer(parameters, { user, operations, changed, commit: () => commit, body, request });
    }
    return refuse(404, 'http.not_found', `there is nothing at ${url.pathname}`);
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://mock');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const json = (status, value, headers = {}) => {
      response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json', ...headers });
      response.end(JSON.stringify(value));
    };
    try {
      if (url.pathname === '/v1/live') return live(request, response, viewers, commit, sessions);
      if (request.method === 'POST' && url.pathname === '/sign-in') {
        const { user, password } = JSON.parse(body);
        if (password === 'wrong') refuse(401, 'sign_in.refused', 'user or password is wrong');
        const token = `${user}-${Math.random().toString(36).slice(2)}`;
        sessions.set(token, user);
        return json(200, { user: `user:${user}`, roles: [] }, { 'set-cookie': `craton_session=${token}; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax` });
      }
      if (request.method === 'POST' && url.pathname === '/sign-out') {
        sessions.clear();
        return json(200, {});
      }
      if (url.pathname.startsWith('/v1/')) {
        if (delayMs) await new Promise((resolve) => setTimeout(resolve, delayMs));
        const answer = await api(request, url, body);
        if (answer instanceof Buffer) return response.end(answer);
        return json(200, answer ?? null);
      }
      if (show(request, response)) return undefined;
      if (url.pathname === '/') return json(200, { name: 'retail', version: '0.1.0', providers: ['acme-id'] });
      return refuse(404, 'http.not_found', `there is nothing at ${url.pathname}`);
    } catch (error) {
      const problem = error.problem ?? { status: 500, code: 'kernel.internal', kind: 'internal', detail: String(error.stack ?? error) };
      return json(problem.status, problem);
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () => {
    for (const viewer of viewers) viewer.end();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop, changed, endSessions: () => sessions.clear() };
}

function userOf(request, sessions) {
  const token = /craton_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  return sessions.get(token);
}

function live(request, response, viewers, commit, sessions) {
  if (userOf(request, sessions) === undefined) {
    response.writeHead(401);
    return response.end();
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(`event: hello\ndata: ${JSON.stringify({ commit })}\n\n`);
  viewers.add(response);
  return request.socket.on('close', () => viewers.delete(response));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.env.PORT ?? 7799), delayMs: Number(process.env.DELAY_MS ?? 0) });
  console.log(`${url} (any user, any password but \`wrong\`; \`viewer\` may little, \`nobody\` nothing)`);
}
