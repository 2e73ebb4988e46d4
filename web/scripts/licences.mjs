// Puts the licences of all packages that are in the console into dist/licences.txt, as they ask for it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const { packages } = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'));
const parts = [];
for (const [place, { dev, version, license }] of Object.entries(packages)) {
  const folder = new URL(`${place}/`, root);
  // Svelte is a tool of the build, and a part of it runs in the page.
  if (!place || (dev && place !== 'node_modules/svelte') || !existsSync(folder)) continue;
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
  const text = file ? readFileSync(new URL(file, folder), 'utf8').trim() : 'It comes without the text of its licence.';
  parts.push(`${place.replace(/^.*node_modules\//, '')} ${version} (${license ?? 'no licence named'})\n\n${text}\n`);
}
writeFileSync(new URL('dist/licences.txt', root), parts.join(`\n${'-'.repeat(80)}\n\n`));
console.log(`licences of ${parts.length} packages`);
