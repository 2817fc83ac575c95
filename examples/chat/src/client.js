import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';

// Connected again for ever: what was missed meanwhile comes by the cursor, see messages.js. A connection that is dead without a sign, as
// behind a proxy whose server has gone, is found by the pings that nobody answers.
let open;
let silence;
const socket = createClient({
  url: new URL('/graphql', location.href).href.replace(/^http/, 'ws'),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(200 * 2 ** retries, 5000) * (0.5 + Math.random()))),
  keepAlive: 5_000,
  on: {
    connected: (connection) => (open = connection),
    ping: (received) => {
      if (!received) silence = setTimeout(() => open.close(4408, 'no pong'), 5_000);
    },
    pong: (received) => received && clearTimeout(silence),
    closed: () => clearTimeout(silence),
  },
});

// Every write of this page carries an id of its own, so all of them may be sent again.
const retry = new RetryLink({ delay: { initial: 300, max: 5000, jitter: true }, attempts: { max: 20 } });

export const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(socket),
    ApolloLink.from([retry, new HttpLink({ uri: '/graphql' })]),
  ),
});
