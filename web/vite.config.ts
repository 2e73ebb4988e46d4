// How the console is built: one page, hashed names, nothing inline, so that the strict content security policy holds.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// A development server forwards everything that is not a file of the console to this unit.
const unit = process.env.CRATON_URL ?? 'http://127.0.0.1:8080';
const doors = ['/v1', '/sign-in', '/sign-out', '/health', '/metrics'];

/** Pages are asked for by browsers as HTML and belong to the console; all else at these paths belongs to the unit. */
const proxied = {
  target: unit,
  // The unit takes a cookie only for pages of its own: the request is told to come from there. With CRATON_TOKEN nobody has to sign in.
  headers: { origin: unit, ...(process.env.CRATON_TOKEN ? { authorization: `Bearer ${process.env.CRATON_TOKEN}` } : {}) },
  changeOrigin: true,
  bypass: (request: { url?: string; method?: string; headers: Record<string, unknown> }) =>
    request.method === 'GET' && request.url?.split('?')[0] === '/sign-in' ? '/index.html' : undefined,
};

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 2_000,
  },
  server: { proxy: Object.fromEntries(doors.map((door) => [door, proxied])) },
});
