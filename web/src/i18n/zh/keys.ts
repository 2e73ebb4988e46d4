// Chinese: the help for the keyboard.

import type { keys as En } from '../en/keys';
import type { Table } from '../index.svelte';

export const keys: Table<typeof En> = {
  title: '键盘',
  anywhere: '任意位置',
  palette: '前往页面或资源',
  help: '显示快捷键',
  close: '关闭或离开输入框',
  go: '前往',
  table: '在表格中',
  move: '上一行、下一行',
  ends: '首行、末行',
  open: '打开此行',
  select: '选择此行',
  filter: '转到筛选框',
  run: '运行语句或所选部分',
};
