// Whether the page is on a phone. One number, the same as in the styles.

const query = window.matchMedia('(max-width: 719.98px)');

class Viewport {
  isPhone = $state(query.matches);

  constructor() {
    query.addEventListener('change', () => (this.isPhone = query.matches));
  }
}

export const viewport = new Viewport();
