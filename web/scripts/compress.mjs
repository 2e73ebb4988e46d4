// Puts a .br and a .gz beside every text file of dist/, so that the unit never compresses while it answers.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const texts = new Set(['.html', '.js', '.css', '.svg', '.json', '.webmanifest', '.wasm', '.txt', '.ttf', '.map']);
// Below this a compressed copy saves no packet.
const bytesMin = 512;

// Which chunk needs which is for `npm run size` alone and is not served.
const cache = new URL('../node_modules/.cache/', import.meta.url).pathname;
mkdirSync(cache, { recursive: true });
renameSync(`${dist}.vite/manifest.json`, `${cache}craton-manifest.json`);
rmSync(`${dist}.vite`, { recursive: true });

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath ?? entry.path, entry.name);
  if (!entry.isFile() || !texts.has(extname(path))) continue;
  const bytes = readFileSync(path);
  if (bytes.length < bytesMin) continue;
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  const parameters = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: parameters }));
}
