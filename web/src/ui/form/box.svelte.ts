// Properties that come from outside of Svelte, as state.

/** Returns a box whose `props` a component follows. */
export function boxOf<Props>(first: Props): { readonly props: Props; set(next: Props): void } {
  let props = $state.raw(first);
  return {
    get props() {
      return props;
    },
    set(next) {
      props = next;
    },
  };
}
