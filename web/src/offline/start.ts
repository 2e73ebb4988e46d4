// Starts what works without network: the service worker, the outbox, the tasks that are kept.

import { session } from '../app/session.svelte';
import { router } from '../app/router.svelte';
import { t } from '../i18n/index.svelte';
import { confirm } from '../ui/feedback.svelte';
import { startInstall } from './install.svelte';
import { startKeeping } from './keep.svelte';
import { outbox } from './outbox.svelte';
import { keepPush } from './push.svelte';

export function startOffline(): void {
  outbox.start();
  startKeeping();
  startInstall();
  keepPush();
  session.askToLeave = async () => {
    const n = outbox.items.filter((item) => item.operation !== 'file.create').length;
    if (n === 0) return true;
    return confirm({ title: t('phone.leave_title'), text: t('phone.leave_text', { n }), action: t('phone.leave'), danger: true });
  };
  // The development server has no service worker.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', (event: MessageEvent<{ go?: string }>) => {
    if (event.data.go) void router.go(event.data.go);
  });
  navigator.serviceWorker.register('/sw.js').catch(() => {
    // A page without a trusted certificate has none; everything but work without network is there.
  });
}
