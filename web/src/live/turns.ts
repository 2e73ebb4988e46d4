// When a view is read: one read at a time, and by itself where the unit was busy or could not be reached.

import type { Problem } from '../api/problem';

/** The least time between two reads because of changes: a unit may commit thousands of times a second. */
const restMs = 500;
/** After so long what could not be read is tried again, where the unit did not say when. */
const againMs = 5_000;

export interface Turns {
  /** Reads at once, in place of a read that is under way. */
  now(): Promise<void>;
  /** Reads again because something has changed: after the read that is under way, which is never broken off for that. */
  changed(): void;
  isReading(): boolean;
  stop(): void;
}

/** `read` answers what it met. It is called at once: the runes that it reads before its first `await` belong to the effect that called `now`. */
export function turns(read: (signal: AbortSignal) => Promise<Problem | undefined>): Turns {
  let under: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;
  let began = -restMs;

  async function now(): Promise<void> {
    clearTimeout(timer);
    isDue = false;
    under?.abort();
    const mine = new AbortController();
    under = mine;
    began = performance.now();
    const problem = await read(mine.signal);
    if (under !== mine) return;
    under = undefined;
    if (isDue) rested();
    else if (problem?.isBusy) later(Math.max(againMs, (problem.retryAfter ?? 0) * 1_000));
  }

  function rested(): void {
    later(Math.max(0, began + restMs - performance.now()));
  }

  function later(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void now(), ms);
  }

  return {
    now,
    changed() {
      if (under) isDue = true;
      else rested();
    },
    isReading: () => under !== undefined,
    stop() {
      clearTimeout(timer);
      under?.abort();
      under = undefined;
    },
  };
}
