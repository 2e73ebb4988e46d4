// Neighbours and what is offered in a real browser against the mock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peers } from './mock/exchange.mjs';
import { mocked } from './mocked.mjs';

const { visit, close } = mocked();

test('own offers are shown with their names, terms and fields', async () => {
  const page = await visit('/exchange?tab=offers');
  const offer = page.getByRole('listitem').filter({ hasText: 'Takes an order of a customer.' });
  await offer.getByText('orders', { exact: true }).waitFor();
  for (const text of ['v3', '2.00 BRL on acceptance', 'answer within 4 h', 'open calls are finished', 'order_id']) await offer.getByText(text).waitFor();
  await close(page);
});

test('an offer that a person has to approve says so', async () => {
  const page = await visit('/exchange/peers/payment');
  const offer = page.getByRole('listitem').filter({ hasText: 'Holds the sum of an order.' });
  await offer.getByText('by a person').waitFor();
  await close(page);
});

test('what is read has its price', async () => {
  const page = await visit('/exchange/peers/logistics');
  await page.getByRole('listitem').filter({ hasText: 'Every parcel as it stands.' }).getByText('rows * 0.01 BRL for what is read').waitFor();
  await close(page);
});

test('who supplies proposes a contract over own offers', async () => {
  const page = await visit('/exchange');
  await page.getByRole('button', { name: 'Propose a contract' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: 'We supply them' }).check();
  await dialog.getByLabel('Neighbour').selectOption('shopfront');
  await dialog.getByLabel('Name of the contract').fill('wholesale');
  await dialog.getByRole('checkbox', { name: /^orders/ }).check();
  await dialog.getByRole('button', { name: 'Propose', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'wholesale' }).waitFor();
  await page.locator('main').getByText('orders', { exact: true }).first().waitFor();
  await close(page);
});

test('a neighbour has its name among those who call, in place of its key', async () => {
  const page = await visit('/quotas');
  await page.getByText('peer:shopfront').waitFor();
  const { unit } = peers.find(({ name }) => name === 'shopfront');
  assert.equal(await page.getByText(unit).count(), 0);
  await close(page);
});
