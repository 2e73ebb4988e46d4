// Lighthouse on the pages that people see most: accessibility and best practice 95 or more.
//
//   npm install --no-save lighthouse@12.8.2      it is large, and nothing else needs it; `./x soak` does so
//   node tests/lighthouse.mjs BINARY             CONSOLE=dist: the console of web/dist; MIN=95
import { createServer } from 'node:net';
import lighthouse from 'lighthouse';
import { browse, password } from './browser.mjs';
import { peopleOf } from './places.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/lighthouse.mjs BINARY');
const least = Number(process.env.MIN ?? 95);
const pages = ['/sign-in', '/', '/tasks', '/processes', '/processes/order-to-delivery', '/incidents', '/data', '/sql', '/screens/orders', '/screens/shop', '/exchange', '/audit', '/settings'];
const categories = ['accessibility', 'best-practices'];

const units = await commerce(binary);
const { retail } = units;
const port = await freePort();
const browser = await browse([`--remote-debugging-port=${port}`]);
const low = [];
try {
  const { owner } = await peopleOf(retail, ['owner']);
  const answer = await fetch(`${retail.page}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: retail.page },
    body: JSON.stringify({ user: owner, password }),
  });
  const cookie = answer.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ');
  for (const formFactor of ['desktop', 'mobile']) {
    const screenEmulation = formFactor === 'desktop' ? { mobile: false, width: 1440, height: 900, deviceScaleFactor: 1, disabled: false } : { mobile: true, width: 390, height: 844, deviceScaleFactor: 2, disabled: false };
    for (const path of pages) {
      const extraHeaders = path === '/sign-in' ? {} : { cookie };
      const result = await lighthouse(retail.page + path, { port, logLevel: 'error', output: 'json', onlyCategories: categories, formFactor, screenEmulation, extraHeaders, disableStorageReset: true, throttlingMethod: 'provided' });
      const scores = categories.map((each) => Math.round((result.lhr.categories[each].score ?? 0) * 100));
      console.log(`${formFactor.padEnd(8)} ${path.padEnd(32)} ${categories.map((each, index) => `${each} ${scores[index]}`).join('  ')}`);
      if (scores.some((score) => score < least)) {
        const failed = categories.flatMap((each) => result.lhr.categories[each].auditRefs).map(({ id }) => result.lhr.audits[id]).filter((audit) => audit.score !== null && audit.score < 1);
        low.push(`${formFactor} ${path}: ${failed.map((audit) => `${audit.id} (${audit.details?.items?.slice(0, 3).map((item) => item.node?.selector ?? item.description ?? item.url ?? '').join(', ') ?? ''})`).join('; ')}`);
      }
    }
  }
} finally {
  await browser.close();
  await units.stop();
}
for (const text of low) console.error(text);
process.exit(low.length ? 1 : 0);

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
