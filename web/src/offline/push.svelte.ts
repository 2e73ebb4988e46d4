// Notifications of tasks on this device: the browser's subscription, and the unit's knowledge of it.

import { call } from '../api/client';
import { recall, remember } from '../app/kept';
import { may, session } from '../app/session.svelte';
import { speech } from '../i18n/index.svelte';

/** How old what the unit knows may become: it forgets browsers on which the console was not opened for long, and those of a session that was ended. */
const renewMs = 86_400_000;

/** Says whether this browser can be told anything at all, and whether the unit offers it. */
export function canPush(): boolean {
  const isAble = 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window && window.isSecureContext;
  return isAble && may('subscription.create');
}

async function manager(): Promise<PushManager | undefined> {
  // Without a registered worker `ready` would never answer.
  const registration = await navigator.serviceWorker.getRegistration();
  return registration?.pushManager;
}

export async function isPushed(): Promise<boolean> {
  if (!canPush() || Notification.permission !== 'granted') return false;
  return recall<string>('push.user') === session.principal && (await (await manager())?.getSubscription()) != null;
}

export type Switched = 'on' | 'denied' | 'none';

/** Asks the browser, subscribes, and says so to the unit. */
export async function startPush(): Promise<Switched> {
  if ((await Notification.requestPermission()) !== 'granted') return 'denied';
  const push = await manager();
  if (!push) return 'none';
  const { key } = (await call('subscription.key')) as { key: string };
  const wanted = bytesOf(key);
  let subscription = await push.getSubscription();
  // One that was made with another unit's key would be refused by the push service.
  if (subscription && !isSame(subscription.options.applicationServerKey, wanted)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await push.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
  await tellUnit(subscription);
  return 'on';
}

async function tellUnit(subscription: PushSubscription): Promise<void> {
  const { endpoint, keys } = subscription.toJSON();
  const { p256dh = '', auth = '' } = keys ?? {};
  await call('subscription.create', { endpoint, keys: { p256dh, auth }, summary: device(), language: speech.language });
  remember('push.user', session.principal);
  remember('push.at', Date.now());
}

export async function stopPush(): Promise<void> {
  const subscription = await (await manager())?.getSubscription();
  remember('push.user', null);
  if (!subscription) return;
  const id = await idOf(subscription.endpoint);
  await subscription.unsubscribe();
  await call('subscription.delete', { name: id });
}

/** Sees to it, whenever somebody is in, that the unit knows this browser. */
export function keepPush(): void {
  $effect.root(() => {
    $effect(() => {
      if (session.state === 'in' && !session.isAlone) void renew();
    });
  });
}

/** Tells the unit now and then that this browser is still there, and at once where it knows nothing of it. */
async function renew(): Promise<void> {
  try {
    if (!(await isPushed())) return;
    const subscription = await (await manager())?.getSubscription();
    if (!subscription) return;
    const isFresh = Date.now() - (recall<number>('push.at') ?? 0) < renewMs;
    if (!isFresh || !(await isKnown(subscription))) await tellUnit(subscription);
  } catch {
    // The next time it is opened.
  }
}

async function isKnown({ endpoint }: PushSubscription): Promise<boolean> {
  const id = await idOf(endpoint);
  const { items = [] } = await call('subscription.list', {}, { quiet: true, once: true });
  return items.some((each) => each.id === id);
}

function device(): string {
  const agent = navigator.userAgent;
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Macintosh', 'Linux'].find((name) => agent.includes(name)) ?? '';
  const browser = ['Edg', 'Firefox', 'Chrome', 'Safari'].find((name) => agent.includes(name)) ?? '';
  return [browser.replace('Edg', 'Edge'), system.replace('Macintosh', 'Mac')].filter(Boolean).join(', ');
}

async function idOf(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint));
  return Array.from(new Uint8Array(digest).slice(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(key: string): Uint8Array<ArrayBuffer> {
  const text = atob(key.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function isSame(one: ArrayBuffer | null, other: Uint8Array): boolean {
  if (!one) return false;
  const bytes = new Uint8Array(one);
  return bytes.length === other.length && bytes.every((byte, index) => byte === other[index]);
}
