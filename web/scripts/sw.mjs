// Builds the service worker to dist/sw.js, without a hash in its name, with the list of files that make the console open without network:
// the page, what it starts with, tasks, outbox and scanning with what these load, and both languages.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { build } from 'vite';

const root = new URL('../', import.meta.url).pathname;
const dist = `${root}dist/`;
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, 'utf8'));

const roots = ['index.html', 'src/i18n/en/index.ts', 'src/i18n/zh/index.ts', 'home/Home', 'home/Settings', 'tasks/Tasks', 'tasks/Task', 'phone/Queue', 'phone/Scan'].map((name) =>
  manifest[name] ? name : `src/rooms/${name}.svelte`,
);
/** Of these also what they load when it is needed: the viewer of forms, the reader of codes. */
const whole = /^(src\/(rooms\/(tasks|phone)|ui\/form|offline)\/|_Scanner)/;

const files = new Set(['/index.html']);
const seen = new Set();
function take(name) {
  const chunk = manifest[name];
  if (!chunk) throw new Error(`${name} is not in the build`);
  if (seen.has(name)) return;
  seen.add(name);
  for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) if (!file.endsWith('.html')) files.add(`/${file}`);
  for (const other of chunk.imports ?? []) take(other);
  if (whole.test(name)) for (const other of chunk.dynamicImports ?? []) take(other);
}
roots.forEach(take);
for (const file of readdirSync(`${root}public`)) files.add(`/${file}`);

const list = [...files].sort();
const hash = createHash('sha256');
for (const file of list) hash.update(file).update(readFileSync(dist + file.slice(1)));
const version = hash.digest('hex').slice(0, 12);

await build({
  configFile: false,
  root,
  logLevel: 'warn',
  publicDir: false,
  define: { __SHELL__: JSON.stringify(list), __VERSION__: JSON.stringify(version) },
  build: {
    target: 'es2022',
    outDir: dist,
    emptyOutDir: false,
    copyPublicDir: false,
    lib: { entry: `${root}src/offline/sw.ts`, formats: ['iife'], name: 'sw', fileName: () => 'sw.js' },
  },
});
console.log(`dist/sw.js: ${list.length} files, version ${version}`);
