// The words of the console, in English and Chinese. `t('ui.rows', { n })` says one; a key or a value that is not there does not compile.
//
// Each room has its table in `en/ROOM.ts` and `zh/ROOM.ts`. `{name}` stands for a value; `{n|task|tasks}` chooses by the number `n`, where
// the language has such forms. Each language is a file of its own, loaded when it is wanted.

import type { Words as Given } from '../api/answers';
import { recall, remember } from '../app/kept';
import type { En } from './en';

export type Language = 'en' | 'zh';

/** The names of languages, each in itself. */
export const languages: Record<Language, string> = { en: 'English', zh: '中文' };

/** A table of another language: the same keys, its own words. */
export type Table<Of> = { [Key in keyof Of]: string };

type Room = keyof En & string;
/** `room.key` of any text. */
export type Key = { [In in Room]: `${In}.${keyof En[In] & string}` }[Room];

type Text<Of extends Key> = Of extends `${infer In extends Room}.${infer Name}` ? (Name extends keyof En[In] ? En[In][Name] : never) : never;
type Names<Of> = Of extends `${string}{${infer Slot}}${infer Rest}` ? (Slot extends `${infer Name}|${string}` ? Name : Slot) | Names<Rest> : never;
type Value = string | number;
type Values<Of extends Key> = [Names<Text<Of>>] extends [never] ? [] : [values: Record<Names<Text<Of>>, Value>];

type Tables = Record<string, Record<string, string>>;

const loaders: Record<Language, () => Promise<{ tables: Tables; errors: Record<string, string> }>> = {
  en: async () => (await import('./en')) as { tables: Tables; errors: Record<string, string> },
  zh: async () => (await import('./zh')) as { tables: Tables; errors: Record<string, string> },
};

class Speech {
  language = $state<Language>('en');
  tables = $state.raw<Tables>({});
  errors = $state.raw<Record<string, string>>({});
  /** For `Intl`. */
  readonly locale = $derived(this.language === 'zh' ? 'zh-CN' : 'en-GB');

  async set(language: Language): Promise<void> {
    const { tables, errors } = await loaders[language]();
    this.tables = tables;
    this.errors = errors;
    this.language = language;
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }
}

export const speech = new Speech();

/** Loads the language that was chosen, or that of the browser. */
export function startLanguage(): Promise<void> {
  const browser: Language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
  return speech.set(recall<Language>('language') ?? browser);
}

/** Chooses a language; this browser keeps it. */
export async function chooseLanguage(language: Language): Promise<void> {
  await speech.set(language);
  remember('language', language);
}

/** Says a text. */
export function t<Of extends Key>(key: Of, ...values: Values<Of>): string {
  return say(key, values[0]);
}

/** Says a text whose key is known only when it runs: what is missing is shown as its key. */
export function say(key: Key, values: Record<string, Value> = {}): string {
  const dot = key.indexOf('.');
  const text = speech.tables[key.slice(0, dot)]?.[key.slice(dot + 1)] ?? key;
  return text.includes('{') ? filled(text, values) : text;
}

/** Says the word of a state, a kind, a verdict, where the tables have it (`states.met`); else the word itself. */
export function word(room: 'states' | 'kinds', name: string): string {
  return speech.tables[room]?.[name] ?? name.replaceAll('_', ' ');
}

/** Says what an application calls a column, where many call one so; else the name itself, as words. */
export function usual(name: string): string {
  const text = name.replaceAll('_', ' ');
  return speech.tables.usual?.[text] ?? text;
}

/** Says a state that stands in an application's data: one that many use, or one of the unit's own; else the word itself. */
export function usualState(name: string): string {
  return speech.tables.usual?.[name.replaceAll('_', ' ')] ?? word('states', name);
}

/** Says a yes or no, as people read it; where data is looked at as data it stays `true` and `false`. */
export const yesNo = (is: boolean): string => t(is ? 'ui.yes' : 'ui.no');

/** Chooses from a text in several languages, as manifests have it. */
export function words(given: Given | null | undefined): string {
  if (given === null || given === undefined) return '';
  if (typeof given === 'string') return given;
  return given[speech.language] ?? given.en ?? Object.values(given)[0] ?? '';
}

function filled(text: string, values: Record<string, Value>): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, other?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one === undefined || other === undefined) return typeof value === 'number' ? new Intl.NumberFormat(speech.locale).format(value) : value;
    return new Intl.PluralRules(speech.locale).select(Number(value)) === 'one' ? one : other;
  });
}
