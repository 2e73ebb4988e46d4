// axe-core on every page of a real unit, at both sizes and in both themes: no violation.
//
//   node tests/axe.mjs BINARY [NAME…]      all pages, or those whose name begins so; CONSOLE=dist: the console of web/dist
//   FEW=1                                  light desk and dark phone alone
import { browse, enter, open, settled, sizes, violations } from './browser.mjs';
import { peopleOf, placesOf } from './places.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/axe.mjs BINARY [NAME…]');
const wanted = process.argv.slice(3);
const units = await commerce(binary);
const browser = await browse();
const found = new Map();
let count = 0;
try {
  for (const unit of [units.retail, units.logistics]) {
    const { owner } = await peopleOf(unit, ['owner']);
    const places = (await placesOf(unit)).filter(([name]) => wanted.length === 0 || wanted.some((each) => name.startsWith(each)));
    for (const size of Object.keys(sizes)) {
      for (const theme of process.env.FEW ? [size === 'desk' ? 'light' : 'dark'] : ['light', 'dark']) {
        const page = await open(browser, unit.page, { size, theme });
        let isIn = false;
        for (const [name, path] of places) {
          // What both units have is looked at once.
          if (unit !== units.retail && !/^(screen-|kpi|metric|decision)/.test(name)) continue;
          if (!isIn && name !== 'sign-in') {
            await enter(page.context(), unit.page, owner);
            isIn = true;
          }
          await page.goto(path);
          await settled(page);
          for (const text of await violations(page)) found.set(text, [...(found.get(text) ?? []), `${unit.name} ${name} ${size} ${theme}`]);
          count += 1;
        }
        await page.context().close();
      }
    }
  }
} finally {
  await browser.close();
  await units.stop();
}
for (const [text, where] of found) console.error(`${text}\n    ${where.slice(0, 4).join('; ')}${4 < where.length ? `; and ${where.length - 4} more` : ''}`);
console.log(`${count} pages looked at, ${found.size} violations`);
process.exit(found.size ? 1 : 0);
