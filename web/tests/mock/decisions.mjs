// Decisions: the rules of the example, under two names, and one that nobody uses.
import { readFileSync } from 'node:fs';
import { page, refuse } from './base.mjs';

const source = readFileSync(new URL('../../../examples/commerce/payment/risk.dmn', import.meta.url), 'utf8');
const decisions = [
  { decision: 'risk', id: 'risk', version: 2, used_by: [{ process: 'order-to-delivery', element: 'authorise' }] },
  { decision: 'refund-limit', id: 'risk', version: 1, used_by: [{ process: 'refund', element: 'approve' }] },
  { decision: 'carrier', id: 'carrier', version: 3, used_by: [] },
];
const named = (name) => decisions.find((row) => row.decision === name) ?? refuse(404, 'decision.not_found', `there is no decision \`${name}\``);

export const answers = {
  'decision.list': ({ text = '' }) => page(decisions.filter((row) => row.decision.includes(text))),
  'decision.get': ({ name, version }) => {
    const { version: latest, ...row } = named(name);
    const versions = Array.from({ length: latest }, (_, at) => latest - at);
    return { ...row, version: Number(version ?? latest), latest, versions, source, file: 'risk.dmn', decisions: [{ id: 'risk', name: 'risk' }] };
  },
  'decision.explain': ({ name, variables: given = {} }) => {
    const { value, instalments } = given;
    const rule = 500 < value ? 1 : 8 < instalments ? 2 : 150 < value ? 3 : 4;
    const result = ['high', 'high', 'medium', 'low'][rule - 1];
    const table = { decision: 'risk', name: 'risk', table: 'table_risk', hit_policy: 'FIRST', rules: [{ rule, id: `rule_${rule}` }], value: result };
    return { decision: name, version: named(name).version, result, problem: null, inputs: given, decisions: [table] };
  },
};
