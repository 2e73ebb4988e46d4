// Chinese: kinds of resources, by their names in the API.

import type { kinds as En } from '../en/kinds';
import type { Table } from '../index.svelte';

export const kinds: Table<typeof En> = {
  process: '流程',
  decision: '决策',
  stream: '数据流',
  table: '表',
  view: '视图',
  metric: '指标',
  kpi: 'KPI',
  quality: '质量规则',
  query: '查询',
  screen: '界面',
  form: '表单',
  contract: '合同',
  peer: '邻居单元',
  offer: '供给',
  instance: '实例',
  task: '任务',
  incident: '异常',
  job: '作业',
  role: '角色',
  user: '用户',
  token: '令牌',
  session: '会话',
  quota: '配额',
  secret: '密钥值',
  call: '调用',
  relation: '数据集',
  set_aside: '隔离数据',
  lent: '借入',
  system: '系统',
};
