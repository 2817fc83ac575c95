// What the two pages' builds share: names that say the content, gzip that stays the same, and the sums.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, parse, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The name of a file with the first 12 hex digits of its content's SHA-256 in it. */
export function hashedName(name, content) {
  const { name: stem, ext } = parse(name);
  return `${stem}-${sha256(content).slice(0, 12)}${ext}`;
}

/** The names and sums of all files that a build reads of `folder`: `files` there, and what lies in its folder src. */
export function sources(folder, files) {
  const read = [...files.map((name) => join(folder, name)), ...within(join(folder, 'src'))];
  const sums = read.map((path) => `${sha256(readFileSync(path))}  ${relative(folder, path).replaceAll('\\', '/')}\n`);
  return Buffer.from(sums.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join(''));
}

function* within(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* within(path);
    else yield path;
  }
}

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

/**
 * Writes a page and its assets, maps of names to Buffers, into `dist`, each packed; `named` are assets that have a hash in their names
 * already. `plain` are files that are not served and stay as they are. What else lies in `dist` is removed.
 */
export function write(dist, page, assets, plain, named = []) {
  const served = new Map([['index.html.gz', page]]);
  for (const [name, content] of assets) served.set(`${hashedName(name, content)}.gz`, content);
  for (const [name, content] of named) served.set(`${name}.gz`, content);
  mkdirSync(dist, { recursive: true });
  const files = new Map(plain);
  for (const [name, content] of served) files.set(name, compressed(join(dist, name), content));

  const sums = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
  files.set('SHA256SUMS', Buffer.from(sums.join('')));
  for (const name of readdirSync(dist)) if (!files.has(name)) rmSync(join(dist, name));
  for (const [name, bytes] of files) {
    writeFileSync(join(dist, name), bytes);
    console.log(String(bytes.length).padStart(8), name);
  }
}
