// Light or dark: as the system says, until somebody chooses. And how dense tables are.

import { recall, remember } from './kept';

export type Choice = 'system' | 'light' | 'dark';

const query = window.matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<Choice>(recall<Choice>('theme') ?? 'system');
  #system = $state(query.matches);
  /** What counts now. */
  readonly name = $derived<'light' | 'dark'>(this.choice === 'system' ? (this.#system ? 'dark' : 'light') : this.choice);

  start(): void {
    query.addEventListener('change', () => {
      this.#system = query.matches;
      this.#show();
    });
    this.#show();
  }

  set(choice: Choice): void {
    this.choice = choice;
    remember('theme', choice);
    this.#show();
  }

  #show(): void {
    document.documentElement.dataset.theme = this.name;
  }
}

export const theme = new Theme();
export const startTheme = (): void => theme.start();
