// The one connection of this tab to `/v1/live`, shared by all views on the page.
//
// It asks for the topics that mounted views want, and connects anew where they change. Each view has the commit up to which it has surely
// heard; where the unit stands elsewhere when it greets, the view is read again: nothing is missed between its first read and the greeting,
// nor over a break. Where the stream is refused or not there, views are polled. A hidden tab holds no connection.

import { session } from '../app/session.svelte';

type Read = () => unknown;
type State = 'off' | 'live' | 'connecting' | 'polling';

interface View {
  topics: string[];
  read: Read;
  /** What it has read has all up to this commit; 0 where the unit has not told any. */
  commit: number;
}

const pollMs = 5_000;
/** How long a change of topics waits for others: a page mounts many views at once. */
const settleMs = 60;
/** How long a hidden tab keeps listening. */
const hiddenMs = 20_000;
/** After a refused stream: when it is tried again. */
const refusedMs = 60_000;

class Hub {
  state = $state<State>('off');
  #views = new Set<View>();
  #source: EventSource | undefined;
  /** What the stream was asked for; it tells nothing of other topics. */
  #asked = '';
  #topics = new Set<string>();
  /** The last commit that the unit has told. */
  #commit = 0;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #hide: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#visible());
    window.addEventListener('online', () => this.#again());
  }

  /** Has `read` called when one of the topics has changed. Returns how to stop. */
  watch(topics: string[], read: Read): () => void {
    if (topics.length === 0) return () => {};
    const view = { topics, read, commit: this.#commit || session.commit };
    this.#views.add(view);
    this.#later();
    return () => {
      this.#views.delete(view);
      this.#later();
    };
  }

  #later(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#connect(), settleMs);
  }

  #connect(): void {
    const topics = [...new Set([...this.#views].flatMap((view) => view.topics))].sort();
    const asked = topics.map((topic) => `watch=${encodeURIComponent(topic)}`).join('&');
    if (asked === '') return this.#close('off');
    if (asked === this.#asked && (this.#source || this.#poll)) return;
    if (document.hidden && this.#asked !== '') return;
    this.#close('connecting');
    this.#asked = asked;
    this.#topics = new Set(topics);
    const source = new EventSource(`/v1/live?${asked}`);
    this.#source = source;
    source.addEventListener('hello', (event) => this.#hello(event));
    source.addEventListener('changed', (event) => this.#changed(event));
    source.addEventListener('ended', () => {
      this.#close('off');
      void session.again().then(() => this.#again());
    });
    source.addEventListener('error', () => {
      // A closed source was refused: by a unit without this door, or by who may not. An open one reconnects by itself.
      if (source.readyState === EventSource.CLOSED) this.#refused();
      else this.state = 'connecting';
    });
  }

  #hello(event: MessageEvent<string>): void {
    const { commit } = JSON.parse(event.data) as { commit: number };
    this.state = 'live';
    this.#heard(commit, (view) => view.commit !== commit);
  }

  #changed(event: MessageEvent<string>): void {
    const { commit, topics } = JSON.parse(event.data) as { commit: number; topics: string[] };
    this.#heard(commit, (view) => view.topics.some((want) => topics.some((topic) => concerns(topic, want))));
  }

  /** Has views read again that the stream tells of; one that came after the stream was asked for hears from the next. */
  #heard(commit: number, isConcerned: (view: View) => boolean): void {
    this.#commit = commit;
    for (const view of [...this.#views]) {
      if (!view.topics.every((topic) => this.#topics.has(topic))) continue;
      if (isConcerned(view)) view.read();
      view.commit = commit;
    }
  }

  #refused(): void {
    this.#source = undefined;
    this.state = 'polling';
    this.#poll ??= setInterval(() => {
      if (!document.hidden) this.#readAll();
    }, pollMs);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.#again(), refusedMs);
  }

  #again(): void {
    this.#asked = '';
    this.#connect();
  }

  #visible(): void {
    clearTimeout(this.#hide);
    if (document.hidden) {
      this.#hide = setTimeout(() => this.#close('off'), hiddenMs);
      return;
    }
    if (this.#source || this.#views.size === 0) return;
    this.#readAll();
    this.#again();
  }

  #readAll(): void {
    for (const { read } of [...this.#views]) read();
  }

  #close(state: State): void {
    this.#source?.close();
    this.#source = undefined;
    clearInterval(this.#poll);
    this.#poll = undefined;
    this.#asked = '';
    this.state = state;
  }
}

/** A view of a kind wants changes of each of its resources; a view of a resource wants those of its kind told as a whole. */
function concerns(topic: string, want: string): boolean {
  return topic === want || topic.startsWith(`${want}/`) || want.startsWith(`${topic}/`);
}

export const hub = new Hub();
