// Who is here, what he may do, and how he comes and goes.

import type { Whoami } from '../api/answers';
import { call, onSessionEnd } from '../api/client';
import { Problem, problemOf } from '../api/problem';
import { setWho, who, wipe, type Who } from '../offline/store';

type State = 'unknown' | 'out' | 'in' | 'ended';

/** So long the unit may take to say who is here before what is kept of it stands in. */
const patienceMs = 3_000;
const againMs = 10_000;

class Session {
  /** `ended`: somebody was in, and must sign in again over the page. */
  state = $state<State>('unknown');
  principal = $state('anonymous');
  roles = $state.raw<string[]>([]);
  /** At which commit the unit was when it said who is here; 0 where it could not be asked. */
  commit = 0;
  /** Why it is not known who is here: the unit cannot be reached. */
  problem = $state.raw<Problem>();
  /** Null where the unit does not tell what one may do: then everything is offered, and the unit refuses. */
  #mine = $state.raw<Record<string, 'all' | 'some'> | null>(null);
  /** True where the unit could not be asked yet: who is here is what this browser remembers, and nothing but what it keeps is there. */
  isAlone = $state(false);
  #waiting: (() => void)[] = [];
  #mayLeave: () => Promise<boolean> = async () => true;

  /** All that one may do, where the unit tells it. */
  get operations(): Record<string, 'all' | 'some'> | null {
    return this.#mine;
  }

  /** The name without its type. */
  readonly user = $derived(this.principal.replace(/^[a-z]+:/, ''));

  /** Says whether an operation is to be offered: on some resource at least. */
  may(operation: string): boolean {
    return this.#mine === null || this.#mine[operation] !== undefined;
  }

  /** Says whether an operation is permitted on all resources of its kind. */
  mayAll(operation: string): boolean {
    return this.#mine === null || this.#mine[operation] === 'all';
  }

  /** Learns who is here; never throws. */
  async start(): Promise<void> {
    this.problem = undefined;
    const kept = await who().catch(() => undefined);
    try {
      const asked = call('unit.whoami', {}, { quiet: true, once: kept !== undefined });
      await this.#enter(await (kept ? inTime(asked) : asked));
    } catch (thrown) {
      const problem = Problem.of(thrown);
      if (kept && problem.kind !== 'unauthenticated') return this.#remember(kept);
      this.state = 'out';
      if (problem.kind !== 'unauthenticated') this.problem = problem;
    }
  }

  /** Signs in with a password. The cookie comes with the answer; no script sees a token. */
  async signIn(user: string, password: string): Promise<void> {
    await this.#post('/sign-in', { user, password });
    await this.#arrived();
  }

  async signOut(): Promise<void> {
    if (!(await this.#mayLeave())) return;
    await this.#post('/sign-out', {});
    await wipe(this.principal).catch(() => {});
    // Nothing of what was on the page is left for who comes next.
    window.location.assign('/sign-in');
  }

  /** Reads anew what one may do: roles change while people work. Where the unit cannot be asked, what was known stays. */
  async refresh(): Promise<void> {
    if (this.state !== 'in' || this.isAlone) return;
    try {
      const { operations } = await call('policy.mine', {}, { quiet: true, once: true });
      if (JSON.stringify(operations) === JSON.stringify(this.#mine)) return;
      this.#mine = operations;
      await this.#keep();
    } catch {
      // The next look may find out.
    }
  }

  /** Opens the layer to sign in again, and waits until somebody has. */
  again = (): Promise<void> => {
    if (this.state === 'in') this.state = 'ended';
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  /** Looks whether somebody has signed in again in another tab: then what waits here goes on, too. */
  async look(): Promise<void> {
    try {
      if (this.state !== 'ended') return;
      const now = await call('unit.whoami', {}, { quiet: true, once: true });
      if (now.principal === this.principal) await this.#resume(now);
    } catch {
      // Nobody has.
    }
  }

  /** Sets what is asked before somebody signs out. */
  set askToLeave(ask: () => Promise<boolean>) {
    this.#mayLeave = ask;
  }

  /** Goes on as who was here last, and asks the unit until it answers. */
  #remember(kept: Who): void {
    this.principal = kept.principal;
    this.roles = kept.roles;
    this.#mine = kept.operations;
    this.state = 'in';
    this.isAlone = true;
    const timer = setInterval(() => void ask(), againMs);
    const ask = async () => {
      try {
        const now = await call('unit.whoami', {}, { quiet: true, once: true });
        stop();
        if (now.principal !== kept.principal) return await this.again();
        this.#take(now);
        await this.#learn();
      } catch (thrown) {
        if (Problem.of(thrown).kind !== 'unauthenticated') return;
        stop();
        await this.again();
      }
      this.isAlone = false;
    };
    const stop = () => {
      clearInterval(timer);
      window.removeEventListener('online', ask);
    };
    window.addEventListener('online', ask);
  }

  async #arrived(): Promise<void> {
    const before = this.state === 'ended' ? this.principal : undefined;
    const now = await call('unit.whoami', {}, { quiet: true });
    if (before !== undefined && before !== now.principal) {
      // Somebody else: what is on the page is not his.
      window.location.assign('/');
      return;
    }
    await this.#resume(now);
  }

  async #resume(now: Whoami): Promise<void> {
    await this.#enter(now);
    this.isAlone = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Learns what one may do before a page is shown: it asks for what it may alone. */
  async #enter(now: Whoami): Promise<void> {
    if (now.principal !== 'anonymous') await this.#ask();
    this.#take(now);
    await this.#keep();
  }

  #take(now: Whoami): void {
    this.principal = now.principal;
    this.roles = now.roles;
    this.commit = now.commit;
    this.state = now.principal === 'anonymous' ? 'out' : 'in';
  }

  async #learn(): Promise<void> {
    await this.#ask();
    await this.#keep();
  }

  async #ask(): Promise<void> {
    try {
      this.#mine = (await call('policy.mine', {}, { quiet: true })).operations;
    } catch {
      this.#mine = null;
    }
  }

  async #keep(): Promise<void> {
    if (this.state === 'in') await setWho({ principal: this.principal, roles: this.roles, operations: this.#mine }).catch(() => {});
  }

  async #post(path: string, body: object): Promise<void> {
    let response: Response;
    try {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'same-origin' });
    } catch {
      throw Problem.unreachable();
    }
    if (!response.ok) throw await problemOf(response);
  }
}

/** Gives up waiting after a while. */
function inTime<Value>(asked: Promise<Value>): Promise<Value> {
  return Promise.race([asked, new Promise<never>((_, reject) => setTimeout(() => reject(Problem.unreachable()), patienceMs))]);
}

export const session = new Session();
onSessionEnd(session.again);

/** Says whether an operation is to be offered to who is here: `may('task.complete')`. */
export const may = (operation: string): boolean => session.may(operation);
export const mayAll = (operation: string): boolean => session.mayAll(operation);
