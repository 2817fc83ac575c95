import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Rolldown } from 'vite';
import { monacoOfThisPage } from './monaco.ts';

// `npm run dev:playground` serves the page with the API of a server that runs on this host.
const server = process.env.AGENTSTATE_URL ?? 'http://127.0.0.1:8080';

// Scripts import each other, in circles too, so that none can have the hash of its content in its name. build.mjs writes one hash of all
// of them in this place, which is as long.
const slug = (path: string) => path.replaceAll('\\', '/').replace(/^.*(?:node_modules|playground\/src)\//, '').replace(/[^a-z0-9]+/gi, '-').toLowerCase();

function names(kind: string): Rolldown.OutputOptions {
  const named = ({ name, facadeModuleId }: Rolldown.PreRenderedChunk) => `${kind}${slug(facadeModuleId ?? name)}-bundlebundle.js`;
  return { entryFileNames: named, chunkFileNames: named, assetFileNames: '[name][extname]' };
}

// Libraries say that they run in a browser alone, in the way that bundlers of servers ask for.
const onLog: Rolldown.InputOptions['onLog'] = (level, log, next) => log.code === 'MODULE_LEVEL_DIRECTIVE' || next(level, log);

export default defineConfig({
  root: dirname(fileURLToPath(import.meta.url)),
  base: './',
  publicDir: false,
  plugins: [monacoOfThisPage()],
  build: {
    target: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    chunkSizeWarningLimit: 4_000,
    rolldownOptions: { input: fileURLToPath(new URL('src/main.ts', import.meta.url)), output: names(''), onLog },
  },
  worker: { format: 'es', rolldownOptions: { output: names('worker-') } },
  server: { proxy: { '/graphql': { target: server, ws: true }, '/health': server } },
});
