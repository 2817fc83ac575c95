// Makes inspector/dist, which is committed and embedded in the binary: Vite bundles, and the files get their names, their
// gzip and their sums as those of the playground do. `npm ci && npm run build` on an unchanged tree changes nothing; a test builds into
// another folder, given as the argument, and compares.
//
// dist/documents.json is a manifest of the page's operations for TRUSTED_DOCUMENTS_FILE. dist/SOURCES is the sum of all that the
// build reads of this folder, by which a test knows without npm that nothing was changed and not built.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { licenses, packageOf } from '../licenses.mjs';
import { hashedName, sha256, sources, write } from '../pack.mjs';
import { documents } from './src/operations.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const web = dirname(here);

const { output } = await build({
  configFile: join(here, 'vite.config.ts'),
  logLevel: 'warn',
  build: { write: false, reportCompressedSize: false },
});
const code = output.filter(({ type }) => type === 'chunk');
const styles = output.filter(({ fileName }) => fileName.endsWith('.css'));
if (code.length !== 1 || styles.length !== 1) throw new Error(`one script and one style sheet, not ${output.map(({ fileName }) => fileName)}`);

const packages = new Set(Object.keys(code[0].modules).map(packageOf).filter(Boolean));
const text = licenses('The inspector', [...packages].sort(), join(web, 'node_modules'));
const assets = new Map([
  ['inspector.js', Buffer.from(code[0].code)],
  ['inspector.css', Buffer.from(styles[0].source)],
  ['icon.svg', readFileSync(join(web, 'icon.svg'))],
  ['licenses.txt', Buffer.from(text)],
]);

// The page is at /threads, and its files below that. While it is developed Vite brings the styles; built, they are a file of their own.
const source = readFileSync(join(here, 'index.html'), 'utf8').replace('<script', '<link rel="stylesheet" href="inspector.css">\n<script');
const page = source.replace(/ (href|src)="([\w./-]+)"/g, (_, attribute, path) => {
  const name = path.split('/').pop().replace('main.tsx', 'inspector.js');
  if (!assets.has(name)) throw new Error(`index.html wants ${path}, which the build does not make`);
  return ` ${attribute}="threads/assets/${hashedName(name, assets.get(name))}"`;
});

const operations = [...documents(readFileSync(join(here, 'src/operations.graphql'), 'utf8'))].map(([name, body]) => {
  return { id: sha256(body), name, type: body.match(/^\w+/)[0], body };
});
const manifest = JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations }, null, 2);

write(process.argv[2] ?? join(here, 'dist'), Buffer.from(page), assets, [
  ['LICENSES.txt', assets.get('licenses.txt')],
  ['documents.json', Buffer.from(`${manifest}\n`)],
  ['SOURCES', sources(here, ['index.html', 'vite.config.ts'])],
]);
