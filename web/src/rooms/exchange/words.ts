// How states, prices and terms of the exchange are said.

import { say, t, word, type Key } from '../../i18n/index.svelte';
import { duration } from '../../i18n/format';
import type { Tone } from '../../ui';
import type { ContractRow, Offer } from './answers';

/** The states of a negotiation, in their order, as the Dataspace Protocol has them. */
export const steps = ['requested', 'offered', 'accepted', 'agreed', 'verified', 'finalized'] as const;

const tones: Record<string, Tone> = {
  requested: 'idle',
  offered: 'idle',
  accepted: 'busy',
  agreed: 'busy',
  verified: 'busy',
  finalized: 'good',
  terminated: 'off',
  issued: 'idle',
  waived: 'done',
  settled: 'done',
  received: 'busy',
  open: 'busy',
  withdrawing: 'warn',
  withdrawn: 'off',
};

export const toneOfContract = (state: string): Tone | undefined => tones[state];
/** Receipts have the same words for other things: what both have signed is good. */
export const toneOfReceipt = (state: string): Tone => (state === 'agreed' ? 'good' : state === 'disputed' ? 'bad' : (tones[state] ?? 'idle'));

function own(name: string, fallback: string): string {
  const key = `exchange.${name}` as Key;
  const text = say(key);
  return text === key || text === '' ? fallback : text;
}

export const stateWord = (state: string): string => own(`state_${state}`, word('states', state));
export const receiptWord = (state: string): string => (state === 'agreed' ? t('exchange.agreed') : stateWord(state));
export const eventWord = (event: string): string => own(`event_${event}`, event.replaceAll('_', ' '));
export const stepWord = (state: string): string => own(`what_${state}`, state);
export const sideWord = (side: string): string => (side === 'provider' ? t('exchange.provider') : t('exchange.consumer'));

/** `P1DT2H` as the reader's language says it; what it cannot read stays as it is. */
export function span(iso: string | null | undefined): string {
  if (!iso) return '–';
  const match = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso);
  if (!match) return iso;
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return duration(((((weeks ?? 0) * 7 + (days ?? 0)) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1_000);
}

/** What an offer costs, as it says it: prices may be formulas over what is asked and answered. */
export function priceOf(offer: Offer): string {
  const { price } = offer;
  if (!price) return t('exchange.no_price');
  const said = (value: string) => `${value.replace(/^=/, '')} ${price.currency}`;
  const parts = [
    price.on_accept ? t('exchange.price_accept', { price: said(String(price.on_accept)) }) : '',
    price.on_answer ? t('exchange.price_answer', { price: said(String(price.on_answer)) }) : '',
    price.on_read ? t('exchange.price_read', { price: said(String(price.on_read)) }) : '',
  ].filter(Boolean);
  return parts.length ? parts.join(' + ') : said(JSON.stringify(price));
}

export function revokeWord(offer: Offer): string {
  if (offer.on_revoke === 'finish') return t('exchange.on_revoke_finish');
  return offer.on_revoke === 'cancel' ? t('exchange.on_revoke_cancel') : (offer.on_revoke ?? '–');
}

export function approvalWord(approval: string): string {
  if (approval === 'none') return t('exchange.approval_none');
  return approval === 'required' ? t('exchange.approval_manual') : approval;
}

/** Says whether this side has something to accept now. */
export function canAccept(contract: ContractRow): boolean {
  return (contract.side === 'provider' && contract.state === 'requested') || (contract.side === 'consumer' && contract.state === 'offered');
}

export const canReject = (contract: ContractRow): boolean => contract.state !== 'finalized' && contract.state !== 'terminated';
export const canRevoke = (contract: ContractRow): boolean => contract.state === 'finalized';

/** How much of a path or a key is shown where it stands among others. */
export const short = (text: string, length = 12): string => (text.length <= length ? text : `${text.slice(0, length)}…`);
