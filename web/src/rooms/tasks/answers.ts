// What operations of tasks answer.

import type { FormShown, TaskShown } from '../../offline/types';

declare module '../../api/answers' {
  interface Answers {
    'form.get': FormShown;
    'task.claim': TaskShown;
    'task.unclaim': TaskShown;
    'task.assign': TaskShown;
    'task.complete': { done_at?: string };
  }
}
