// Collects the licences of everything that ends up in a page. GraphiQL's UMD build is one file out of some 70
// packages; which ones, its source map knows. web/licenses keeps the texts that no installed package has: of the fonts
// in GraphiQL's style sheet, and of graphql-ws, which is in the bundle and no dependency of it.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const rule = `${'-'.repeat(100)}\n`;

// The names of the packages whose sources went into the bundle. Those of GraphiQL's own repository have paths outside
// of node_modules and stand under GraphiQL's licence.
export function bundledInGraphiQL(modules) {
  const { sources } = JSON.parse(readFileSync(join(modules, 'graphiql/graphiql.min.js.map'), 'utf8'));
  const names = new Set(['graphiql', 'react', 'react-dom']);
  for (const source of sources) {
    const name = packageOf(source);
    if (name) names.add(name);
  }
  return [...names].sort();
}

/** The package that a file below node_modules belongs to; undefined for any other file. */
export function packageOf(file) {
  const path = file.split('node_modules/').slice(1).pop();
  return path?.split('/').slice(0, path.startsWith('@') ? 2 : 1).join('/');
}

// The licence of a package as it ships it, or what its package.json says where it ships none.
function licenseOf(modules, name, kept) {
  if (kept.has(name)) return kept.get(name);
  const dir = join(modules, name);
  if (!existsSync(dir)) return null;
  const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry));
  if (file) return readFileSync(join(dir, file), 'utf8');
  const { license, author, repository } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const by = [author?.name ?? author, repository?.url ?? repository].filter(Boolean).join(', ');
  return `${license} License (the package ships no text of it)\n${by}\n`;
}

// Names a package that is installed and comes from the same repository: the bundle was made with older versions than the
// lockfile has, and some of their packages have been merged into others since.
function sibling(modules, name) {
  const [scope] = name.split('/');
  if (!scope.startsWith('@') || !existsSync(join(modules, scope))) return null;
  return `${scope}/${readdirSync(join(modules, scope)).sort()[0]}`;
}

/**
 * Returns the text of a page's LICENSES.txt: the licences of these packages, and all that are kept in keptDir. Throws where
 * a package's licence cannot be found.
 */
export function licenses(page, packages, modules, keptDir) {
  const kept = new Map();
  for (const file of keptDir ? readdirSync(keptDir).sort() : []) {
    kept.set(file.replace(/\.txt$/, ''), readFileSync(join(keptDir, file), 'utf8'));
  }
  const byText = new Map();
  for (const name of new Set([...packages, ...kept.keys()])) {
    const text = licenseOf(modules, name, kept) ?? licenseOf(modules, sibling(modules, name) ?? name, kept);
    if (!text) throw new Error(`no licence found for ${name}: put its text into web/licenses/${name}.txt`);
    const normal = text.replace(/\r\n/g, '\n').replace(/[ \t]+$/gm, '').trim();
    byText.set(normal, [...(byText.get(normal) ?? []), name]);
  }
  let out = `${page} of agentstate contains the software${kept.size > 0 ? ' and the fonts' : ''} named here, under the licences that follow.\n\n`;
  for (const [text, names] of byText) out += `${rule}${names.join('\n')}\n${rule}\n${text}\n\n`;
  return out;
}
