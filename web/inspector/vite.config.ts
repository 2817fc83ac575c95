import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// `npm run dev` serves the page with the API of a server that runs on this host.
const server = process.env.AGENTSTATE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  root: dirname(fileURLToPath(import.meta.url)),
  base: './',
  publicDir: false,
  build: {
    // light-dark() and JSON.parse with the source of numbers are of 2024 and 2025; older browsers show the page in light, with rounded digits.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: fileURLToPath(new URL('src/main.tsx', import.meta.url)) },
  },
  server: { proxy: { '/graphql': { target: server, ws: true } } },
});
