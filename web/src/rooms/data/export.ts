// Answers as files: the whole answer, in a form that the unit writes row by row.

import { ask, type OperationName } from '../../api/client';

export type ExportForm = 'csv' | 'ndjson' | 'arrow';

export const exportForms: { form: ExportForm; name: string; ending: string }[] = [
  { form: 'csv', name: 'CSV', ending: 'csv' },
  { form: 'ndjson', name: 'NDJSON', ending: 'ndjson' },
  { form: 'arrow', name: 'Apache Arrow', ending: 'arrows' },
];

/** More than one result may have: so the unit takes it for an export. Its own limit counts. */
const rowsAll = 1_000_000_000;

/** Asks for all rows and hands them to the browser as a file. */
export async function save(operation: OperationName, parameters: object, form: ExportForm, name: string): Promise<void> {
  const response = await ask(operation, { ...parameters, format: form, limits: { rows: rowsAll } }, { accept: '*/*' });
  const blob = await response.blob();
  const ending = exportForms.find((each) => each.form === form)?.ending ?? form;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
