// Chinese: the room `screens`.

import type { screens as En } from '../en/screens';
import type { Table } from '../index.svelte';

export const screens: Table<typeof En> = {
  title: '看板',
  one: '界面',
  other: '其他',
  none: '暂无可用的界面',
  none_text: '应用用 Screen 清单声明自己的界面，并指明哪些角色可见。',
  list: '列表',
  chart: '图表',
  picture: '图片',
  actions: '操作',
  no_rows: '目前没有内容',
  none_found: '没有找到“{text}”',
  no_row: '未找到',
  no_row_text: '不存在，或者您无权查看。',
  absent: '查询 {query} 没有列 {columns}。',
  not_yours: '您的角色无权执行此操作。',
  sure_title: '{what}？',
  sure: '此操作无法撤销。',
  done: '已完成：{what}',
  saved: '已保存',
  started: '已启动',
  to_instance: '查看',
  save: '保存',
  start: '启动',
  show: '显示',
  missing: '请填写要查看的内容。',
};
