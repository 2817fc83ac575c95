// JSON to look at: indented, with keys, texts and numbers told apart.
import type { ComponentChildren } from 'preact';
import type { Json } from '../api/types';

// What would take longer to colour than to read is left plain.
const longest = 30_000;
const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function coloured(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(token)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    const [whole, string, colon] = match;
    if (string && colon) parts.push(<span class="json-key">{string}</span>, colon);
    else parts.push(<span class={string ? 'json-string' : 'json-value'}>{whole}</span>);
    at = match.index + whole.length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** A JSON value in a block that scrolls; `label` names it to readers of the screen. */
export function JsonBlock({ value, label }: { value: unknown; label: string }) {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  return (
    <pre class="json" tabIndex={0} role="group" aria-label={label}>
      <code>{text.length <= longest ? coloured(text) : text}</code>
    </pre>
  );
}

/** What a JSON value comes to in one line. */
export function oneLine(value: Json, most = 160): string {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    const pairs = Object.entries(value).map(([key, each]) => `${key}: ${JSON.stringify(each)}`);
    return clipped(pairs.join(', '), most);
  }
  return clipped(typeof value === 'string' ? value : JSON.stringify(value), most);
}

export function clipped(text: string, most: number): string {
  const line = text.slice(0, most * 2).replace(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

/** A text that is a JSON object or list, as one; undefined for any other. */
export function parsed(text: string, reviver: Parameters<typeof JSON.parse>[1]): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text, reviver) as unknown;
  } catch {
    return undefined;
  }
}
