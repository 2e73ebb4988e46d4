// What time it is, for all on the page: `now.wall` by the wall clock, `now.business` by the unit's business clock, in milliseconds since 1970.
//
// The two are one, unless the unit was started with a driven clock: then its business time stands until somebody moves it, and what is due, late or
// long ago goes by that. What the wall clock dates are sessions, tokens, manifests, contracts, signatures and the audit.

import type { Instant } from '../api/answers';
import { call } from '../api/client';
import { may, session } from '../app/session.svelte';
import { hub } from './hub.svelte';

/** How often what is on the page is dated anew. */
const tickMs = 15_000;

class Now {
  #ticks = $state(0);
  /** Where a driven clock stands. */
  #driven = $state<number>();
  readonly #isDriven = $derived(this.#driven !== undefined);

  constructor() {
    setInterval(() => (this.#ticks += 1), tickMs);
  }

  get wall(): number {
    void this.#ticks;
    return Date.now();
  }

  get business(): number {
    return this.#driven ?? this.wall;
  }

  /** Learns which clock the unit goes by, and follows one that is driven. */
  start(): void {
    $effect.root(() => {
      $effect(() => {
        if (session.state === 'in' && !session.isAlone && may('clock.list')) void this.#read();
      });
      $effect(() => (this.#isDriven ? hub.watch(['clock'], () => this.#read()) : undefined));
    });
  }

  async #read(): Promise<void> {
    try {
      const { business, driven } = await call('clock.list', {}, { quiet: true });
      this.#driven = driven ? Date.parse(business) : undefined;
    } catch {
      // What was known stays; the wall clock where nothing was.
    }
  }
}

export const now = new Now();

/** True where the business time of something has come: a task is late. */
export const isPast = (at: Instant | null | undefined): boolean => at !== null && at !== undefined && Date.parse(at) < now.business;
