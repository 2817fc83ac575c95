// Queries and mutations, over HTTP.
import { keepDigits } from '../../../inspector/src/api/json';
import type { Request } from './resume';

/** The API, relative to the page, so that it also works behind a proxy that serves both under a path. */
export const endpoint = new URL('graphql', document.baseURI);

/**
 * Sends an operation and gives what came. A refusal by something between the page and GraphQL (authentication, a proxy, a limit)
 * need not be JSON: it is shown as it is, rather than as a complaint about its first letter.
 */
export async function post(request: Request, headers: Record<string, unknown> | undefined): Promise<Record<string, unknown>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json',
      ...(headers as Record<string, string> | undefined),
    },
    body: JSON.stringify(request),
  });
  const text = await response.text();
  if (response.headers.get('Content-Type')?.includes('json')) return JSON.parse(text, keepDigits) as Record<string, unknown>;
  throw new Error(`${response.status} ${response.statusText}: ${text.trim().slice(0, 500)}`);
}
