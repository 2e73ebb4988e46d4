// Chinese: the room `sign_in`.

import type { sign_in as En } from '../en/sign_in';
import type { Table } from '../index.svelte';

export const sign_in: Table<typeof En> = {
  title: '登录',
  user: '用户',
  password: '密码',
  go: '登录',
  going: '正在登录…',
  or: '或',
  with: '使用 {provider} 登录',
  again_title: '会话已结束',
  again_text: '请重新登录以继续。您输入的内容仍在。',
  beside: '将在另一个标签页打开，登录后请返回此处。',
  user_missing: '请输入用户名。',
  password_missing: '请输入密码。',
  wrong: '用户或密码不正确。',
  slowed: '尝试次数过多。请等待 {seconds} 秒后再试。',
  other: '以其他身份登录',
  claim: '业务单元的操作系统',
};
