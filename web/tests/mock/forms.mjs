// Forms of tasks and starts, and the files that are given with them.
import { createHash } from 'node:crypto';
import { refuse } from './base.mjs';

const form = (id, components) => ({ type: 'default', id, schemaVersion: 19, components: components.map((each, at) => ({ id: `Field_${at}`, ...each })) });
const choice = (label, value) => ({ label, value });

const forms = {
  refund: form('refund', [
    { type: 'text', text: '## Order {{order_id}}\n{{customer}} asks for **{{amount}} BRL** back.' },
    { type: 'radio', key: 'decision', label: 'Decision', validate: { required: true }, values: [choice('Pay back all', 'all'), choice('Pay back a part', 'part'), choice('Refuse', 'none')] },
    { type: 'number', key: 'paid', label: 'Amount to pay back', decimalDigits: 2, appearance: { suffixAdorner: 'BRL' }, conditional: { hide: '=decision != "part"' }, validate: { required: true, min: 0 }, layout: { row: 'Row_1' } },
    { type: 'textarea', key: 'note', label: 'Note for the customer', validate: { maxLength: 500 } },
    { type: 'checkbox', key: 'seen', label: 'I have seen the goods' },
  ]),
  late: form('late', [
    { type: 'text', text: 'Parcel **{{parcel}}** should have come on {{promised}}.' },
    { type: 'textfield', key: 'code', label: 'Parcel', description: 'The bar code on the label', properties: { capture: 'code' }, validate: { required: true } },
    { type: 'select', key: 'where', label: 'Where is it?', values: [choice('At the carrier', 'carrier'), choice('Lost', 'lost'), choice('Delivered', 'delivered')], validate: { required: true } },
    { type: 'datetime', key: 'when', subtype: 'date', dateLabel: 'New date' },
    { type: 'filepicker', key: 'photos', label: 'Photos', multiple: true },
    { type: 'textfield', key: 'note', label: 'Note', validate: { maxLength: 200 } },
  ]),
  claim: form('claim', [
    { type: 'text', text: 'What the customer asks for.' },
    { type: 'textfield', key: 'order_id', label: 'Order', validate: { required: true } },
    { type: 'radio', key: 'reason', label: 'What is wrong?', validate: { required: true }, values: [choice('Broken', 'broken'), choice('Late', 'late')] },
    { type: 'number', key: 'amount', label: 'Amount', decimalDigits: 2, validate: { required: true, min: 0, max: 500 } },
    { type: 'select', key: 'state', label: 'State', values: [choice('SP', 'SP'), choice('MG', 'MG')] },
    { type: 'datetime', key: 'since', subtype: 'date', dateLabel: 'Since' },
    { type: 'checkbox', key: 'known', label: 'Known to us' },
    { type: 'textarea', key: 'note', label: 'What is broken?', conditional: { hide: '=reason != "broken"' } },
  ]),
};

const files = new Map();

export const answers = {
  'form.get': ({ name }) => (forms[name] ? { form: name, version: 1, schema: forms[name] } : refuse(404, 'form.not_found', `there is no form \`${name}\``)),
  'file.create': (_, { body, request }) => {
    const file = createHash('sha256').update(body).digest('hex');
    files.set(file, body);
    return { file, bytes: body.length, media: request.headers['content-type'] };
  },
  'file.read': ({ name }) => files.get(name) ?? refuse(404, 'file.not_found', `there is no file \`${name}\``),
};
