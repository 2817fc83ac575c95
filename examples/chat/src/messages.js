import { useApolloClient } from '@apollo/client/react';
import { useCallback, useEffect, useRef, useState } from 'react';

import { watchConnection } from './client.js';
import { ADD, CREATE, LIVE, THREAD } from './operations.js';

const PAGE = 30;

const bySeq = (a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity);

// merged puts messages together: one of each messageId, those that the server has in its order, and behind them those on their way.
function merged(known, news) {
  const all = new Map(known.map((m) => [m.messageId, m]));
  for (const m of news) all.set(m.messageId, m);
  return [...all.values()].sort(bySeq);
}

/** The messages of a thread: a page of them, then live; `say` adds one, `earlier` a page of older ones. */
export function useMessages(threadId) {
  const client = useApolloClient();
  const [messages, setMessages] = useState([]);
  const [more, setMore] = useState(false);
  const [state, setState] = useState('connecting');
  const [error, setError] = useState(null);
  const behind = useRef(null); // the cursor of the last message that came by the subscription, which are all up to there

  const take = useCallback((news) => setMessages((known) => merged(known, news)), []);

  const page = useCallback(
    async (before) => {
      const { data } = await client.query({
        query: THREAD,
        variables: { threadId, last: PAGE, before },
        fetchPolicy: 'network-only',
      });
      return data.agentState;
    },
    [client, threadId],
  );

  // First what is there, then, behind that, everything that comes: nothing falls between the two, nor between one connection and the next.
  useEffect(() => {
    let ended = false;
    let subscription;
    let timer;
    let unwatch;
    const listen = () => {
      subscription = client
        .subscribe({ query: LIVE, variables: { threadId, after: behind.current } })
        .subscribe({
          next: ({ data, error: failed }) => {
            if (failed) return again(failed);
            setError(null);
            behind.current = data.messageAdded.cursor;
            take([data.messageAdded]);
          },
          error: again,
          complete: () => {
            unwatch?.();
            if (!ended) setState('over');
          },
        });
      unwatch = watchConnection((connected) => setState(connected ? 'live' : 'connecting'));
    };
    const again = (failed) => {
      if (ended) return;
      unwatch?.();
      setState('connecting');
      setError(failed.message);
      timer = setTimeout(listen, 500 + Math.random() * 500);
    };
    const begin = async () => {
      try {
        let found = await page();
        if (!found) {
          // The thread's id is given, so two who begin it at once begin the same one.
          await client.mutate({ mutation: CREATE, variables: { input: { threadId } } }).catch(() => {});
          found = await page();
        }
        if (ended || !found) return;
        behind.current = found.messageCursor;
        take(found.messages.edges.map(({ node }) => node));
        setMore(found.messages.pageInfo.hasPreviousPage);
        listen();
      } catch (failed) {
        if (ended) return;
        setError(failed.message);
        timer = setTimeout(begin, 1000);
      }
    };
    begin();
    return () => {
      ended = true;
      clearTimeout(timer);
      unwatch?.();
      subscription?.unsubscribe();
    };
  }, [client, threadId, page, take]);

  // The message is shown at once, under the id that it is stored by: what comes back takes its place, whichever way it comes first.
  const say = useCallback(
    async (text) => {
      const messageId = crypto.randomUUID();
      const draft = { messageId, type: 'HUMAN', text, timestamp: new Date().toISOString(), pending: true };
      take([draft]);
      try {
        const input = { threadId, createIfMissing: true, message: { messageId, type: 'HUMAN', content: text } };
        const { data } = await client.mutate({ mutation: ADD, variables: { input } });
        setMessages((known) => merged(known, [data.addMessage.message]));
      } catch (failed) {
        take([{ ...draft, pending: false, failed: failed.message }]);
      }
    },
    [client, threadId, take],
  );

  const earlier = useCallback(async () => {
    const found = (await page(messages.find((m) => m.cursor)?.cursor))?.messages;
    if (!found) return;
    setMore(found.pageInfo.hasPreviousPage);
    setMessages((known) => merged(found.edges.map(({ node }) => node), known));
  }, [page, messages]);

  return { messages, more, state, error, say, earlier };
}
