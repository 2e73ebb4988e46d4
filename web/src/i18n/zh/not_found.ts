// Chinese: the room `not_found`.

import type { not_found as En } from '../en/not_found';
import type { Table } from '../index.svelte';

export const not_found: Table<typeof En> = {
  title: '没有此页面',
  text: '该地址不存在，或不对您开放。',
  home: '回首页',
};
