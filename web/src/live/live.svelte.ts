// Live views: what is on a page is read again when a commit has changed it.
//
//   const tasks = live(['task'], (signal) => call('task.list', { limit: 50 }, { signal }));
//   tasks.value, tasks.problem, tasks.isLoading, tasks.reload()
//
// A tab has one connection for all its views (`hub`). The unit says which topics have changed; the page reads by ordinary operations.

import { Problem } from '../api/problem';
import { hub } from './hub.svelte';
import { turns } from './turns';

export interface Live<Value> {
  /** What was read last; stays while it is read again. */
  readonly value: Value | undefined;
  /** Why it could not be read the last time. */
  readonly problem: Problem | undefined;
  /** True from the first read to its answer, and again where what is read depends on something that has changed. */
  readonly isLoading: boolean;
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

  const reads = turns(async (signal) => {
    try {
      // What `load` reads before it first waits is what it depends on.
      const answer = await load(signal);
      if (signal.aborted) return undefined;
      value = answer;
      problem = undefined;
    } catch (thrown) {
      const met = Problem.of(thrown);
      if (signal.aborted || met.isAborted) return undefined;
      problem = met;
    }
    isLoading = false;
    return problem;
  });

  $effect(() => {
    isLoading = true;
    void reads.now();
    return reads.stop;
  });
  $effect(() => hub.watch(typeof topics === 'function' ? topics() : topics, reads.changed));

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
    reload: reads.now,
  };
}
