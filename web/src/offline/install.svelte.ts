// The console on the home screen: where the browser offers it, and how it is done where it does not.

import { recall, remember } from '../app/kept';

interface InstallEvent extends Event {
  prompt(): Promise<void>;
}

class Install {
  /** The browser's own question, which may be put once. */
  #event = $state.raw<InstallEvent>();
  isDone = $state(window.matchMedia('(display-mode: standalone)').matches);
  isRefused = $state(recall<boolean>('install.refused') ?? false);
  /** Safari on a phone has no question; it is said how it is done. */
  readonly isByHand = /iPhone|iPad|iPod/.test(navigator.userAgent) || (navigator.userAgent.includes('Mac') && 1 < navigator.maxTouchPoints);

  get isOffered(): boolean {
    return !this.isDone && (this.#event !== undefined || this.isByHand);
  }

  get canAsk(): boolean {
    return this.#event !== undefined;
  }

  start(): void {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      this.#event = event as InstallEvent;
    });
    window.addEventListener('appinstalled', () => {
      this.isDone = true;
      this.#event = undefined;
    });
  }

  async ask(): Promise<void> {
    await this.#event?.prompt();
    this.#event = undefined;
  }

  refuse(): void {
    this.isRefused = true;
    remember('install.refused', true);
  }
}

export const install = new Install();
export const startInstall = (): void => install.start();
