// English: the help for the keyboard.

export const keys = {
  title: 'Keyboard',
  anywhere: 'Anywhere',
  palette: 'Go to a page or resource',
  help: 'Show these keys',
  close: 'Close, or leave a field',
  go: 'Go to',
  table: 'In a table',
  move: 'Next and previous row',
  ends: 'First and last row',
  open: 'Open the row',
  select: 'Select the row',
  filter: 'To the filter',
  run: 'Run the statement, or what is selected of it',
} as const;
