// axe-core on what pages show in states that a fresh unit is not in, against the mock. Every page of real units: axe.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, violations } from './browser.mjs';
import { mocked } from './mocked.mjs';

const { visit, close } = mocked();

/** Where, and by what it is seen that the state is shown. */
const states = [
  ['/tasks/4140-3', 'text=Where is it?'],
  ['/tasks/4151-2', 'label:has-text("urgent")'],
  ['/tasks/4100-4', 'text=One of two cups'],
  ['/processes/order-to-delivery?heat=time&tab=elements', '.djs-shape.heat-5'],
  ['/instances/4098?tab=decisions', 'main a[href^="/decisions/risk"]'],
  ['/incidents?incident=4061-4', 'dialog[open] label'],
  ['/bulk', 'main h1'],
  ['/decisions/risk?variables=%7B%22value%22%3A200%7D', 'td.is-fired'],
  ['/data/stream/orders?tab=lineage&column=due', '[data-node="stream/orders"]'],
  ['/data/metric/on_time_share?by=state', 'figure svg'],
  ['/data/query/orders-by-day', 'text=120 rows'],
  ['/devices/van-1', 'svg polyline'],
  ['/devices/van-1?tab=commands&command=42', 'dialog[open] dl'],
  ['/things/rules/too-warm?tab=actions', 'text=task.open'],
];

for (const [size, theme] of [['desk', 'light'], ['phone', 'dark']]) {
  test(`axe finds nothing: ${size}, ${theme}`, async () => {
    const page = await visit('/', { size, theme });
    const found = [];
    for (const [path, sign] of states) {
      await page.goto(path);
      await page.locator(sign).first().waitFor();
      await settled(page);
      found.push(...(await violations(page)).map((text) => `${path}: ${text}`));
    }
    assert.deepEqual(found, []);
    await close(page);
  });
}
