// The console that was built, web/dist, as a unit shows it: any page is `index.html`, with the headers that let nothing else run in it.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
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

/** Answers a request for a page or a file of the console; false where it is for something else. */
export function show(request, response) {
  const { pathname } = new URL(request.url, 'http://console');
  if (request.method !== 'GET' || pathname.startsWith('/v1/')) return false;
  const path = normalize(join(dist, pathname));
  const isFile = path.startsWith(dist) && existsSync(path) && statSync(path).isFile();
  if (!isFile && !request.headers.accept?.includes('text/html')) return false;
  const shown = isFile ? path : join(dist, 'index.html');
  response.writeHead(200, { 'content-type': media[extname(shown)] ?? 'application/octet-stream', 'content-security-policy': csp, 'x-content-type-options': 'nosniff' });
  createReadStream(shown).pipe(response);
  return true;
}
