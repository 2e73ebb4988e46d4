// What can be done to many instances at once, and to whom it is offered.

import { may } from '../../app/session.svelte';
import { t, word } from '../../i18n/index.svelte';
import type { IconName } from '../../ui/icons';
import type { BulkFilter } from './answers';

export type Action = 'retry' | 'suspend' | 'resume' | 'migrate' | 'cancel';

const actions: Record<Action, { needs: string; icon: IconName }> = {
  retry: { needs: 'incident.resolve', icon: 'retry' },
  suspend: { needs: 'instance.suspend', icon: 'pause' },
  resume: { needs: 'instance.resume', icon: 'play' },
  migrate: { needs: 'instance.migrate', icon: 'move' },
  cancel: { needs: 'instance.cancel', icon: 'stop' },
};

/** Returns what is offered to who is here: a bulk operation makes its calls as who started it. */
export function offered(): Action[] {
  return may('bulk.start') ? (Object.keys(actions) as Action[]).filter((action) => may(actions[action].needs)) : [];
}

export function iconOf(action: Action): IconName {
  return actions[action].icon;
}

/** What a filter says beside the process, in words. */
export function wordsOf(filter: BulkFilter): string[] {
  const { element, code, version, state, older_than, variable, value } = filter;
  return [
    element,
    code,
    version ? t('processes.version_n', { n: version }) : undefined,
    state ? word('states', state) : undefined,
    older_than ? t('incidents.older', { period: older_than }) : undefined,
    variable ? `${variable} = ${typeof value === 'string' ? value : JSON.stringify(value)}` : undefined,
  ].filter((each) => each !== undefined);
}
