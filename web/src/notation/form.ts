// Forms by form-js, with the console's colours. Loaded only where a form is on a page.

import { createForm } from '@bpmn-io/form-js-viewer';
import '@bpmn-io/form-js-viewer/dist/assets/form-js.css';
import './form.css';
import type { Problem } from '../api/problem';
import { sentence } from '../ui/messages';

export interface Form {
  values(): Record<string, unknown> | undefined;
  say(problem: Problem | undefined): void;
  destroy(): void;
}

interface Field {
  id: string;
  key?: string;
}
interface Made {
  submit(): { data: Record<string, unknown>; errors: Record<string, unknown> };
  on(event: string, run: () => void): void;
  get(name: 'formFieldRegistry'): { getAll(): Field[] };
  _setState(state: { errors: Record<string, string[]> }): void;
  destroy(): void;
}

/** Draws a form. */
export async function makeForm(container: HTMLElement, schema: object, data: Record<string, unknown>, onchange: () => void): Promise<Form> {
  const form = (await createForm({ container, schema, data } as Parameters<typeof createForm>[0])) as unknown as Made;
  form.on('changed', onchange);
  return {
    values() {
      const { data: values, errors } = form.submit();
      return 0 < Object.keys(errors).length ? undefined : values;
    },
    say(problem) {
      const fields = form.get('formFieldRegistry').getAll();
      const errors: Record<string, string[]> = {};
      for (const field of fields) {
        const found = field.key ? problem?.at(`/variables/${field.key.replaceAll('.', '/')}`) : undefined;
        if (found) errors[field.id] = [sentence(found)];
      }
      if (problem) form._setState({ errors });
    },
    destroy: () => form.destroy(),
  };
}
