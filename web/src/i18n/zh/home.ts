// Chinese: the room `home`.

import type { home as En } from '../en/home';
import type { Table } from '../index.svelte';

export const home: Table<typeof En> = {
  title: '首页',
  kpis: '经营状况',
  needs_me: '待我处理',
  runs: '正在运行',
  broken: '需要修复',
  owed: '应付与应收',
  no_tasks: '没有待您处理的任务。',
  no_incidents: '没有故障。',
  no_runs: '目前没有运行中的流程。',
  no_ledger: '单元之间没有应付款项。',
  all_tasks: '全部任务',
  all_incidents: '全部异常',
  all_processes: '全部流程',
  all_exchange: '全部合同',
  due: '到期',
  overdue: '已逾期',
  active: '运行中',
  stuck: '受阻',
  finished: '已结束',
  process: '流程',
  contract: '合同',
  capability: '能力',
  calls: '调用',
  amount: '余额',
  we_owe: '应付',
  owed_to_us: '应收',
  nothing_title: '暂无内容',
  nothing_text: '您的角色不能查看此单元的任何部分。请联系单元负责人授予角色。',
  window: '{date}起',
  worst: '最差：{what}',
  mine: '我的',
};
