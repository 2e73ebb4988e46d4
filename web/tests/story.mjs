// The story of the example in a real browser, at the desk and on the phone, against three real units:
// somebody signs in, sees a late order, opens its diagram, corrects what is stuck, completes the task on the phone, watches the KPI move,
// accepts a contract and revokes it. Fails where the browser complains of anything, or where the units do not agree with what was shown.
//
//   node tests/story.mjs BINARY [desk|phone]      CONSOLE=dist: the console of web/dist; SHOTS=1: pictures of each step in web/shots/story
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browse, open, password, sizes, until } from './browser.mjs';
import { binaryOf, commerce } from './real.mjs';

const binary = binaryOf('node tests/story.mjs BINARY [desk|phone]');
const wanted = process.argv[3] ? [process.argv[3]] : Object.keys(sizes);
const out = fileURLToPath(new URL('../shots/story/', import.meta.url));
if (process.env.SHOTS) mkdirSync(out, { recursive: true });

const say = (text) => console.log(`${((Date.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
const began = Date.now();
const day = 86_400_000;
const after = (instant, days) => new Date(Date.parse(instant) + days * day).toISOString().replace('.000Z', 'Z');

const units = await commerce(binary);
const { retail, payment, logistics } = units;
say('three units are up');
const browser = await browse();
const complaints = [];

/** Moves the business clocks of all three. */
const clocks = (to) => Promise.all(units.all.map((unit) => unit.api('POST', '/v1/clocks/advance', { to })));

/** An order whose weight somebody has spoiled: it stands still at logistics' door, and becomes late there. */
async function spoilOrder(order) {
  const now = await retail.now();
  const item = { product_id: 'kettle', category: 'housewares', weight_g: '600', price: '120.00', freight: '18.50', seller_id: 'sul', seller_state: 'SP' };
  const estimated_at = after(now, 1);
  await retail.append('orders', [
    { order_id: order, placed_at: now, estimated_at, customer_id: 'c-1', customer_city: 'campinas', customer_state: 'SP', payments: [{ method: 'credit_card', instalments: 1, value: '277.00' }], items: [item, item] },
  ]);
  const instance = await until('the order runs', async () => (await retail.api('GET', `/v1/instances?business_key=${order}`)).items.find((each) => each.process === 'order-to-delivery'));
  await until('payment was asked', async () => (await payment.api('GET', `/v1/instances?business_key=${order}`)).items.length);
  await retail.api('POST', `/v1/instances/${instance.instance}/set_variables`, { variables: { weight_g: '1200 g' } });
  await payment.append('approvals', [{ order_id: order, approved_at: now }]);
  const incident = await until('it stands still', async () => (await retail.api('GET', '/v1/incidents')).items.find((each) => each.instance === instance.instance));
  await clocks(after(now, 2));
  await until('a task to tell the customer', async () => (await retail.api('GET', '/v1/tasks?limit=1000')).items.find((each) => each.business_key === order));
  return { instance: instance.instance, incident: incident.incident };
}

/** A contract that waits for somebody at logistics. */
async function proposeContract(name) {
  const shown = await logistics.api('GET', '/v1/resources/offer/deliver');
  const spec = { ...shown.spec, summary: 'Brings a parcel to the customer the next day.', approval: 'required' };
  await logistics.apply([{ apiVersion: 'craton/v1', kind: 'Offer', metadata: { name }, spec }]);
  await retail.api('POST', '/v1/contracts/propose', { name, peer: 'logistics', offers: [name] });
  await until('the proposal has come', async () => (await logistics.api('GET', '/v1/contracts')).items.find((each) => each.name === name));
}

const parcels = (month, late) =>
  Array.from({ length: 12 }, (_, index) => ({
    order_id: `parcel-${month}-${index}`, stage: 'delivered', service: 'parcel', customer_state: 'SP', estimated_at: `${month}-20T00:00:00Z`, freight: '10.00',
    handed_over_at: `${month}-10T00:00:00Z`, delivered_at: `${month}-${index < late ? '22' : '15'}T00:00:00Z`,
  }));

async function signIn(page, unit, user) {
  page.note = `${user} signs in`;
  await page.goto(unit.page);
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Home', level: 1 }).waitFor();
}

/** Goes where the navigation leads, as a person does; on the phone behind "More". */
async function through(page, size, name) {
  const link = () => page.getByRole('link', { name, exact: true });
  if (size === 'phone' && !(await link().first().isVisible().catch(() => false))) await page.getByRole('button', { name: 'More', exact: true }).click();
  await link().first().click();
}

async function shot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${out}${name}.png` });
}

