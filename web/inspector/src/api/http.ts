// Queries and mutations: a POST each. Every address is relative to the page, so that it works behind a proxy under a path.
import { authorization, refuse } from '../state/session';
import { documentOf } from './documents';
import { Refused, Unreachable, refusal } from './errors';
import { keepDigits } from './json';
import type { Data, Name, Variables } from './types';

export const endpoint = new URL('graphql', document.baseURI);

/**
 * Sends an operation and gives its data. It throws Refused with the server's sentence, Unreachable where there is no
 * answer, and what `signal` was aborted with.
 */
export async function ask<N extends Name>(name: N, variables: Variables<N>, signal?: AbortSignal): Promise<Data<N>> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json', ...authorization() },
    body: JSON.stringify({ query: documentOf(name), variables, operationName: name }),
    signal: signal ?? null,
  }).catch((error: unknown) => {
    throw signal?.aborted ? error : new Unreachable();
  });
  const text = await response.text();
  const { data, errors } = answer(text, response);
  if (errors?.length) {
    const error = refusal(errors);
    if (error.code === 'UNAUTHENTICATED') refuse(error.message);
    throw error;
  }
  return data as Data<N>;
}

// A refusal by something between the page and GraphQL, a proxy for one, need not be JSON. It is shown as it is.
function answer(text: string, response: Response): { data?: unknown; errors?: unknown[] } {
  try {
    return JSON.parse(text, keepDigits) as { data?: unknown; errors?: unknown[] };
  } catch {
    const message = `${response.status} ${response.statusText}: ${text.trim().slice(0, 300)}`;
    throw new Refused({ message, extensions: { code: 'NO_JSON' } });
  }
}
