// Numbers, money, dates and durations as the reader's language writes them.

import { speech } from './index.svelte';

const nothing = '–';

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `n${speech.locale}${JSON.stringify(options)}`;
  const found = (made.get(key) as Intl.NumberFormat | undefined) ?? new Intl.NumberFormat(speech.language === 'zh' ? 'zh-CN' : 'en', options);
  made.set(key, found);
  return found;
}

function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `d${speech.locale}${JSON.stringify(options)}`;
  const found = (made.get(key) as Intl.DateTimeFormat | undefined) ?? new Intl.DateTimeFormat(speech.locale, options);
  made.set(key, found);
  return found;
}

type Given = number | string | bigint | null | undefined;

/** Reads a number; units write decimals as text, so that none of their digits is lost. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** `12,345.67` */
export function number(value: Given, digits = 2): string {
  const known = numberOf(value);
  return known === undefined ? String(value ?? nothing) : numbers({ maximumFractionDigits: digits }).format(known);
}

/** `12.3K`, `1.2万`: for small places. The exact number belongs into a title. */
export function compact(value: Given): string {
  const known = numberOf(value);
  if (known === undefined) return String(value ?? nothing);
  if (Math.abs(known) < 10_000) return number(known);
  return numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(known);
}

/** `93.4%` of 0.934 */
export function percent(value: Given, digits = 1): string {
  const known = numberOf(value);
  return known === undefined ? nothing : numbers({ style: 'percent', maximumFractionDigits: digits }).format(known);
}

/** `€12.50`; a number with two places where the currency is not known. */
export function money(value: Given, currency?: string | null): string {
  const known = numberOf(value);
  if (known === undefined) return nothing;
  const isCode = currency !== undefined && currency !== null && /^[A-Z]{3}$/.test(currency);
  if (isCode) return numbers({ style: 'currency', currency }).format(known);
  const text = numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(known);
  return currency ? `${text} ${currency}` : text;
}

/** `€1.29M`: where there is little room. */
export function moneyShort(value: Given, currency: string): string {
  const known = numberOf(value);
  if (known === undefined || Math.abs(known) < 100_000) return money(value, currency);
  return numbers({ style: 'currency', currency, notation: 'compact', maximumSignificantDigits: 3 }).format(known);
}

/** `4.2 MB`, powers of 1,024. */
export function bytes(value: Given): string {
  const known = numberOf(value);
  if (known === undefined) return nothing;
  const steps = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const step = known < 1 ? 0 : Math.min(steps.length - 1, Math.floor(Math.log2(known) / 10));
  return `${number(known / 1024 ** step, step === 0 || 100 <= known / 1024 ** step ? 0 : 1)} ${steps[step]}`;
}

/** A value with its unit, as metrics say it: a share, a span of time, a currency, or any word. */
export function quantity(value: Given, unit?: string | null): string {
  if (value === null || value === undefined) return nothing;
  switch (unit) {
    case 'share':
    case 'ratio':
      return percent(value);
    case 'percent':
    case '%':
      return `${number(value, 1)}%`;
    case 'ms':
      return duration(numberOf(value));
    case 's':
    case 'seconds':
      return duration((numberOf(value) ?? 0) * 1_000);
    case 'minutes':
      return duration((numberOf(value) ?? 0) * 60_000);
    case 'hours':
      return duration((numberOf(value) ?? 0) * 3_600_000);
    case 'days':
      return duration((numberOf(value) ?? 0) * 86_400_000);
    case 'bytes':
      return bytes(value);
    case undefined:
    case null:
    case '':
    case '1':
      return compact(value);
    default:
      return /^[A-Z]{3}$/.test(unit) ? money(value, unit) : `${compact(value)} ${unit}`;
  }
}

function dateOf(value: string | number | Date | null | undefined): Date | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const date = value instanceof Date ? value : new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

type Moment = string | number | Date | null | undefined;

/** `23 Nov 2026` */
export function date(value: Moment): string {
  const known = dateOf(value);
  return known ? times({ dateStyle: 'medium' }).format(known) : nothing;
}

/** `23 Nov`, `11月23日`: where the year is known. */
export function dayMonth(value: Moment): string {
  const known = dateOf(value);
  return known ? times({ day: 'numeric', month: 'short' }).format(known) : nothing;
}

/** `14:05` */
export function clock(value: Moment): string {
  const known = dateOf(value);
  return known ? times({ timeStyle: 'short' }).format(known) : nothing;
}

/** `23 Nov 2026, 14:05`, or `14:05:09` */
export function dateTime(value: Moment, hasSeconds = false): string {
  const known = dateOf(value);
  return known ? times({ dateStyle: 'medium', timeStyle: hasSeconds ? 'medium' : 'short' }).format(known) : nothing;
}

/** With seconds and zone: nothing is left to guess. */
export function exact(value: Moment): string {
  const known = dateOf(value);
  return known ? times({ dateStyle: 'full', timeStyle: 'long' }).format(known) : nothing;
}

const spans: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_556_952_000],
  ['month', 2_629_746_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** `3 minutes ago`, `in 2 days`, `now` */
export function relative(value: Moment, now: number): string {
  const known = dateOf(value);
  if (!known) return nothing;
  const distance = known.getTime() - now;
  const [unit, ms] = spans.find(([, each]) => each <= Math.abs(distance)) ?? ['second', 1_000];
  const count = Math.abs(distance) < 10_000 ? 0 : Math.trunc(distance / ms);
  return new Intl.RelativeTimeFormat(speech.locale, { numeric: 'auto', style: 'short' }).format(count, count === 0 ? 'second' : unit);
}

/** `1 d 4 h`, `350 ms`: two units at most. */
export function duration(ms: Given): string {
  const known = numberOf(ms);
  if (known === undefined) return nothing;
  const isChinese = speech.language === 'zh';
  const names = isChinese ? ['天', '小时', '分', '秒', '毫秒'] : ['d', 'h', 'min', 's', 'ms'];
  const sizes = [86_400_000, 3_600_000, 60_000, 1_000, 1];
  const gap = isChinese ? '' : ' ';
  const rest = Math.abs(known);
  const first = sizes.findIndex((size) => size <= rest);
  if (first === -1) return `${number(known, 1)}${gap}${names[4]}`;
  const size = sizes[first] ?? 1;
  const sign = known < 0 ? '−' : '';
  if (3 <= first) return `${sign}${number(rest / size, rest / size < 10 && first === 3 ? 1 : 0)}${gap}${names[first]}`;
  const head = Math.floor(rest / size);
  const tail = Math.floor((rest - head * size) / (sizes[first + 1] ?? 1));
  const text = `${sign}${head}${gap}${names[first]}`;
  return tail === 0 ? text : `${text}${gap}${tail}${gap}${names[first + 1]}`;
}

/** `1, 2 and 3`, `1、2和3` */
export function list(items: string[]): string {
  return new Intl.ListFormat(speech.locale, { type: 'conjunction' }).format(items);
}