async function story(size, turn) {
  const order = `c0ffee${String(turn).padStart(4, '0')}`;
  const contract = `express-${turn}`;
  const month = (await logistics.now()).slice(0, 7);
  const { instance, incident } = await spoilOrder(order);
  await proposeContract(contract);
  say(`${size}: order ${order} stands still`);

  // At retail: what is late, and why.
  const olga = await open(browser, retail.page, { size });
  await signIn(olga, retail, 'olga');
  olga.note = `${size}: late orders`;
  await through(olga, size, 'Late orders');
  await olga.getByRole('heading', { name: 'Late orders', level: 1 }).waitFor();
  await shot(olga, `${size}-1-late-orders`);
  await olga.getByRole('link', { name: order }).first().click();
  await olga.getByRole('heading', { name: 'An order', level: 1 }).waitFor();
  await olga.getByText('campinas').first().waitFor();
  await shot(olga, `${size}-2-order`);
  say(`${size}: the late order is shown`);

  olga.note = `${size}: incidents`;
  await through(olga, size, 'Incidents');
  await olga.getByRole('heading', { name: 'Incidents', level: 1 }).waitFor();
  const row = olga.locator('tr[data-row], ul[aria-label] > li').filter({ hasText: order }).first();
  await row.waitFor();

  olga.note = `${size}: diagram`;
  await olga.goto(`${retail.page}/instances/${instance}`);
  await olga.locator('svg [data-element-id="deliver"]').first().waitFor();
  await shot(olga, `${size}-3-diagram`);
  say(`${size}: its diagram is shown`);

  olga.note = `${size}: correct`;
  await olga.goto(`${retail.page}/incidents?incident=${incident}`);
  const drawer = olga.getByRole('dialog');
  await drawer.getByText('is not of type').first().waitFor();
  await drawer.getByLabel('weight_g', { exact: true }).fill('1200');
  await shot(olga, `${size}-4-incident`);
  await drawer.getByRole('button', { name: 'Correct and retry' }).click();
  await drawer.waitFor({ state: 'hidden' });
  await until('the parcel is announced', async () => (await logistics.sql(`SELECT order_id FROM shipments WHERE order_id = '${order}'`)).length);
  complaints.push(...olga.complaints);
  await olga.context().close();
  say(`${size}: the incident is corrected, logistics has the parcel`);

  // On the phone, whatever the size of the rest: the customer is told.
  const carla = await open(browser, retail.page, { size: 'phone' });
  await signIn(carla, retail, 'carla');
  carla.note = `${size}: the task`;
  await through(carla, 'phone', 'Tasks');
  await carla.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
  await carla.getByText(order).first().click();
  await carla.getByRole('heading', { level: 1 }).filter({ hasText: 'Tell the customer' }).waitFor();
  await carla.getByRole('button', { name: 'Take', exact: true }).click();
  await carla.getByRole('button', { name: 'Give back' }).waitFor();
  const told = carla.getByLabel('By telephone', { exact: false });
  if (await told.count()) await told.first().check();
  await shot(carla, `${size}-5-task`);
  await carla.getByRole('button', { name: 'Complete', exact: true }).click();
  await carla.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
  const [task] = await retail.sql(`SELECT state, completed_by FROM system.tasks WHERE business_key = '${order}' ORDER BY created_at DESC LIMIT 1`);
  if (task?.state !== 'completed') throw new Error(`the task is ${JSON.stringify(task)}`);
  complaints.push(...carla.complaints);
  await carla.context().close();
  say(`${size}: the task is completed on the phone`);

  // At logistics: the KPI moves while somebody looks.
  const late = turn === 0 ? 6 : 3;
  const share = `${Math.round(((12 - late) / 12) * 100)}%`;
  const oskar = await open(browser, logistics.page, { size });
  await signIn(oskar, logistics, 'oskar');
  oskar.note = `${size}: KPI`;
  await oskar.getByText('92 of 100 parcels').first().waitFor();
  if (await oskar.getByText(share, { exact: true }).count()) throw new Error(`${share} is shown before it is true`);
  await oskar.evaluate(() => (window.isSamePage = true));
  await logistics.append('shipments', parcels(month, late));
  await clocks(`${after(`${month}-01T00:00:00Z`, 32).slice(0, 7)}-03T01:00:00Z`);
  await oskar.getByText(share, { exact: true }).first().waitFor();
  if (!(await oskar.evaluate(() => window.isSamePage))) throw new Error('the page was loaded anew');
  await shot(oskar, `${size}-6-kpi`);
  say(`${size}: the KPI has moved to ${share}`);

  oskar.note = `${size}: contract`;
  await through(oskar, size, 'Exchange');
  await oskar.getByRole('heading', { name: 'Exchange', level: 1 }).waitFor();
  const tab = oskar.getByRole('tab', { name: 'Contracts' });
  if (await tab.count()) await tab.first().click();
  await oskar.getByText(contract, { exact: true }).first().click();
  await oskar.getByRole('heading', { level: 1 }).filter({ hasText: contract }).waitFor();
  await oskar.getByRole('button', { name: 'Accept', exact: true }).click();
  await oskar.getByRole('dialog').getByRole('button', { name: 'Accept', exact: true }).click();
  await until('both sides have signed', async () => (await retail.api('GET', `/v1/contracts/${contract}`)).state === 'finalized');
  const revoke = oskar.getByRole('button', { name: 'Revoke', exact: true });
  await revoke.first().waitFor();
  await shot(oskar, `${size}-7-contract`);
  say(`${size}: the contract is in force`);
  await revoke.first().click();
  await oskar.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await until('it is over on both sides', async () => (await retail.api('GET', `/v1/contracts/${contract}`)).state !== 'finalized');
  await revoke.first().waitFor({ state: 'hidden' });
  await shot(oskar, `${size}-8-revoked`);
  complaints.push(...oskar.complaints);
  await oskar.context().close();
  say(`${size}: and revoked`);
}

let failure;
try {
  for (const [unit, user] of [[retail, 'olga'], [retail, 'carla'], [logistics, 'oskar']]) await unit.setPassword(user);
  // The KPI has a value of the month before, so that there is something to move.
  await clocks(`${after(`${(await logistics.now()).slice(0, 7)}-01T00:00:00Z`, 32).slice(0, 7)}-03T01:00:00Z`);
  for (const [turn, size] of wanted.entries()) await story(size, turn);
} catch (error) {
  failure = error;
  if (process.env.SHOTS) {
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      await page.screenshot({ path: `${out}failed.png` }).catch(() => {});
      complaints.push(...(page.complaints ?? []), `at ${page.url()}`);
    }
  }
}
await browser.close();
await units.stop();
for (const text of new Set(complaints)) console.error(`the browser: ${text}`);
if (failure) console.error(failure);
console.log(failure || complaints.length ? 'the story failed' : 'the story is told');
process.exit(failure || complaints.length ? 1 : 0);
