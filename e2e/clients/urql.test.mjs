// urql, with its normalised cache and subscriptions over graphql-ws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Inbox, add, ask, drop, endpoint, limit, messageAdded, newThread, poll, socketEndpoint, thread, upTo, within } from './server.mjs';

function connect(t, { cache = {}, preferGetMethod = false } = {}) {
  const requests = [];
  const socket = createClient({ url: socketEndpoint, webSocketImpl: WebSocket });
  t.after(() => socket.dispose());
  const client = new Client({
    url: endpoint,
    preferGetMethod,
    fetch: (url, options) => {
      requests.push(options.method ?? 'GET');
      return fetch(url, options);
    },
    exchanges: [
      cacheExchange(cache),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return { client, requests };
}

/** Takes a source's results; `inbox` gets each that is not stale. */
function watch(t, source) {
  const inbox = new Inbox();
  const { unsubscribe } = source.subscribe((result) => { if (!result.stale) inbox.push(result); });
  t.after(unsubscribe);
  return inbox;
}

const state = gql`query Watch($id: ID!) { agentState(threadId: $id) { id context version } }`;

for (const preferGetMethod of [false, true]) {
  test(`the payload of a mutation updates a watched query, ${preferGetMethod ? 'GET' : 'POST'}`, limit, async (t) => {
    const { threadId } = await thread(0);
    const { client, requests } = connect(t, { preferGetMethod });
    const inbox = watch(t, client.query(state, { id: threadId }));
    await inbox.has(1);
    const { error } = await client.mutation(
      gql`mutation Set($id: ID!) { setContext(input: { threadId: $id, context: "new" }) { agentState { id context version } } }`,
      { id: threadId },
    );
    assert.equal(error, undefined);
    const shown = await inbox.has(2);
    assert.deepEqual(shown.map(({ data }) => [data.agentState.context, data.agentState.version]), [['', 1], ['new', 2]]);
    assert.deepEqual(requests, [preferGetMethod ? 'GET' : 'POST', 'POST'], 'the query was not sent again');
  });
}

test('messages of the same messageId in two threads stay two', limit, async (t) => {
  const threads = [await thread(2), await thread(2)];
  const { client } = connect(t);
  const query = gql`query Messages($id: ID!) { agentState(threadId: $id) { id messages { nodes { id messageId threadId } } } }`;
  for (const { threadId } of threads) await client.query(query, { id: threadId });
  for (const { threadId } of threads) {
    const { data } = await client.query(query, { id: threadId }, { requestPolicy: 'cache-only' });
    assert.deepEqual(data.agentState.messages.nodes.map((m) => [m.threadId, m.messageId]), [[threadId, 'm1'], [threadId, 'm2']]);
  }
});

test('relayPagination merges pages', limit, async (t) => {
  const { threadId } = await thread(5);
  const { client } = connect(t, { cache: { resolvers: { AgentState: { messages: relayPagination() } } } });
  const query = gql`query Page($id: ID!, $first: Int!, $after: String) {
    agentState(threadId: $id) { id messages(first: $first, after: $after) { edges { cursor node { id seq } } pageInfo { hasNextPage endCursor } } }
  }`;
  const shown = [];
  for (let after; shown.length < 3;) {
    const { data, error } = await client.query(query, { id: threadId, first: 2, after });
    assert.equal(error, undefined);
    const { edges, pageInfo } = data.agentState.messages;
    shown.push({ seqs: edges.map(({ node }) => node.seq), more: pageInfo.hasNextPage });
    after = pageInfo.endCursor;
  }
  assert.deepEqual(shown, [{ seqs: [1, 2], more: true }, { seqs: [1, 2, 3, 4], more: true }, { seqs: [1, 2, 3, 4, 5], more: false }]);
});

test('codes of errors arrive', limit, async (t) => {
  const { client } = connect(t);
  const threadId = newThread();
  const extensions = ({ error }) => error.graphQLErrors.map((e) => e.extensions);
  assert.deepEqual(extensions(await client.mutation(
    gql`mutation Set($id: ID!) { setContext(input: { threadId: $id, context: "c" }) { agentState { id } } }`, { id: threadId },
  )), [{ code: 'NOT_FOUND', threadId }]);
  assert.deepEqual(extensions(await client.query(gql`query Invalid { nothing }`, {})), [{ code: 'GRAPHQL_VALIDATION_FAILED' }]);
});

test('a subscription is followed until it is complete', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const { client } = connect(t);
  const inbox = watch(t, client.subscription(messageAdded, { threadId, after: cursors[0] }));
  for (const n of upTo(5, 2)) await add(threadId, n);
  await inbox.has(4);
  await drop(threadId);
  // urql says the end by giving the last result once more.
  const shown = (await inbox.has(5)).map(({ data, hasNext }) => [data.messageAdded.seq, hasNext]);
  assert.deepEqual(shown, [[2, true], [3, true], [4, true], [5, true], [5, false]]);
});

test('a change that comes updates a watched query', limit, async (t) => {
  const { threadId } = await thread(0);
  const { client, requests } = connect(t);
  const inbox = watch(t, client.query(state, { id: threadId }));
  await inbox.has(1);
  const changes = watch(t, client.subscription(
    gql`subscription Changed($id: ID!) { agentStateChanged(threadId: $id) { kind agentState { id context version } } }`, { id: threadId },
  ));
  const set = (context) => ask(
    'mutation ($id: ID!, $c: String!) { setContext(input: { threadId: $id, context: $c }) { agentState { version } } }',
    { id: threadId, c: context },
  );
  // Nothing tells when a subscription to changes stands, so this changes the thread until that is seen.
  await poll(async () => {
    await set('again');
    return changes.items.length > 0;
  }, 'a change');
  await set('last');
  await poll(() => inbox.items.at(-1).data.agentState.context === 'last', 'the last change to show');
  assert.deepEqual(requests, ['POST'], 'the query was not sent again');
});

test('a subscription to no thread is told so with a code', limit, async (t) => {
  const threadId = newThread();
  const { client } = connect(t);
  const result = await within(client.subscription(messageAdded, { threadId }).toPromise(), 'an error');
  assert.deepEqual(result.error.graphQLErrors.map(({ extensions }) => extensions), [{ code: 'NOT_FOUND', threadId }]);
});
