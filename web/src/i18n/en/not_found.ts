// English: the room `not_found`.

export const not_found = {
  title: 'No such page',
  text: 'The address leads nowhere, or to something that is not for you.',
  home: 'Go home',
} as const;
