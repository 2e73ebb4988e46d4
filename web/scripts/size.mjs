// Fails where the first load is larger than promised: the page, and what its entry and the page of /home pull in, as brotli sends it.
import { readFileSync, statSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url).pathname;
const bytesMax = 300_000;
const manifest = JSON.parse(readFileSync(new URL('../node_modules/.cache/craton-manifest.json', import.meta.url), 'utf8'));
const first = ['index.html', 'src/rooms/home/Home.svelte', 'src/i18n/zh/index.ts'];

const files = new Set(['index.html']);
const seen = new Set();
function take(name) {
  const chunk = manifest[name];
  if (!chunk || seen.has(name)) return;
  seen.add(name);
  files.add(chunk.file);
  for (const style of chunk.css ?? []) files.add(style);
  for (const other of chunk.imports ?? []) take(other);
}
first.forEach(take);

const sized = [...files].map((file) => {
  const path = `${dist}${file}`;
  let bytes = statSync(path).size;
  try {
    bytes = statSync(`${path}.br`).size;
  } catch {
    // Too small to have a compressed copy.
  }
  return { file, bytes };
});
sized.sort((a, b) => b.bytes - a.bytes);
for (const { file, bytes } of sized) console.log(String(bytes).padStart(9), file);
const total = sized.reduce((sum, { bytes }) => sum + bytes, 0);
console.log(String(total).padStart(9), `of ${bytesMax} bytes for the first load`);
if (bytesMax < total) {
  console.error('error: the first load is too large; load what a room needs by dynamic import');
  process.exit(1);
}
