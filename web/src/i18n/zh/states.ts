// Chinese: states, by their names in the API.

import type { states as En } from '../en/states';
import type { Table } from '../index.svelte';

export const states: Table<typeof En> = {
  met: '达标',
  breached: '未达标',
  incident: '有异常',
  failed: '失败',
  hidden: '不可见',
  waiting: '等待中',
  too_few: '数据过少',
  created: '待领取',
  claimed: '已领取',
  completed: '已完成',
  cancelled: '已取消',
  active: '运行中',
  suspended: '已暂停',
  proposed: '已提议',
  accepted: '已接受',
  in_force: '生效中',
  revoked: '已撤销',
  rejected: '已拒绝',
  ended: '已结束',
  expired: '已过期',
  running: '运行中',
  paused: '已暂停',
  open: '未结',
  answered: '已答复',
  withdrawn: '已撤回',
  ok: '正常',
  permitted: '允许',
  refused: '拒绝',
  done: '已完成',
  stopped: '已停止',
};
