// Pictures of every page of real units, at both sizes, in both themes and languages, into web/shots/real; fails where the browser complains.
//
//   node tests/shots-real.mjs BINARY [NAME…]      all, or those whose name begins so; CONSOLE=dist: the console of web/dist
//   FEW=1                                         light English desk and dark Chinese phone alone
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browse, enter, open, settled, sizes } from './browser.mjs';
import { peopleOf, placesOf } from './places.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/shots-real.mjs BINARY [NAME…]');
const wanted = process.argv.slice(3);
const out = fileURLToPath(new URL('../shots/real/', import.meta.url));
mkdirSync(out, { recursive: true });
const units = await commerce(binary);
const browser = await browse();
const complaints = new Set();
let count = 0;
try {
  for (const unit of units.all) {
    const { owner } = await peopleOf(unit, ['owner']);
    const places = (await placesOf(unit)).filter(([name]) => wanted.length === 0 || wanted.some((each) => name.startsWith(each)));
    for (const [size, viewport] of Object.entries(sizes)) {
      for (const theme of ['light', 'dark']) {
        for (const locale of ['en-GB', 'zh-CN']) {
          const isOne = (size === 'desk' && theme === 'light' && locale === 'en-GB') || (size === 'phone' && theme === 'dark' && locale === 'zh-CN');
          if (process.env.FEW && !isOne) continue;
          const page = await open(browser, unit.page, { size, theme, locale, allow: [(status, url) => status === 404 && url.includes('/no/such')] });
          let isIn = false;
          for (const [name, path] of places) {
            if (unit !== units.retail && !/^(screen-|kpi|metric|decision|home)/.test(name)) continue;
            if (!isIn && name !== 'sign-in') {
              await enter(page.context(), unit.page, owner);
              isIn = true;
            }
            page.note = `${unit.name} ${name} ${size} ${theme} ${locale}`;
            await page.goto(path);
            await settled(page);
            if (await page.evaluate(() => document.documentElement.clientWidth < document.documentElement.scrollWidth)) complaints.add(`${page.note}: wider than the window`);
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            await page.setViewportSize({ ...viewport, height: Math.min(3_000, Math.max(viewport.height, height)) });
            await settled(page);
            await page.screenshot({ path: `${out}${unit.name}-${name}-${size}-${theme}-${locale.slice(0, 2)}.png` });
            await page.setViewportSize(viewport);
            count += 1;
          }
          for (const text of page.complaints) complaints.add(text);
          await page.context().close();
        }
      }
    }
  }
} finally {
  await browser.close();
  await units.stop();
}
for (const text of complaints) console.error(text);
console.log(`${count} pictures in ${out}, ${complaints.size} complaints`);
process.exit(complaints.size ? 1 : 0);
