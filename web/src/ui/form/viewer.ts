// form-js as this console shows it: its words in the reader's language, and fields of our own for photos, documents and codes.
// Loaded when a form is shown.

import { Form, Textfield } from '@bpmn-io/form-js-viewer';
import '@bpmn-io/form-js-viewer/dist/assets/form-js-base.css';
import '@bpmn-io/form-js-viewer/dist/assets/flatpickr/light.css';
import './form.css';
import { h } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { mount, unmount, type Component } from 'svelte';
import { Problem } from '../../api/problem';
import { speech } from '../../i18n/index.svelte';
import { sentence } from '../messages';
import { boxOf } from './box.svelte';
import { speakCalendar } from './calendar';
import CodeField from './CodeField.svelte';
import PhotoField from './PhotoField.svelte';
import { inChinese } from './words';

type Values = Record<string, unknown>;

/** What form-js gives to a field. */
interface FieldProps {
  field: { id: string; label?: string; description?: string; accept?: string; multiple?: unknown; validate?: { required?: boolean }; properties?: Record<string, string> };
  value: unknown;
  errors?: string[];
  domId: string;
  disabled?: boolean;
  readonly?: boolean;
  onChange(change: { value: unknown }): void;
}

/** What our fields take: a box whose values they follow. */
export interface Shown {
  props: FieldProps;
}

/** Shows a Svelte component as a field of form-js. */
function bridge(Inside: Component<{ shown: Shown }>) {
  return function Bridge(props: FieldProps) {
    const place = useRef<HTMLDivElement>(null);
    const shown = useRef<Shown & { set(next: FieldProps): void }>(null);
    useEffect(() => {
      if (!place.current) return;
      const box = boxOf(props);
      shown.current = box;
      const made = mount(Inside, { target: place.current, props: { shown: box } });
      return () => void unmount(made);
    }, []);
    useEffect(() => shown.current?.set(props));
    return h('div', { ref: place, class: 'fjs-form-field craton-field' });
  };
}

const Photo = Object.assign(bridge(PhotoField), {
  config: { type: 'filepicker', keyed: true, label: 'File picker', group: 'basic-input', emptyValue: null, create: (options = {}) => ({ ...options }) },
});

const Code = bridge(CodeField);
/** A text field with `properties.capture`: `code` reads a bar code or QR code, `photo` takes a picture. */
const Text = Object.assign(
  (props: FieldProps) => {
    const capture = props.field.properties?.capture;
    return h((capture === 'code' ? Code : capture === 'photo' ? Photo : Textfield) as typeof Code, props);
  },
  { config: (Textfield as unknown as { config: object }).config },
);

class OwnFields {
  static $inject = ['formFields'];
  constructor(formFields: { register(type: string, field: unknown): void }) {
    formFields.register('filepicker', Photo);
    formFields.register('textfield', Text);
  }
}

function translate(text: string, values: Record<string, string> = {}): string {
  const said = speech.language === 'zh' ? (inChinese[text] ?? text) : text;
  return said.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

const own = {
  __init__: ['ownFields'],
  ownFields: ['type', OwnFields],
  translate: ['value', translate],
};

export interface Viewer {
  /** What was given; nothing where a field has a message. */
  submit(): Values | undefined;
  /** What stands in the fields now, wrong or not. */
  values(): Values;
  /** Shows what the unit refused beside its field; answers what has no field here. */
  refuse(problem: Problem): Problem[];
  destroy(): void;
}

export async function show(container: HTMLElement, schema: unknown, data: Values, options: { readonly: boolean; onchange: () => void; onenter: () => void }): Promise<Viewer> {
  speakCalendar();
  const form = new Form({ container, additionalModules: [own] } as unknown as ConstructorParameters<typeof Form>[0]);
  await form.importSchema(schema as never, data as never);
  if (options.readonly) form.setProperty('readOnly' as never, true);
  const inner = form as unknown as { on(event: string, act: () => void): void; _setState(state: object): void; _getState(): { data: Values } };
  inner.on('field.updated', options.onchange);
  const rest = () => requestAnimationFrame(() => sayRest(container));
  inner.on('changed', rest);
  rest();
  // The submit button that some forms bring along does what ours does.
  const enter = (event: Event) => {
    event.preventDefault();
    options.onenter();
  };
  container.addEventListener('submit', enter, true);
  return {
    submit() {
      const { data: given, errors } = form.submit();
      if (Object.keys(errors).length === 0) return given as Values;
      focusFirst(container);
      return undefined;
    },
    values: () => inner._getState().data,
    refuse(problem) {
      const { errors, others } = place(schema as Schema, problem);
      inner._setState({ errors });
      requestAnimationFrame(() => focusFirst(container));
      return others;
    },
    destroy() {
      container.removeEventListener('submit', enter, true);
      form.destroy();
    },
  };
}

/** Says what form-js writes without asking for its words: of fields that appear later, too. */
function sayRest(container: HTMLElement): void {
  for (const input of container.querySelectorAll<HTMLInputElement>('input[placeholder=Search]')) input.placeholder = translate('Search');
  for (const button of container.querySelectorAll('[aria-label^="Remove list item "]')) {
    button.setAttribute('aria-label', translate('Remove list item {value}', { value: /\d+$/.exec(button.ariaLabel ?? '')?.[0] ?? '' }));
  }
}

function focusFirst(container: HTMLElement): void {
  requestAnimationFrame(() => container.querySelector<HTMLElement>('[aria-invalid=true], .fjs-has-errors :is(input, select, textarea, button)')?.focus());
}

interface Schema {
  components?: (Schema & { id?: string; key?: string; path?: string; type?: string })[];
}

/** Finds the fields that problems name by `/variables/lines/0/count`. */
function place(schema: Schema, problem: Problem): { errors: Record<string, unknown>; others: Problem[] } {
  const errors: Record<string, unknown> = {};
  const others: Problem[] = [];
  for (const each of [problem, ...problem.also]) {
    const parts = each.place?.pointer?.split('/').slice(2) ?? [];
    const names = parts.filter((part) => !/^\d+$/.test(part));
    const numbers = parts.filter((part) => /^\d+$/.test(part));
    const id = names.length ? idOf(schema, names.join('.'), '') : undefined;
    if (id === undefined) others.push(each);
    else put(errors, [id, ...numbers], [sentence(each)]);
  }
  return { errors, others };
}

function idOf(schema: Schema, wanted: string, prefix: string): string | undefined {
  for (const component of schema.components ?? []) {
    const own = [prefix, component.key ?? component.path ?? ''].filter(Boolean).join('.');
    if (component.key !== undefined && own === wanted) return component.id;
    const inside = component.components ? idOf(component, wanted, own) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function put(into: Record<string, unknown>, path: string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) {
    into[first] = value;
    return;
  }
  const inner = (into[first] ??= {}) as Record<string, unknown>;
  put(inner, rest, value);
}
