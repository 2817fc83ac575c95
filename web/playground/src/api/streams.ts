// The subscriptions that run, by the tab that they were started in. GraphiQL ends one when its reader goes to another tab; here it goes
// on in the log, so that a message that is added in the next tab is seen to arrive.
import type { Fetcher } from '@graphiql/toolkit';
import type { TabsState } from '@graphiql/react';
import { OperationTypeNode, parse } from 'graphql';
import { post } from './http';
import { operationOf, type Request } from './resume';
import { type Observer, Stream } from './stream';

let streams: readonly Stream[] = [];
let version = 0;
const readers = new Set<() => void>();
let active = '';

function show(next: readonly Stream[] = streams): void {
  streams = next;
  version++;
  for (const reader of readers) reader();
}

/** A store for useSyncExternalStore: its snapshot changes with whatever there is to show. */
export const store = {
  subscribe(reader: () => void) {
    readers.add(reader);
    return () => readers.delete(reader);
  },
  version: () => version,
  all: () => streams,
};

/** Ends a stream and takes its log away. */
export function remove(stream: Stream): void {
  stream.stop();
  show(streams.filter((each) => each !== stream));
}

/** Takes note of the tab that is open, and of those that are closed. */
export function tabChanged({ tabs, activeTabIndex }: Pick<TabsState, 'tabs' | 'activeTabIndex'>): void {
  active = tabs[activeTabIndex]?.id ?? '';
  for (const stream of streams) if (!tabs.some(({ id }) => id === stream.tab)) remove(stream);
}

function follow(start: (observer: Observer, tab: string) => Stream) {
  return {
    subscribe(observer: Observer) {
      const tab = active;
      for (const each of streams) if (each.tab === tab) remove(each);
      const stream = start(observer, tab);
      show([...streams, stream]);
      return {
        // GraphiQL calls this where its reader stops it, and where she goes to another tab, which it tells right after.
        unsubscribe() {
          stream.detach();
          setTimeout(() => active === tab && stream.stop());
        },
      };
    },
  };
}

function parsed(query: string) {
  try {
    return parse(query);
  } catch {
    return undefined; // The server says what is wrong with it.
  }
}

/** Sends what GraphiQL runs: subscriptions over a WebSocket, all else over HTTP. */
export const fetcher: Fetcher = (params, options) => {
  const headers = options?.headers as Record<string, unknown> | undefined;
  const document = parsed(params.query);
  const operation = document && operationOf(document, params.operationName);
  const request = { ...(params as Request), ...(operation && { operationName: operation.name?.value }) };
  if (!document || operation?.operation !== OperationTypeNode.SUBSCRIPTION) return post(request, headers) as ReturnType<Fetcher>;
  return follow((observer, tab) => new Stream(request, document, operation, headers, observer, tab, show)) as unknown as ReturnType<Fetcher>;
};
