// What any page may read; rooms answer more exactly in files of their own.

export const answers = {
  'sql.query': () => [],
};
