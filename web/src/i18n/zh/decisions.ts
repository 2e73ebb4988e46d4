// Chinese: the room `decisions`.

import type { decisions as En } from '../en/decisions';
import type { Table } from '../index.svelte';

export const decisions: Table<typeof En> = {
  title: '决策',
  one: '决策',
  summary: '流程据以判断的规则。',
  find: '查找决策',
  none: '还没有决策',
  none_text: '应用带来 DMN 模型后，决策会显示在这里。',
  none_found: '没有这个名称的决策',
  used_by: '使用者',
  unused: '没有流程使用',
  model: '模型',
  model_of: '{name}的决策表与图',
  drd: '关系图',
  view: '显示内容',
  not_drawn: '无法显示此模型',
  try: '试一试',
  decide: '判定',
  no_inputs: '没有输入项。',
  no_number: '不是数字。',
  no_value: '不是有效的值。',
  inputs: '输入',
  result: '结果',
  rules: '命中的规则',
  rule: '规则',
  rule_n: '规则 {rules}',
  no_rule: '没有命中规则',
  rules_unknown: '无法确定',
  look_again: '查看规则',
};
