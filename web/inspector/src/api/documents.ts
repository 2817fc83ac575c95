import { documents } from '../operations.mjs';
import file from '../operations.graphql?raw';
import type { Name } from './types';

const all = documents(file);

/** The document of an operation. */
export function documentOf(name: Name): string {
  const text = all.get(name);
  if (!text) throw new Error(`operations.graphql has no ${name}`);
  return text;
}
