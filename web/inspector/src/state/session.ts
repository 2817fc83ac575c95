// Who the reader is to the server. The token lives as long as the tab: sessionStorage is neither shared with other tabs nor kept.
import { signal } from '@preact/signals';

const key = 'agentstate:token';

export const token = signal(sessionStorage.getItem(key) ?? '');

/** Why the server wants a token, or another one; empty where it is content. */
export const refused = signal('');

/** Counts the tokens, so that what hangs on one can begin anew. */
export const sessions = signal(0);

export function useToken(value: string): void {
  token.value = value.trim();
  if (token.value) sessionStorage.setItem(key, token.value);
  else sessionStorage.removeItem(key);
  refused.value = '';
  sessions.value++;
}

export function refuse(why: string): void {
  refused.value = why;
}

/** The header of a request, and the payload of connection_init: browsers cannot set headers on a WebSocket. */
export function authorization(): Record<string, string> {
  return token.value ? { Authorization: `Bearer ${token.value}` } : {};
}
