// Chinese: the room `settings`.

import type { settings as En } from '../en/settings';
import type { Table } from '../index.svelte';

export const settings: Table<typeof En> = {
  title: '设置',
  appearance: '外观',
  theme: '主题',
  theme_system: '跟随系统',
  theme_light: '浅色',
  theme_dark: '深色',
  language: '语言',
  account: '账户',
  who: '登录身份',
  roles: '角色',
  no_roles: '没有角色',
  may: '我的权限',
  may_all: '全部',
  may_some: '部分',
  may_hint: '{n} 项操作',
  password: '密码',
  password_current: '当前密码',
  password_new: '新密码',
  password_repeat: '再次输入新密码',
  password_change: '修改密码',
  password_changed: '密码已修改；您的其他会话已结束。',
  password_differs: '两次输入不一致。',
  password_missing: '请输入密码。',
  about: '关于',
  unit: '单元',
  version: '版本',
  licences: '许可证',
  licences_of: '控制台所含软件包',
  saved_here: '保存在此浏览器',
};
