// The names of neighbours, by the keys that they sign with: as principals they stand as `peer:KEY`, which nobody reads. Read when one is first met.

import { call } from '../api/client';
import { may } from '../app/session.svelte';

class Peers {
  #names = $state.raw(new Map<string, string>());
  #isAsked = false;

  /** Says a principal with the name of a neighbour in place of its key; the beginning of the key where nobody here may know the name. */
  said(principal: string): string {
    const key = /^peer:([0-9a-f]{64})$/.exec(principal)?.[1];
    if (key === undefined) return principal;
    if (!this.#isAsked && may('peer.list')) {
      this.#isAsked = true;
      // Not while a page is made: what is read changes what pages stand on.
      queueMicrotask(() => void this.#read());
    }
    return `peer:${this.#names.get(key) ?? `${key.slice(0, 12)}…`}`;
  }

  async #read(): Promise<void> {
    try {
      const { items } = await call('peer.list', {}, { quiet: true });
      this.#names = new Map(items.map((row) => [row.unit, row.name]));
    } catch {
      // Keys do as well; who is met next has it read again.
      this.#isAsked = false;
    }
  }
}

export const peers = new Peers();
