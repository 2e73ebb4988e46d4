// Starts the gallery: `npm run dev`, then /gallery/. It is no part of what is built.
import { mount } from 'svelte';
import { startTheme } from '../src/app/theme.svelte';
import { startLanguage } from '../src/i18n/index.svelte';
import '../src/styles/base.css';
import Gallery from './Gallery.svelte';

startTheme();
await startLanguage();
const target = document.getElementById('app');
if (target) mount(Gallery, { target });
