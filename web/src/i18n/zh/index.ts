// All words in Chinese, by room. A new room is one line in each list.

import type { En } from '../en';
import type { Table } from '../index.svelte';
import { data } from './data';
import { decisions } from './decisions';
import { exchange } from './exchange';
import { home } from './home';
import { incidents } from './incidents';
import { keys } from './keys';
import { kinds } from './kinds';
import { not_found } from './not_found';
import { phone } from './phone';
import { processes } from './processes';
import { rules } from './rules';
import { screens } from './screens';
import { settings } from './settings';
import { shell } from './shell';
import { sign_in } from './sign_in';
import { states } from './states';
import { system } from './system';
import { tasks } from './tasks';
import { things } from './things';
import { ui } from './ui';
import { usual } from './usual';
export { errors } from './errors';

export const tables = {
  data,
  decisions,
  exchange,
  home,
  incidents,
  keys,
  kinds,
  not_found,
  phone,
  processes,
  rules,
  screens,
  settings,
  shell,
  sign_in,
  states,
  system,
  tasks,
  things,
  ui,
  usual,
} satisfies { [Room in keyof En]: Table<En[Room]> };
