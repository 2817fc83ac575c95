// Makes playground/dist, which is committed and embedded in the binary: Vite bundles, and the files get their names, their gzip and their
// sums as those of the inspector do. `npm ci && npm run build` on an unchanged tree changes nothing; a test builds into another folder,
// given as the argument, and compares.
//
// Every file but the page has a hash in its name, so that it can be cached for ever and a browser never mixes the files of two versions:
// the first 12 hex digits of its content's SHA-256, or, for scripts, which name each other in circles, of all of them together.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { licenses, packageOf } from '../licenses.mjs';
import { hashedName, sha256, sources, write } from '../pack.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const web = dirname(here);
// What vite.config.ts writes in place of the hash.
const place = 'bundlebundle';

// Workers are bundled apart, and come out without the names of what is in them.
const inWorkers = [];
const note = {
  name: 'modules-of-workers',
  generateBundle(_options, bundle) {
    for (const { modules } of Object.values(bundle)) inWorkers.push(...Object.keys(modules ?? {}));
  },
};
const { output } = await build({
  configFile: join(here, 'vite.config.ts'),
  logLevel: 'warn',
  worker: { plugins: () => [note] },
  build: { write: false, reportCompressedSize: false },
});
if (inWorkers.length === 0) throw new Error('nothing is known of the workers');
const content = ({ code, source }) => Buffer.from(code ?? source);
const ending = (end) => output.filter(({ fileName }) => fileName.endsWith(end));

const scripts = ending('.js').sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
const bundle = sha256(scripts.map((file) => `${sha256(content(file))}  ${file.fileName}\n`).join('')).slice(0, 12);
const named = new Map(scripts.map((file) => [file.fileName.replace(place, bundle), Buffer.from(content(file).toString().replaceAll(place, bundle))]));
if (named.size !== scripts.length) throw new Error('two scripts have one name');

// The font of the editor's icons, which the style sheet names.
const fonts = ending('.ttf').map((file) => [file.fileName, content(file)]);
const [style, ...more] = ending('.css');
if (more.length > 0 || output.length !== scripts.length + fonts.length + 1) throw new Error(`one style sheet, scripts and fonts, not ${output.map(({ fileName }) => fileName)}`);
const css = content(style).toString().replace(/url\(\.?\/?([\w-]+\.ttf)\)/g, (_, name) => `url(${hashedName(name, new Map(fonts).get(name))})`);

const modules = [...scripts.flatMap((script) => Object.keys(script.modules ?? {})), ...inWorkers];
const packages = new Set(modules.map(packageOf).filter(Boolean));
const text = licenses('The playground', [...packages].sort(), join(web, 'node_modules'));

const assets = new Map([
  ['playground.css', Buffer.from(css)],
  ['icon.svg', readFileSync(join(web, 'icon.svg'))],
  ['licenses.txt', Buffer.from(text)],
  ...fonts,
]);
const page = readFileSync(join(here, 'index.html'), 'utf8').replace(/ (href|src)="([\w./-]+)"/g, (_, attribute, path) => {
  const name = path.split('/').pop();
  if (name === 'main.ts') return ` ${attribute}="assets/main-ts-${bundle}.js"`;
  if (!assets.has(name)) throw new Error(`index.html wants ${path}, which the build does not make`);
  return ` ${attribute}="assets/${hashedName(name, assets.get(name))}"`;
});

write(
  process.argv[2] ?? join(here, 'dist'),
  Buffer.from(page),
  assets,
  [
    ['LICENSES.txt', assets.get('licenses.txt')],
    ['SOURCES', sources(here, ['index.html', 'monaco.ts', 'vite.config.ts'])],
  ],
  named,
);
