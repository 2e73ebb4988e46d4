// Where we are: the address of the page as state, and ways to go elsewhere. The browser's history, no hash.

import { match, queryText, type QueryValues } from './routes';

class Router {
  /** The address as it stands. */
  url = $state.raw(new URL(window.location.href));
  /** Counts moves, so that a page can tell a return from a first visit. */
  moves = $state(0);
  readonly path = $derived(this.url.pathname);
  readonly query = $derived(this.url.searchParams);
  readonly found = $derived(match(this.url.pathname));

  /** Pages that hold what is typed and not sent say so here; leaving then asks first. */
  #holds = new Set<() => boolean>();
  #askToLeave: () => Promise<boolean> = async () => true;

  /** Goes to an address of the console. */
  async go(to: string, options: { replace?: boolean; keepScroll?: boolean } = {}): Promise<void> {
    const url = new URL(to, window.location.href);
    if (url.pathname !== this.url.pathname && !(await this.#mayLeave())) return;
    saveScroll();
    const state = { scroll: 0 };
    if (options.replace) window.history.replaceState(state, '', url);
    else window.history.pushState(state, '', url);
    this.#arrive(url);
    if (!options.keepScroll) scrollLater(0);
  }

  /** Changes some values of the query and stays on the page: filters, tabs, sorting. */
  set(values: QueryValues, options: { push?: boolean } = {}): void {
    const merged: QueryValues = { ...Object.fromEntries(this.query), ...values };
    const text = queryText(merged);
    const url = new URL(this.url);
    url.search = text;
    if (url.href === this.url.href) return;
    if (options.push) window.history.pushState({ scroll: window.scrollY }, '', url);
    else window.history.replaceState(window.history.state, '', url);
    this.#arrive(url);
  }

  /** Keeps the page while `isDirty` says that something typed would be lost. Returns how to let go. */
  hold(isDirty: () => boolean): () => void {
    this.#holds.add(isDirty);
    return () => this.#holds.delete(isDirty);
  }

  /** Sets how it is asked whether to leave; the shell does. */
  set ask(ask: () => Promise<boolean>) {
    this.#askToLeave = ask;
  }

  start(): void {
    window.history.scrollRestoration = 'manual';
    window.addEventListener('popstate', (event) => void this.#back(event));
    window.addEventListener('beforeunload', (event) => {
      if (this.#isHeld()) event.preventDefault();
    });
    document.addEventListener('click', (event) => this.#follow(event));
  }

  #arrive(url: URL): void {
    this.url = url;
    this.moves += 1;
  }

  async #back(event: PopStateEvent): Promise<void> {
    const to = new URL(window.location.href);
    if (to.pathname !== this.url.pathname && this.#isHeld()) {
      // The browser has moved already: it is put back until the answer is there.
      window.history.pushState(null, '', this.url);
      if (!(await this.#askToLeave())) return;
      this.#holds.clear();
      window.history.pushState(null, '', to);
    }
    this.#arrive(to);
    scrollLater((event.state as { scroll?: number } | null)?.scroll ?? 0);
  }

  async #mayLeave(): Promise<boolean> {
    if (!this.#isHeld()) return true;
    if (!(await this.#askToLeave())) return false;
    this.#holds.clear();
    return true;
  }

  #isHeld(): boolean {
    return [...this.#holds].some((isDirty) => isDirty());
  }

  /** Has a plain click on a link of the console move without a new load. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download') || link.dataset.outside !== undefined) return;
    const to = new URL(link.href, window.location.href);
    if (to.origin !== window.location.origin || !match(to.pathname)) return;
    const isAnchor = to.pathname === this.url.pathname && to.search === this.url.search && to.hash !== '';
    if (isAnchor) return;
    event.preventDefault();
    void this.go(to.href);
  }
}

function saveScroll(): void {
  window.history.replaceState({ ...(window.history.state as object | null), scroll: window.scrollY }, '');
}

/** The page may grow before the place is there: it is tried for some frames. */
function scrollLater(to: number): void {
  let frames = 0;
  const step = () => {
    window.scrollTo({ top: to, behavior: 'instant' });
    frames += 1;
    if (Math.abs(window.scrollY - to) > 1 && frames < 30) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

export const router = new Router();
export const startRouter = (): void => router.start();
/** Goes to an address of the console: `go(href('task', { id }))`. */
export const go = (to: string, options?: { replace?: boolean }): Promise<void> => router.go(to, options);
