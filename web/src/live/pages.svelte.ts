// Long lists, page by page and live: what `Table` shows of a list with `next`.
//
//   const list = pages(['instance'], (after, signal) => call('instance.list', { process, after, limit: 100 }, { signal }));
//   <Table rows={list.items} next={list.next} onmore={list.more} ... />

import type { Page } from '../api/answers';
import { Problem } from '../api/problem';
import { hub } from './hub.svelte';

/** As many pages are read again at a change; of a longer list it is only said that it has changed. */
const pagesAgainMax = 3;

export interface Pages<Item> {
  readonly items: Item[];
  /** What comes behind the last item; nothing where the list ends. */
  readonly next: string | undefined;
  readonly problem: Problem | undefined;
  /** True while there is nothing to show yet. */
  readonly isLoading: boolean;
  /** True while a further page is read. */
  readonly isMore: boolean;
  /** True where the list has changed and is too long to be read again unasked. */
  readonly isStale: boolean;
  more(): Promise<void>;
  reload(): Promise<void>;
}

/** Reads the first page, further ones on demand, and all shown ones again when a topic or a rune that `load` reads changes. */
export function pages<Item>(
  topics: string[] | (() => string[]),
  load: (after: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
): Pages<Item> {
  let items = $state.raw<Item[]>([]);
  let next = $state.raw<string>();
  let problem = $state.raw<Problem>();
  let isLoading = $state(true);
  let isMore = $state(false);
  let isStale = $state(false);
  let count = 1;
  let under: AbortController | undefined;

  /** Reads so many pages from the beginning, and puts them in place of what is shown. */
  async function read(wanted: number): Promise<void> {
    under?.abort();
    const mine = new AbortController();
    under = mine;
    isMore = false;
    try {
      const all: Item[] = [];
      let after: string | undefined;
      for (let page = 0; page < wanted; page += 1) {
        const answer = await load(after, mine.signal);
        if (under !== mine) return;
        all.push(...answer.items);
        after = answer.next ?? undefined;
        if (after === undefined) break;
      }
      items = all;
      next = after;
      count = wanted;
      problem = undefined;
      isStale = false;
    } catch (thrown) {
      const met = Problem.of(thrown);
      if (under !== mine || met.isAborted) return;
      problem = met;
    }
    isLoading = false;
  }

  async function more(): Promise<void> {
    if (next === undefined || isMore || isLoading) return;
    isMore = true;
    const mine = under;
    try {
      const answer = await load(next, mine?.signal ?? new AbortController().signal);
      if (under !== mine) return;
      items = [...items, ...answer.items];
      next = answer.next ?? undefined;
      count += 1;
    } catch (thrown) {
      const met = Problem.of(thrown);
      if (under === mine && !met.isAborted) problem = met;
    }
    isMore = false;
  }

  $effect(() => {
    isLoading = true;
    void read(1);
    return () => under?.abort();
  });
  $effect(() =>
    hub.watch(typeof topics === 'function' ? topics() : topics, () => {
      if (count <= pagesAgainMax) void read(count);
      else isStale = true;
    }),
  );

  return {
    get items() {
      return items;
    },
    get next() {
      return next;
    },
    get problem() {
      return problem;
    },
    get isLoading() {
      return isLoading;
    },
    get isMore() {
      return isMore;
    },
    get isStale() {
      return isStale;
    },
    more,
    reload: () => read(1),
  };
}
