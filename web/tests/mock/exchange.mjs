// Neighbours and contracts: two that we use, one that uses us and asks for a new contract, one that has ended; calls, receipts, the ledger.
import { ago, has, page, refuse } from './base.mjs';
import { days } from './orders.mjs';

const hex = (seed, length = 64) => Array.from({ length }, (_, at) => ((seed * 7919 + at * at * 31 + at * 17) % 16).toString(16)).join('');

const peer = (name, more = {}) => ({
  name, unit: hex(name.length * 3 + name.charCodeAt(0)), url: `https://${name}.example:7700`, added_at: ago(90_000), key_number: 1, sent: 9_120, waiting: 0, received: 8_803, problem: null, ...more,
});
export const peers = [
  peer('logistics'),
  peer('payment', { sent: 12_003, received: 11_870 }),
  peer('shopfront', { sent: 210, received: 198, waiting: 3, problem: 'https://shopfront.example:7700 does not answer' }),
];

const field = (name, type, more = {}) => ({ name, type, required: true, ...more });
const offers = {
  logistics: [
    {
      capability: 'deliver', version: '1', summary: 'Brings a parcel to the customer.',
      input: [field('order_id', 'text'), field('estimated_at', 'time'), field('customer_state', 'text'), field('seller_state', 'text', { required: false }), field('weight_g', 'decimal(12,2)'), field('freight', 'decimal(12,2)')],
      output: [field('handed_over_at', 'time'), field('delivered_at', 'time'), field('service', 'text')],
      price: { currency: 'BRL', on_accept: '=0.10', on_answer: '=input.freight' }, service_level: { answer_within: 'P60D' }, on_revoke: 'finish', approval: 'none',
    },
    { capability: 'shipments', version: '1', summary: 'Every parcel as it stands.', columns: [field('order_id', 'text'), field('stage', 'text'), field('delivered_at', 'time')], price: { currency: 'BRL', on_read: '=rows * 0.01' }, on_revoke: 'finish', approval: 'none' },
  ],
  payment: [
    { capability: 'authorise', version: '2', summary: 'Holds the sum of an order.', input: [field('order_id', 'text'), field('value', 'decimal(12,2)')], output: [field('approved', 'bool')], price: { currency: 'BRL', on_accept: '=0.30' }, service_level: { answer_within: 'P7D' }, on_revoke: 'finish', approval: 'required' },
    { capability: 'refund', version: '1', summary: 'Pays back.', input: [field('order_id', 'text')], output: [field('paid_at', 'time')], on_revoke: 'cancel', approval: 'none' },
  ],
  shopfront: [],
};
const ours = [{ capability: 'orders', version: '3', summary: 'Takes an order of a customer.', input: [field('order_id', 'text')], output: [field('accepted', 'bool')], price: { currency: 'BRL', on_accept: '=2.00' }, service_level: { answer_within: 'PT4H' }, on_revoke: 'finish', approval: 'none' }];

const contract = (name, peerName, side, state, capabilities, more = {}) => ({
  name, id: hex(name.length * 11), side, state, peer: peerName, capabilities, reason: null, changed_at: ago(40_000), calls_open: 0, ...more,
});
const contracts = [
  contract('logistics', 'logistics', 'consumer', 'finalized', ['deliver', 'shipments'], { calls_open: 311 }),
  contract('payment', 'payment', 'consumer', 'finalized', ['authorise', 'refund'], { changed_at: ago(41_000) }),
  contract('market', 'shopfront', 'provider', 'finalized', ['orders'], { calls_open: 12 }),
  contract('market-next', 'shopfront', 'provider', 'requested', ['orders'], { id: null, changed_at: ago(25) }),
  contract('freight-2025', 'logistics', 'consumer', 'terminated', ['deliver'], { reason: 'replaced by logistics', changed_at: ago(400_000) }),
];
const signature = (seed) => ({ key: 1, signature: `${hex(seed, 86)}==` });

const states = ['open', 'open', 'answered', 'answered', 'withdrawn', 'answered', 'failed', 'answered'];
const calls = Array.from({ length: 48 }, (_, at) => ({
  contract: 'logistics', call: String(9_081 - at), capability: 'deliver', side: 'consumer', state: states[at % states.length] , at: ago(30 + at * 190),
  closed_at: states[at % states.length] === 'open' ? null : ago(at * 170), actor: 'process:order-to-delivery',
})).reverse();
const receipts = Array.from({ length: 96 }, (_, at) => ({
  amount: at % 3 ? '0.10' : (14 + ((at * 37) % 90) / 10).toFixed(2), at: ago((96 - at) * 190), call: String(8_990 + Math.floor(at / 2)), capability: 'deliver', contract: 'logistics', currency: 'BRL',
  event: at % 3 ? 'accepted' : at % 9 ? 'answered' : 'withdrawn', number: at + 1, previous: at ? hex(at) : '', v: 1, side: 'consumer', state: at === 70 ? 'disputed' : 90 < at ? 'unsettled' : 'agreed', reason: at === 70 ? 'the freight is not that of the order' : null,
}));

