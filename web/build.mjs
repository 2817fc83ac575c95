// Makes web/dist, which is committed and embedded in the binary, out of the files beside this one and of the packages
// that package-lock.json pins. `npm ci && npm run build` on an unchanged tree changes nothing.
//
// Every file but the page itself carries the first 12 hex digits of its content's SHA-256 in its name, so that it can be
// cached for ever and a browser never mixes the files of two versions. What comes from a package is copied byte for byte:
// its name can be checked against the package.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { licenses } from './licenses.mjs';

const web = dirname(fileURLToPath(import.meta.url));
const dist = join(web, 'dist');
const modules = join(web, 'node_modules');

// React's last UMD build is the one of version 18. GraphiQL's UMD build holds graphql, graphql-ws and its fonts.
const assets = new Map([
  ['react.js', readFileSync(join(modules, 'react/umd/react.production.min.js'))],
  ['react-dom.js', readFileSync(join(modules, 'react-dom/umd/react-dom.production.min.js'))],
  ['graphiql.js', readFileSync(join(modules, 'graphiql/graphiql.min.js'))],
  ['graphiql.css', readFileSync(join(modules, 'graphiql/graphiql.min.css'))],
  ...['playground.js', 'playground.css', 'icon.svg', 'tour.graphql'].map((name) => [name, readFileSync(join(web, name))]),
  ['licenses.txt', Buffer.from(licenses(modules, join(web, 'licenses')))],
]);

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function hashedName(name) {
  const { name: stem, ext } = parse(name);
  return `${stem}-${sha256(assets.get(name)).slice(0, 12)}${ext}`;
}

// The page names its files as assets/<plain name>; a name that is not in the table is a mistake.
const page = readFileSync(join(web, 'index.html'), 'utf8').replace(/\bassets\/([\w.-]+)/g, (_, name) => {
  if (!assets.has(name)) throw new Error(`index.html wants assets/${name}, which the build does not make`);
  return `assets/${hashedName(name)}`;
});

// The bytes of a gzip stream differ between versions of zlib. One that already says the same is kept, so that a build
// with another Node.js does not change what is committed.
function compressed(path, content) {
  try {
    const old = readFileSync(path);
    if (gunzipSync(old).equals(content)) return old;
  } catch {
    // None there yet, or a broken one.
  }
  const gz = gzipSync(content, { level: 9 });
  gz[9] = 255; // The operating system that the header names: unknown, on every one of them.
  return gz;
}

const files = new Map([['index.html.gz', Buffer.from(page)]]);
for (const [name, content] of assets) files.set(`${hashedName(name)}.gz`, content);

mkdirSync(dist, { recursive: true });
for (const [name, content] of files) files.set(name, compressed(join(dist, name), content));
// Plain as well, for who reads the repository.
files.set('LICENSES.txt', assets.get('licenses.txt'));

const sums = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
files.set('SHA256SUMS', Buffer.from(sums.join('')));

for (const name of readdirSync(dist)) if (!files.has(name)) rmSync(join(dist, name));
for (const [name, bytes] of files) {
  writeFileSync(join(dist, name), bytes);
  console.log(String(bytes.length).padStart(8), name);
}
