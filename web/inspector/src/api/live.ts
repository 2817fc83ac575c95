// Subscriptions: all of them over one WebSocket, which is made anew for as long as somebody listens.
import { signal } from '@preact/signals';
import { type Client, CloseCode, createClient } from 'graphql-ws';
import { authorization, refuse } from '../state/session';
import { documentOf } from './documents';
import { Refused, refusal } from './errors';
import { endpoint } from './http';
import { keepDigits } from './json';
import type { Data, Name, Variables } from './types';

/** How the connection is: nobody listens, on its way, up, lost and tried again, up again since a moment, or refused for its token. */
export type Link = 'idle' | 'connecting' | 'live' | 'reconnecting' | 'resumed' | 'refused';
export const link = signal<Link>('idle');

/** Counts the connections that came after a lost one. */
export const resumptions = signal(0);

// For how long the page says that it has resumed.
const resumedFor = 6_000;
// A WebSocket whose other end is gone without a word looks open: it is asked, and has as long to answer.
const pingEvery = 10_000;
const pongWithin = 5_000;

let client = connect();

function connect(): Client {
  let socket: WebSocket | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let calm: ReturnType<typeof setTimeout> | undefined;
  return createClient({
    url: endpoint.href.replace(/^http/, 'ws'),
    connectionParams: () => authorization(), // asked anew for each connection
    retryAttempts: Infinity,
    shouldRetry: () => link.value !== 'refused', // a token that was not taken once is not taken the next time
    retryWait: (tries) => new Promise((done) => setTimeout(done, Math.min(500 * 2 ** tries, 10_000) * (0.75 + Math.random() / 2))),
    lazyCloseTimeout: 1_000, // from one thread to the next the connection stays
    keepAlive: pingEvery,
    jsonMessageReviver: keepDigits,
    on: {
      connecting: (retry) => {
        if (retry) link.value = 'reconnecting';
        else if (link.value === 'idle') link.value = 'connecting';
      },
      opened: (opened) => {
        socket = opened as WebSocket;
      },
      connected: (_, __, retry) => {
        link.value = retry ? 'resumed' : 'live';
        if (!retry) return;
        resumptions.value++;
        clearTimeout(calm);
        calm = setTimeout(() => link.value === 'resumed' && (link.value = 'live'), resumedFor);
      },
      ping: (received) => {
        if (received) return;
        silence = setTimeout(() => socket?.readyState === WebSocket.OPEN && socket.close(4408, 'no answer to a ping'), pongWithin);
      },
      pong: (received) => received && clearTimeout(silence),
      closed: (event) => {
        clearTimeout(silence);
        clearTimeout(calm);
        const { code, reason, wasClean } = event as CloseEvent;
        if (code === CloseCode.Forbidden || code === CloseCode.Unauthorized) {
          link.value = 'refused';
          refuse(reason.replace(/^Forbidden: /, '') || 'The server did not take this token for live updates: give another one.');
        } else {
          link.value = code === 1000 && wasClean ? 'idle' : 'reconnecting';
        }
      },
    },
  });
}

/** Begins anew with the token that there is now. Whoever listens must do so again. */
export function reconnect(): void {
  const old = client;
  client = connect();
  link.value = 'idle';
  void old.dispose();
}

function closedFor(error: unknown): string {
  const { code, reason } = (error ?? {}) as Partial<CloseEvent>;
  return code ? `The server has closed the live connection (${code} ${reason}). Reload this page.` : String(error);
}

interface Listener<N extends Name> {
  next: (data: Data<N>) => void;
  /** The stream is over: by an error of the operation, or without one because it is complete. */
  end?: (error: Refused | null) => void;
}

/**
 * Follows a subscription until the given function is called. When the connection is lost the operation is sent again as
 * it stands then: `variables` may hold getters, which are read each time.
 */
export function follow<N extends Name>(name: N, variables: Variables<N>, { next, end }: Listener<N>): () => void {
  const payload = { query: documentOf(name), operationName: name, variables: variables as Record<string, unknown> };
  let over = false;
  const finish = (error: Refused | null) => {
    if (!over) end?.(error);
    over = true;
  };
  const stop = client.subscribe<Data<N>>(payload, {
    next: ({ data, errors }) => {
      if (over) return;
      if (errors?.length) finish(refusal(errors));
      else if (data) next(data);
    },
    // An array is what the server says of the operation. A connection that fails is tried again and does not come here, unless its
    // close code forbids that: 4403 waits for another token, and any other is a mistake of this page.
    error: (error) => {
      if (Array.isArray(error)) finish(refusal(error));
      else if (link.value !== 'refused') finish(new Refused({ message: closedFor(error) }));
    },
    complete: () => finish(null),
  });
  return () => {
    over = true;
    stop();
  };
}
