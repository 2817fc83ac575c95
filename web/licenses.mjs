// Collects the licences of everything that ends up in a page.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const rule = `${'-'.repeat(100)}\n`;

/** The package that a file below node_modules belongs to; undefined for any other file. */
export function packageOf(file) {
  const path = file.split('node_modules/').slice(1).pop();
  return path?.split('/').slice(0, path.startsWith('@') ? 2 : 1).join('/');
}

// The licence of a package as it ships it, or what its package.json says where it ships none.
function licenseOf(modules, name) {
  const dir = join(modules, name);
  if (!existsSync(dir)) return null;
  const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry));
  if (file) return readFileSync(join(dir, file), 'utf8');
  const { license, author, repository } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const by = [author?.name ?? author, repository?.url ?? repository].filter(Boolean).join(', ');
  return `${license} License (the package ships no text of it)\n${by}\n`;
}

/** Returns the text of a page's LICENSES.txt: the licences of these packages. Throws where a package's licence cannot be found. */
export function licenses(page, packages, modules) {
  const byText = new Map();
  for (const name of packages) {
    const text = licenseOf(modules, name);
    if (!text) throw new Error(`no licence found for ${name}`);
    const normal = text.replace(/\r\n/g, '\n').replace(/[ \t]+$/gm, '').trim();
    byText.set(normal, [...(byText.get(normal) ?? []), name]);
  }
  let out = `${page} of agentstate contains the software named here, under the licences that follow.\n\n`;
  for (const [text, names] of byText) out += `${rule}${names.join('\n')}\n${rule}\n${text}\n\n`;
  return out;
}