/** Times that contracts promise. */
export const levels = [
  { name: 'logistics/deliver', on: 'contract/logistics', objective: null, within: 'P60D', window: 'P30D', good: 2_871, total: 2_904, ratio: 0.9886, overdue: 4 },
  { name: 'payment/authorise', on: 'contract/payment', objective: null, within: 'P7D', window: 'P30D', good: 3_012, total: 3_012, ratio: 1, overdue: 0 },
];

/** What came to the ledger by day, as the page of a contract sums it up. */
export const dailyReceipts = () => days.map((day, at) => ({ day: `${day}T00:00:00Z`, capability: 'deliver', currency: 'BRL', amount: 1_400 + ((at * 977) % 1_700) }));

const account = (contract, capability, calls, owed) => {
  const { peer, side, calls_open: open } = named(contract);
  return { contract, peer, capability, side, state: 'in_force', calls, answered: calls - open, cancelled: 0, failed: 0, open, owed, agreed: owed, disputed: '0', currency: 'BRL', reads: 0, rows: 0, bytes: 0 };
};
const accounts = () => [account('logistics', 'deliver', 9_034, '135510.00'), account('payment', 'authorise', 9_120, '9120.00'), account('market', 'orders', 2_410, '4820.50')];

const named = (name) => contracts.find((each) => each.name === name) ?? refuse(404, 'contract.not_found', `there is no contract \`${name}\``);

function become(name, state, changed) {
  Object.assign(named(name), state);
  changed('contract', `contract/${name}`);
  return named(name);
}

export const answers = {
  'ledger.list': ({ contract: of }) => page(accounts().filter((row) => has(of, row.contract))),
  'peer.list': () => page(peers),
  'peer.get': ({ name }) => {
    const found = peers.find((each) => each.name === name) ?? refuse(404, 'peer.not_found', `there is no peer \`${name}\``);
    return { ...found, card: { unit: found.unit, name, root: hex(4, 43) + '=', keys: [{ number: 1, key: hex(5, 43) + '=', from: ago(90_000), until: ago(-5_000_000) }], url: found.url } };
  },
  // Own offers come as their manifests.
  'offer.list': ({ peer: of }) => page(of ? (offers[of] ?? []) : ours.map(({ capability, ...spec }) => ({ name: capability, version: 4, spec: { process: 'take-order', to: 'any', ...spec } }))),
  'contract.list': () => page(contracts),
  'contract.get': ({ name }) => {
    const found = named(name);
    const isSigned = found.state === 'finalized' || found.state === 'terminated';
    const terms = found.side === 'provider' ? ours : (offers[found.peer] ?? []).filter((offer) => found.capabilities.includes(offer.capability));
    const document = { agreed_at: isSigned ? ago(41_000) : undefined, consumer: hex(8), name, nonce: hex(9, 32), offers: terms, provider: hex(10), v: 1 };
    return { ...found, document, provider_signature: isSigned ? signature(1) : null, consumer_signature: isSigned ? signature(2) : null, unsettled_since: name === 'logistics' ? ago(55) : null };
  },
  'contract.calls': ({ name, state }) => page(name === 'logistics' ? calls.filter((each) => has(state, each.state)) : []),
  'contract.disputes': ({ name }) =>
    page(name === 'logistics' ? [{ contract: name, peer: 'logistics', side: 'consumer', first: 71, count: 1, amounts: { deliver: '19.40' }, signed_at: ago(4_000), reason: 'the freight is not that of the order' }] : []),
  'contract.propose': ({ name, peer: of, offers: capabilities, side = 'consumer' }, { changed }) => {
    if (contracts.some((each) => each.name === name)) refuse(409, 'contract.exists', `there is a contract \`${name}\` already`);
    contracts.push(contract(name, of, side, 'requested', capabilities, { id: null, changed_at: new Date().toISOString() }));
    changed('contract');
    return named(name);
  },
  'contract.accept': ({ name }, { changed }) => become(name, { state: 'agreed' }, changed),
  'contract.reject': ({ name, reason = null }, { changed }) => become(name, { state: 'terminated', reason }, changed),
  'contract.revoke': ({ name, reason = null }, { changed }) => become(name, { state: 'terminated', reason }, changed),
  'contract.withdraw': ({ call }) => ({ call, state: 'withdrawing' }),
  'contract.settle': ({ name, first }) => ({ contract: name, first, state: 'agreed' }),
  'receipt.list': ({ contract: of }) => page(of === 'logistics' ? receipts : []),
  'receipt.get': ({ name }) => {
    const number = Number(name.split('.').at(-1));
    return {
      receipt: JSON.stringify({ amount: '19.40', call: '9012', capability: 'deliver', contract: hex(8), currency: 'BRL', event: 'answered', number, v: 1 }), first: number, count: 2, root: hex(12), path: [hex(13)],
      signed_at: ago(4_000), signature: signature(3), settlement: { state: 'agreed', signed_at: ago(3_990), signed: signature(4) },
    };
  },
};
