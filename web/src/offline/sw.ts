// The service worker: the console opens without network, what waits is sent when the signal is back, and tasks are told while it is closed.
//
// Kept are files of the console alone, by their hashed names; what the unit answers never is. Pages come from the network where there is one, so
// that a new version of the console is there at once.

import { send } from './send';

/** What this file uses of a worker's scope: TypeScript knows either pages or workers. */
interface Waits extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface Asked extends Waits {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Pushed extends Waits {
  data: { json(): unknown } | null;
}
interface Clicked extends Waits {
  notification: Notification;
}
interface OpenWindow {
  visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
interface Scope {
  location: Location;
  registration: ServiceWorkerRegistration;
  clients: {
    claim(): Promise<void>;
    matchAll(options: object): Promise<OpenWindow[]>;
    openWindow(path: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', act: (event: Waits) => void): void;
  addEventListener(type: 'fetch', act: (event: Asked) => void): void;
  addEventListener(type: 'sync', act: (event: Waits & { tag: string }) => void): void;
  addEventListener(type: 'push', act: (event: Pushed) => void): void;
  addEventListener(type: 'notificationclick', act: (event: Clicked) => void): void;
}
declare const self: Scope;
/** The files of the shell, and a name that changes with them. Put in by scripts/sw.mjs. */
declare const __SHELL__: string[];
declare const __VERSION__: string;

const prefix = 'craton.shell.';
const shell = prefix + __VERSION__;
/** Files of pages that somebody has opened, beyond the shell. */
const used = 'craton.used';
/** With a bad signal a page is shown from what is kept rather than waited for. */
const patienceMs = 4_000;

self.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(shell);
      // Hashed names never change; the page itself does.
      const requestOf = (path: string) =>
        new Request(path, {
          cache: path.startsWith('/assets/') ? 'default' : 'reload',
          headers: path.endsWith('.html') ? { accept: 'text/html' } : {},
        });
      await cache.addAll(__SHELL__.map(requestOf));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      const shells = (await caches.keys()).filter((name) => name.startsWith(prefix) && name !== shell);
      // A tab of the version before may still be open: its files stay until the next one.
      for (const name of shells.slice(0, -1)) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    // Identity providers, and what the unit shows by itself.
    const isForeign = /^\/(v1|health|metrics|sign-in\/.)/.test(url.pathname);
    if (!isForeign) event.respondWith(page(request));
  } else if (url.pathname.startsWith('/assets/') || __SHELL__.includes(url.pathname)) {
    event.respondWith(file(request));
  }
});

async function page(request: Request): Promise<Response> {
  const kept = await (await caches.open(shell)).match('/index.html', { ignoreVary: true });
  if (!kept) return fetch(request);
  try {
    const late = new Promise<Response>((resolve) => setTimeout(() => resolve(kept.clone()), patienceMs));
    const answer = await Promise.race([fetch(request), late]);
    return answer.status < 500 ? answer : kept;
  } catch {
    return kept;
  }
}

async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && new URL(request.url).pathname.startsWith('/assets/')) {
    const copy = answer.clone();
    await (await caches.open(used)).put(request, copy);
  }
  return answer;
}

// The browser wakes this when there is network again, even where no page is open.
self.addEventListener('sync', (event) => {
  if (event.tag !== 'craton.outbox') return;
  event.waitUntil(
    send().then((outcome) => {
      // A failed turn has the browser try again later.
      if (outcome === 'later') throw new Error('not sent yet');
    }),
  );
});

interface Told {
  kind: string;
  task?: string;
  title?: string;
  process?: string;
  text?: string;
}

self.addEventListener('push', (event) => {
  let told: Told = { kind: 'unknown' };
  try {
    told = event.data?.json() as Told;
  } catch {
    // The browser wants something to be shown in any case.
  }
  const title = told.title ?? 'Craton';
  const options: NotificationOptions & { renotify?: boolean } = {
    body: [told.text, told.process].filter(Boolean).join(' · '),
    icon: '/icon-192.png',
    badge: '/badge-96.png',
    data: { path: told.task ? `/tasks/${encodeURIComponent(told.task)}` : '/tasks' },
  };
  // News of one task replace each other.
  if (told.task) Object.assign(options, { tag: `task-${told.task}`, renotify: true });
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { path = '/tasks' } = (event.notification.data ?? {}) as { path?: string };
  event.waitUntil(
    (async () => {
      const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
      const open = windows.find((each) => each.visibilityState === 'visible') ?? windows[0];
      if (!open) return void (await self.clients.openWindow(path));
      await open.focus();
      // The page itself goes there, so that what is typed on it can be asked about.
      open.postMessage({ go: path });
    })(),
  );
});
