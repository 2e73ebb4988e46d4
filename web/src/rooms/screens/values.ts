// What stands for something in a screen: `$NAME` is the value of a parameter of the screen or of a column, `$$` begins a text with a dollar sign.

import { href } from '../../app/routes';
import type { ColumnSpec, Given, Parameter, Row } from './answers';

/** Puts values in the place of `$NAME`, however deep. A name without a value gives null. */
export function filled<Value>(value: Value, scope: Row): Value {
  return fill(value, scope) as Value;
}

function fill(value: unknown, scope: Row): unknown {
  if (typeof value === 'string') {
    if (value.startsWith('$$')) return value.slice(1);
    return value.startsWith('$') ? (scope[value.slice(1)] ?? null) : value;
  }
  if (Array.isArray(value)) return value.map((each) => fill(each, scope));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each, scope)]));
  return value;
}

/** Fills the values of a call: what has none is left out, so that the default of the query counts. */
export function given(values: Given | undefined, scope: Row): Given {
  const all = filled(values ?? {}, scope);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined));
}

/** Splits `task/$task` into kind and name. Nothing where the name has no value. */
export function resourceOf(resource: string | undefined, scope: Row): { kind?: string; name?: string } | undefined {
  if (resource === undefined) return {};
  const slash = resource.indexOf('/');
  if (slash === -1) return { kind: resource };
  const name = filled(resource.slice(slash + 1), scope) as unknown;
  if (name === null || name === '') return undefined;
  return { kind: resource.slice(0, slash), name: String(name) };
}

/** The address of the screen that a column leads to; nothing where what it leads to is not known. */
export function linkOf(column: ColumnSpec, scope: Row): string | undefined {
  if (!column.link || scope[column.name] === null || scope[column.name] === undefined) return undefined;
  const parameters = given(column.link.parameters, scope);
  const query = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  return href('screen', { name: column.link.screen }, query);
}

/** Reads the parameters of a screen from the address, with their types; what is not there and has no default is missing. */
export function parametersOf(parameters: Parameter[], query: URLSearchParams): { scope: Row; missing: Parameter[] } {
  const scope: Row = {};
  const missing: Parameter[] = [];
  for (const parameter of parameters) {
    const text = query.get(parameter.name);
    const value = text === null || text === '' ? parameter.default : typed(text, parameter.type);
    if (value === undefined) missing.push(parameter);
    else scope[parameter.name] = value;
  }
  return { scope, missing };
}

function typed(text: string, type: Parameter['type']): unknown {
  switch (type) {
    case 'int':
    case 'float': {
      const number = Number(text);
      // What is no number goes as it is: the unit says what is wrong with it.
      return Number.isFinite(number) ? number : text;
    }
    case 'bool':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

/** Puts one object into another, object into object. */
export function merged(under: Given, over: Given): Given {
  const all: Given = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = all[key];
    all[key] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return all;
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
