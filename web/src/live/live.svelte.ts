// Live views: what is on a page is read again when a commit has changed it.
//
//   const tasks = live(['task'], (signal) => call('task.list', { limit: 50 }, { signal }));
//   tasks.value, tasks.problem, tasks.isLoading, tasks.reload()
//
// A tab has one connection for all its views (`hub`). The unit says which topics have changed; the page reads by ordinary operations.

import { Problem } from '../api/problem';
import { hub } from './hub.svelte';

export interface Live<Value> {
  /** What was read last; stays while it is read again. */
  readonly value: Value | undefined;
  /** Why it could not be read the last time. */
  readonly problem: Problem | undefined;
  /** True from the first read to its answer, and again where what is read depends on something that has changed. */
  readonly isLoading: boolean;
  /** When it was read. */
  readonly at: Date | undefined;
  reload(): Promise<void>;
}

/**
 * Reads, and reads again when a topic changes, or a rune that `load` reads. To be called while a component is made.
 * Topics are kinds (`task`) or resources (`stream/orders`); a function where they depend on runes.
 */
export function live<Value>(topics: string[] | (() => string[]), load: (signal: AbortSignal) => Promise<Value>): Live<Value> {
  let value = $state.raw<Value>();
  let problem = $state.raw<Problem>();
  let isLoading = $state(true);
  let at = $state.raw<Date>();
  let under: AbortController | undefined;

  async function take(promise: Promise<Value>, mine: AbortController): Promise<void> {
    try {
      const answer = await promise;
      if (under !== mine) return;
      value = answer;
      problem = undefined;
      at = new Date();
    } catch (thrown) {
      const met = Problem.of(thrown);
      if (under !== mine || met.isAborted) return;
      problem = met;
    }
    isLoading = false;
  }

  function begin(): Promise<void> {
    under?.abort();
    const mine = new AbortController();
    under = mine;
    return take(
      // What `load` reads before it first waits is what it depends on.
      (async () => load(mine.signal))(),
      mine,
    );
  }

  $effect(() => {
    isLoading = true;
    void begin();
    return () => under?.abort();
  });
  $effect(() => hub.watch(typeof topics === 'function' ? topics() : topics, () => begin()));

  return {
    get value() {
      return value;
    },
    get problem() {
      return problem;
    },
    get isLoading() {
      return isLoading;
    },
    get at() {
      return at;
    },
    reload: begin,
  };
}
