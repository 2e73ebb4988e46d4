// What was done here and is not with the unit yet, as state: the badge in the bar, the page /queue, marks in lists of tasks.

import { newKey } from '../api/client';
import { session } from '../app/session.svelte';
import { hub } from '../live/hub.svelte';
import { now } from '../live/now.svelte';
import { hear, send, tell } from './send';
import { allOf, enqueue, get, put, remove, type Deed, type Waiting } from './store';
import type { TaskShown, Variables } from './types';

const retryMinMs = 4_000;
const retryMaxMs = 60_000;

class Outbox {
  items = $state.raw<Waiting[]>([]);
  isSending = $state(false);
  /** Where the browser keeps nothing, work without network is not offered. */
  isAble = $state(true);
  readonly waiting = $derived(this.items.filter((item) => item.state === 'waiting'));
  /** Deeds that were refused, by task. */
  readonly conflicts = $derived(byTask(this.items.filter((item) => item.state === 'refused')));
  readonly notes = $derived(this.items.filter((item) => item.state === 'note'));
  /** What the bar counts: things that wait, without their photos, and tasks with a conflict. */
  readonly count = $derived(byTask(this.waiting).length + this.conflicts.length);
  #retry: ReturnType<typeof setTimeout> | undefined;
  #wait = retryMinMs;
  #again = false;

  start(): void {
    if (typeof indexedDB === 'undefined') {
      this.isAble = false;
      return;
    }
    hear(() => this.read());
    window.addEventListener('online', () => this.#soon());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#soon();
    });
    $effect.root(() => {
      $effect(() => {
        if (session.state !== 'in') return;
        void session.principal;
        void this.read().then(() => this.flush());
      });
      $effect(() => {
        if (hub.state === 'live') this.#soon();
      });
      $effect(() => {
        const shown = navigator as Navigator & { setAppBadge?: (count: number) => Promise<void> };
        shown.setAppBadge?.(this.count).catch(() => {});
      });
    });
  }

  /** Reads what is in the outbox. */
  async read(): Promise<void> {
    try {
      this.items = session.principal === 'anonymous' ? [] : await allOf('outbox', session.principal);
    } catch {
      this.isAble = false;
    }
  }

  /** Puts in what was done, with the photos that it names; it is on the disk when this answers. */
  async add(task: TaskShown, operation: Deed, more: { variables?: Variables; files?: string[]; key?: string; at?: string } = {}): Promise<void> {
    const at = more.at ?? new Date(now.business).toISOString();
    const about = [task.process, task.business_key].filter(Boolean).join(' · ');
    const common = { user: session.principal, task: task.task, title: task.title ?? task.name ?? task.kind, about, at, state: 'waiting' as const };
    const photos = (more.files ?? []).map((file) => ({ ...common, operation: 'file.create' as const, file, key: newKey() }));
    const deed: Omit<Waiting, 'seq'> = { ...common, operation, key: more.key ?? newKey() };
    if (more.variables) deed.variables = $state.snapshot(more.variables) as Variables;
    await enqueue([...photos, deed]);
    await this.read();
    tell();
    // A browser that is short of room lets go of what was not asked to be kept.
    void navigator.storage?.persist?.();
    void wakeLater();
    this.#later();
  }

  /** Sends what waits. */
  async flush(): Promise<void> {
    if (this.isSending) {
      this.#again = true;
      return;
    }
    if (this.waiting.length === 0 || session.state !== 'in') return;
    this.isSending = true;
    const outcome = await send().catch(() => 'later' as const);
    this.isSending = false;
    await this.read();
    if (outcome === 'done') this.#wait = retryMinMs;
    if (outcome === 'later') this.#later();
    if (outcome === 'out') void session.again().then(() => this.flush());
    else if (this.#again) void this.#repeat();
  }

  /** Of a task: what waits for it. */
  of(task: string): Waiting[] {
    return this.items.filter((item) => item.task === task && item.state === 'waiting');
  }

  /** Takes back what was not sent yet. Answers false where it is too late. */
  async takeBack(task: string): Promise<boolean> {
    const items = this.of(task);
    for (const { seq } of items) {
      const current = await get('outbox', seq);
      if (current?.state === 'waiting') await remove('outbox', seq);
    }
    await this.read();
    tell();
    return 0 < items.length;
  }

  async discard(items: Waiting[]): Promise<void> {
    for (const { seq } of items) await remove('outbox', seq);
    await this.read();
    tell();
  }

  /** Keeps what was refused as a note of one's own. */
  async keepAsNote(items: Waiting[]): Promise<void> {
    for (const item of items) await put('outbox', { ...item, state: 'note' });
    await this.read();
    tell();
  }

  /** Sends refused things once more, as new ones. */
  async sendAgain(items: Waiting[]): Promise<void> {
    for (const item of items) {
      const { refusal: _, theirs: __, ...rest } = item;
      await put('outbox', { ...rest, state: 'waiting', key: newKey() });
    }
    await this.read();
    tell();
    await this.flush();
  }

  #repeat(): Promise<void> {
    this.#again = false;
    return this.flush();
  }

  #soon(): void {
    clearTimeout(this.#retry);
    this.#wait = retryMinMs;
    void this.flush();
  }

  #later(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.flush(), this.#wait);
    this.#wait = Math.min(retryMaxMs, this.#wait * 2);
  }
}

/** Asks the browser to wake the service worker when there is network, even where the page is closed by then. */
async function wakeLater(): Promise<void> {
  try {
    const ready = (await navigator.serviceWorker?.ready) as (ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } }) | undefined;
    await ready?.sync?.register('craton.outbox');
  } catch {
    // Not every browser has it; then the page sends when it is open.
  }
}

/** Things by their task, in the order of the first of each. */
export function byTask(items: Waiting[]): { task: string; items: Waiting[] }[] {
  const groups = new Map<string, Waiting[]>();
  for (const item of items) groups.set(item.task, [...(groups.get(item.task) ?? []), item]);
  return [...groups].map(([task, items]) => ({ task, items }));
}

export const outbox = new Outbox();
