// How states of what runs are said, and what can be told to it.

import { say, t, word, type Key } from '../../i18n/index.svelte';
import type { Tone } from '../../ui';
import type { RunningRow } from './answers';

const tones: Record<string, Tone> = { available: 'idle', held: 'busy', put_off: 'held', received: 'busy', withdrawing: 'warn' };

export const toneOfRunning = (state: string): Tone | undefined => tones[state];

export function runningWord(state: string): string {
  const key = `system.state_${state}` as Key;
  const text = say(key);
  return text === key ? word('states', state) : text;
}

/** What runs: background work by its name, all else by the unit's own sentence. */
export function whatOf(row: Pick<RunningRow, 'id' | 'kind' | 'what'>): string {
  const key = `system.work_${row.id.slice('work/'.length)}` as Key;
  const text = row.kind === 'work' ? say(key) : key;
  return text === key ? row.what : text;
}

export const kindWord = (kind: string): string => (kind === 'work' ? t('system.work') : kind === 'query' ? t('system.query') : word('kinds', kind));

/** A job, and a call of another unit, end with their instance: the unit refuses to end them alone. */
export const canKill = (row: RunningRow): boolean => ['query', 'instance', 'call', 'mqtt_session'].includes(row.kind);
export const canPause = (row: RunningRow): boolean =>
  (row.kind === 'instance' && (row.state === 'active' || row.state === 'failed')) || (row.kind === 'work' && row.state !== 'paused');
export const canResume = (row: RunningRow): boolean => (row.kind === 'instance' && row.state === 'suspended') || (row.kind === 'work' && row.state === 'paused');
