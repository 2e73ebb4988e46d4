// Makes the icons of the home screen from public/icon.svg: npm run icons. The results are committed, so that a build needs no browser.
import { readFileSync, writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const folder = new URL('../public/', import.meta.url);
const svg = readFileSync(new URL('icon.svg', folder), 'utf8');
// A system cuts its own shape out of a maskable icon: the ground reaches the edges, and the mark stays within the middle.
const square = svg.replace(/rx="\d+"/, '');
const inner = (scale) => square.replace(/(<rect[^>]*>)(.*)(<\/svg>)/, `$1<g transform="translate(16 16) scale(${scale}) translate(-16 -16)">$2</g>$3`);
const wanted = [
  ['icon-192.png', 192, svg],
  ['icon-512.png', 512, svg],
  ['icon-maskable-512.png', 512, inner(0.8)],
  ['icon-180.png', 180, inner(0.95)],
  // What Android shows in its bar of notifications is a shape alone.
  ['badge-96.png', 96, svg.replace(/<rect[^>]*>/, '')],
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
for (const [name, size, text] of wanted) {
  await page.setViewportSize({ width: size, height: size });
  await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${text}`);
  writeFileSync(new URL(name, folder), await page.screenshot({ omitBackground: true }));
}
await browser.close();
