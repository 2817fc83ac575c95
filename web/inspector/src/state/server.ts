// What the page knows of the server itself.
import { signal } from '@preact/signals';
import { ask } from '../api/http';
import { numeric } from '../api/json';
import { adjust } from './clock';

interface Facts {
  version: string;
  environment: string;
  redis: { mode: string; warnings: string[] };
}

export const server = {
  facts: signal<Facts | null>(null),
  /** Whether this server has the playground at its root. */
  playground: signal(false),
};

/** Asks how the server is, and how late. Without an answer the page is as useful as before. */
export async function meet(): Promise<void> {
  try {
    const { health } = await ask('Server', {});
    adjust(numeric(health.timestamp));
    server.facts.value = health;
  } catch {
    // Whatever is wrong, the list says it.
  }
}

// The page's own answer names the pages beside it (RFC 8288).
export async function lookAround(): Promise<void> {
  try {
    const { headers } = await fetch(location.pathname, { method: 'HEAD' });
    server.playground.value = /rel="related"/.test(headers.get('Link') ?? '');
  } catch {
    // Then there is no link.
  }
}
