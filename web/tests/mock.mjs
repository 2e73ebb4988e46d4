// A unit that is none: serves the built console with the headers of the real one, and answers its operations from `tests/mock/ROOM.mjs`.
// For pictures and for trying pages without a unit. Each room's file exports `answers`: by operation, a function of its parameters
// that returns JSON, or throws `refuse(status, code, detail, more)`. What no file answers is 404, as in a unit without that operation.
//
//   PORT=7799 node tests/mock.mjs      DELAY_MS=800 has every answer wait
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = new URL('.', import.meta.url);
const dist = fileURLToPath(new URL('../dist/', here));

const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const media = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.ttf': 'font/ttf',
};

/** Throws what a unit would refuse with. */
export function refuse(status, code, detail, more = {}) {
  const kinds = { 400: 'invalid', 401: 'unauthenticated', 403: 'forbidden', 404: 'not_found', 409: 'conflict', 429: 'exhausted', 503: 'unavailable' };
  throw Object.assign(new Error(detail), { problem: { status, code, detail, kind: kinds[status] ?? 'internal', title: code, ...more } });
}

/** Reads where operations are from the client's own tables. */
function routes() {
  const found = [];
  const text = readFileSync(new URL('../src/api/table.ts', here), 'utf8');
  for (const [, operation, method, path] of text.matchAll(/'([a-z_]+\.[a-z_]+)': \['([A-Z]+)', '([^']+)'/g)) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}$`);
    found.push({ operation, method, pattern, names });
  }
  // The more literal one counts.
  return found.sort((one, other) => one.names.length - other.names.length);
}

/** Starts the server; answers its address and how to stop it. */
export async function start({ port = 0, delayMs = 0, sessions = new Map() } = {}) {
  const table = routes();
  const answers = {};
  const viewers = new Set();
  const folder = new URL('mock/', here);
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.mjs'))) {
    const room = await import(pathToFileURL(join(fileURLToPath(folder), file)).href);
    Object.assign(answers, room.answers ?? {});
  }

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
      return answer(parameters, { user, changed, body, request });
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
      return file(request, response, url);
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

function file(request, response, url) {
  const path = normalize(join(dist, url.pathname));
  const isFile = path.startsWith(dist) && existsSync(path) && statSync(path).isFile();
  const wantsPage = request.headers.accept?.includes('text/html');
  if (!isFile && !wantsPage) {
    const isWelcome = url.pathname === '/';
    response.writeHead(isWelcome ? 200 : 404, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(isWelcome ? { name: 'retail', version: '0.1.0', providers: ['acme-id'] } : {}));
  }
  const shown = isFile ? path : join(dist, 'index.html');
  response.writeHead(200, { 'content-type': media[extname(shown)] ?? 'application/octet-stream', 'content-security-policy': csp, 'x-content-type-options': 'nosniff' });
  return createReadStream(shown).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.env.PORT ?? 7799), delayMs: Number(process.env.DELAY_MS ?? 0) });
  console.log(`${url} (any user, any password but \`wrong\`; \`viewer\` may little, \`nobody\` nothing)`);
}
