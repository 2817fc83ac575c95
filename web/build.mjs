// Makes web/dist, which is committed and embedded in the binary, out of the files beside this one and of the packages
// that package-lock.json pins. `npm ci && npm run build` on an unchanged tree changes nothing.
//
// Every file but the page itself carries the first 12 hex digits of its content's SHA-256 in its name, so that it can be
// cached for ever and a browser never mixes the files of two versions. What comes from a package is copied byte for byte:
// its name can be checked against the package.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledInGraphiQL, licenses } from './licenses.mjs';
import { hashedName, write } from './pack.mjs';

const web = dirname(fileURLToPath(import.meta.url));
const modules = join(web, 'node_modules');

// React's last UMD build is the one of version 18. GraphiQL's UMD build holds graphql, graphql-ws and its fonts.
const assets = new Map([
  ['react.js', readFileSync(join(modules, 'react/umd/react.production.min.js'))],
  ['react-dom.js', readFileSync(join(modules, 'react-dom/umd/react-dom.production.min.js'))],
  ['graphiql.js', readFileSync(join(modules, 'graphiql/graphiql.min.js'))],
  ['graphiql.css', readFileSync(join(modules, 'graphiql/graphiql.min.css'))],
  ...['playground.js', 'playground.css', 'icon.svg', 'tour.graphql'].map((name) => [name, readFileSync(join(web, name))]),
  ['licenses.txt', Buffer.from(licenses('The playground', bundledInGraphiQL(modules), modules, join(web, 'licenses')))],
]);

// The page names its files as assets/<plain name>; a name that is not in the table is a mistake.
const page = readFileSync(join(web, 'index.html'), 'utf8').replace(/\bassets\/([\w.-]+)/g, (_, name) => {
  if (!assets.has(name)) throw new Error(`index.html wants assets/${name}, which the build does not make`);
  return `assets/${hashedName(name, assets.get(name))}`;
});

// The licences plain as well, for who reads the repository.
write(join(web, 'dist'), Buffer.from(page), assets, [['LICENSES.txt', assets.get('licenses.txt')]]);
