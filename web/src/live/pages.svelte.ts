// Long lists, page by page and live: what `Table` shows of a list with `next`.
//
//   const list = pages(['instance'], (after, signal) => call('instance.list', { process, after, limit: 100 }, { signal }));
//   <Table rows={list.items} next={list.next} onmore={list.more} ... />

import type { Page } from '../api/answers';
import { Problem } from '../api/problem';
import { hub } from './hub.svelte';
import { turns, type Turns } from './turns';

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
  /** Pages that are shown. */
  let count = 1;
  /** What the next read brings: so many pages from the beginning, or the one behind those that are shown. */
  let wanted: number | 'more' = 1;
  /** What came up while something else was read. */
  let isMoreDue = false;
  let isAgainDue = false;

  const reads: Turns = turns(async (signal) => {
    const isFurther = wanted === 'more';
    const many = wanted === 'more' ? 1 : wanted;
    const all: Item[] = isFurther ? [...items] : [];
    let after = isFurther ? next : undefined;
    try {
      for (let page = 0; page < many; page += 1) {
        const answer = await load(after, signal);
        if (signal.aborted) return undefined;
        all.push(...answer.items);
        after = answer.next ?? undefined;
        if (after === undefined) break;
      }
      items = all;
      next = after;
      count = isFurther ? count + 1 : many;
      wanted = count;
      problem = undefined;
      isStale &&= isFurther;
    } catch (thrown) {
      const met = Problem.of(thrown);
      if (signal.aborted || met.isAborted) return undefined;
      problem = met;
      isLoading = isMore = isMoreDue = false;
      if (!met.isBusy) wanted = count;
      return met;
    }
    isLoading = false;
    isMore = isMoreDue && next !== undefined;
    if (isMore) wanted = 'more';
    if (isMore || (isFurther && isAgainDue)) reads.changed();
    isAgainDue = isMore;
    isMoreDue = false;
    return undefined;
  });

  function read(many: number): Promise<void> {
    wanted = many;
    isMore = isMoreDue = isAgainDue = false;
    return reads.now();
  }

  async function more(): Promise<void> {
    if (next === undefined || isMore) return;
    isMore = true;
    isMoreDue = reads.isReading();
    if (isMoreDue) return;
    wanted = 'more';
    await reads.now();
  }

  function changed(): void {
    if (pagesAgainMax < count) isStale = true;
    else if (wanted === 'more') isAgainDue = true;
    else reads.changed();
  }

  $effect(() => {
    isLoading = true;
    void read(1);
    return reads.stop;
  });
  $effect(() => hub.watch(typeof topics === 'function' ? topics() : topics, changed));

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
