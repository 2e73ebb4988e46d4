// Starts the console: language and theme first, so that nothing flickers; then who is here; then the page.
import { mount } from 'svelte';
import App from './App.svelte';
import { startRouter } from './app/router.svelte';
import { session } from './app/session.svelte';
import { startTheme } from './app/theme.svelte';
import { startLanguage } from './i18n/index.svelte';
import { now } from './live/now.svelte';
import { startOffline } from './offline/start';
import './styles/base.css';

startTheme();
startRouter();
await Promise.all([startLanguage(), session.start()]);

now.start();
const target = document.getElementById('app');
if (target) mount(App, { target });
startOffline();
