import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';

// It does not connect again by itself: it would subscribe with the variables of the first time, and miss what has come since. messages.js does,
// behind the last message that it has. A connection that is dead without a sign, as behind a proxy whose server has gone, is found by the
// pings that nobody answers, or by the acknowledgement that does not come.
let open;
let silence;
let connected = false;
const watchers = new Set();
function tell(now) {
  connected = now;
  for (const watch of watchers) watch(now);
}

/** Tells whether the socket is connected, now and at each change, until the function that it returns is called. */
export function watchConnection(watch) {
  watchers.add(watch);
  watch(connected);
  return () => watchers.delete(watch);
}

const socket = createClient({
  url: new URL('/graphql', location.href).href.replace(/^http/, 'ws'),
  retryAttempts: 0,
  connectionAckWaitTimeout: 10_000,
  keepAlive: 5_000,
  on: {
    connected: (connection) => {
      open = connection;
      tell(true);
    },
    ping: (received) => {
      if (!received) silence = setTimeout(() => open.close(4408, 'no pong'), 5_000);
    },
    pong: (received) => received && clearTimeout(silence),
    closed: () => {
      clearTimeout(silence);
      tell(false);
    },
  },
});

// Every write of this page carries an id of its own, so all of them may be sent again, for as long as the page is open.
const retry = new RetryLink({ delay: { initial: 300, max: 5000, jitter: true }, attempts: { max: Infinity } });

export const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(socket),
    ApolloLink.from([retry, new HttpLink({ uri: '/graphql' })]),
  ),
});
