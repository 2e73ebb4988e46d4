// What pages work out of a process: marks for its diagram, what starts it, words for its elements.

import { compact, duration } from '../../i18n/format';
import { heats, type Mark } from '../../notation/marks';
import type { ElementRow, History } from './answers';

export type Heat = 'now' | 'time' | 'failures';

/** How long an element takes on average, in milliseconds. */
export function msMean(row: ElementRow): number | undefined {
  return 0 < row.completed ? row.ms_total / row.completed : undefined;
}

/** What the diagram of a process shows of its elements. */
export function marksOf(elements: readonly ElementRow[], heat: Heat): Record<string, Mark> {
  const marks: Record<string, Mark> = {};
  const of = (row: ElementRow): number => (heat === 'time' ? (msMean(row) ?? 0) : heat === 'failures' ? row.incidents : 0);
  const warm = heats(Object.fromEntries(elements.map((row) => [row.element, of(row)])));
  for (const row of elements) {
    const mark: Mark = {};
    if (heat === 'now') {
      // Who stands still is not counted twice.
      const moving = row.active - row.incidents;
      if (0 < moving) Object.assign(mark, { active: moving, activeText: compact(moving) });
    }
    if (heat !== 'time' && row.incidents) Object.assign(mark, { incidents: row.incidents, incidentsText: compact(row.incidents) });
    const mean = msMean(row);
    if (heat === 'time' && mean) mark.note = duration(mean);
    const level = warm[row.element];
    if (level) mark.heat = level;
    if (0 < Object.keys(mark).length) marks[row.element] = mark;
  }
  return marks;
}

/** What the diagram of an instance shows: what is over, where it stands, where it stands still. */
export function marksOfHistory(history: History): Record<string, Mark> {
  const marks: Record<string, Mark> = {};
  for (const id of history.finished) marks[id] = { state: 'done' };
  const times: Record<string, number> = {};
  for (const step of history.path) {
    times[step.element] = (times[step.element] ?? 0) + 1;
    const mark = (marks[step.element] ??= { state: 'done' });
    if (step.left_at === null) {
      const isStill = step.state === 'failed';
      if (mark.state !== 'failed') mark.state = isStill ? 'failed' : 'here';
      if (isStill) mark.incidents = (mark.incidents ?? 0) + 1;
      else mark.active = (mark.active ?? 0) + 1;
    }
  }
  for (const [id, count] of Object.entries(times)) {
    const mark = marks[id];
    if (mark && 1 < count && mark.state === 'done') mark.note = `× ${count}`;
  }
  return marks;
}

/** The form that a start event names in its model. */
export function startForm(source: string, element: string | null): string | undefined {
  if (!element) return undefined;
  const document = new DOMParser().parseFromString(source, 'text/xml');
  const start = [...document.getElementsByTagNameNS('*', 'startEvent')].find((each) => each.getAttribute('id') === element);
  return start?.getElementsByTagNameNS('*', 'formDefinition')[0]?.getAttribute('formId') ?? undefined;
}
