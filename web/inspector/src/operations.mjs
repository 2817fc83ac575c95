// Splits operations.graphql. Plain JavaScript, because the build reads it too, for the manifest of documents.

/**
 * Gives the documents of a file by the names of their operations: each operation with the fragments that it spreads, and
 * no comments. What it expects is a file whose definitions begin and end at the left margin.
 *
 * @param {string} file
 * @returns {Map<string, string>}
 */
export function documents(file) {
  const definitions = new Map();
  for (const [text, kind, name] of file.matchAll(/^(query|mutation|subscription|fragment) (\w+)[^]*?^\}$/gm)) {
    definitions.set(name, { text, fragment: kind === 'fragment' });
  }
  const found = new Map();
  for (const [name, { fragment }] of definitions) {
    if (fragment) continue;
    // A set keeps what is added while it is walked: fragments of fragments come along.
    const names = new Set([name]);
    for (const user of names) {
      for (const [, used] of definitions.get(user).text.matchAll(/\.\.\.(\w+)/g)) names.add(used);
    }
    found.set(name, [...names].map((each) => definitions.get(each).text).join('\n\n'));
  }
  return found;
}
