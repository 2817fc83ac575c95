// What both versions of Apollo Client must do alike. A version comes as apollo3.mjs and apollo4.mjs give it.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import legacy from 'subscriptions-transport-ws';
import { WebSocket } from 'ws';
import {
  Inbox, add, ask, drop, endpoint, listen, messageAdded, newThread, poll, socketEndpoint, thread, upTo, within,
} from './server.mjs';

/** A client over HTTP that ends with the test, and the bodies and headers of its requests. */
export function overHTTP(t, apollo, { cache = new apollo.InMemoryCache(), before = [] } = {}) {
  const requests = [];
  const http = new apollo.HttpLink({
    uri: endpoint,
    fetch: (url, options) => {
      requests.push({ body: options.body && JSON.parse(options.body), accept: new Headers(options.headers).get('accept') });
      return fetch(url, options);
    },
  });
  const client = new apollo.ApolloClient({ cache, link: apollo.ApolloLink.from([...before, http]) });
  t.after(() => client.stop());
  return { client, requests };
}

/** The ways to subscribe: each gives a link that ends with the test. */
const links = {
  'GraphQLWsLink over graphql-transport-ws': (t, apollo) => {
    const socket = createClient({ url: socketEndpoint, webSocketImpl: WebSocket });
    t.after(() => socket.dispose());
    return new apollo.GraphQLWsLink(socket);
  },
  'WebSocketLink over the older graphql-ws': (t, apollo) => {
    const socket = new legacy.SubscriptionClient(socketEndpoint, { lazy: true, minTimeout: 10_000 }, WebSocket);
    t.after(() => socket.close());
    return new apollo.WebSocketLink(socket);
  },
};

/** Subscribes until the test ends, as `listen` does. */
export function follow(t, client, query, variables) {
  const followed = listen((observer) => {
    const subscription = client.subscribe({ query, variables }).subscribe(observer);
    return () => subscription.unsubscribe();
  });
  t.after(followed.stop); // an open stream would keep Node running
  return followed;
}

export const seqs = (results) => results.map(({ data, error, errors }) => {
  assert.equal(error ?? errors, undefined);
  return data.messageAdded.seq;
});

/** The extensions of the errors of what an operation was rejected with, or a subscription ended with. */
export const extensionsOf = (apollo, error) => apollo.errorsOf(error).map(({ extensions }) => extensions);

/** Watches a query; `inbox` gets what it shows, without the states in which it loads. */
function watch(t, client, query, variables) {
  const inbox = new Inbox();
  const observable = client.watchQuery({ query, variables });
  const subscription = observable.subscribe(({ data, loading, dataState = 'complete' }) => {
    if (!loading && dataState === 'complete') inbox.push(data);
  });
  t.after(() => subscription.unsubscribe());
  return { inbox, observable };
}

/** The tests of a version: pairs of name and function. The files that are run register them, so that they count as theirs. */
export function suite(apollo) {
  const tests = [];
  const test = (name, run) => tests.push([name, run]);
  operations(test, apollo);
  caches(test, apollo);
  pages(test, apollo);
  codes(test, apollo);
  for (const [name, link] of Object.entries(links)) subscriptions(test, apollo, name, link);
  return tests;
}

function operations(test, apollo) {
  const { gql } = apollo;
  test(`a query and a mutation over HTTP`, async (t) => {
    const { client } = overHTTP(t, apollo);
    const threadId = newThread();
    const created = await client.mutate({
      mutation: gql`mutation Create($input: CreateAgentStateInput!) {
        createAgentState(input: $input) { agentState { id threadId version metadata } }
      }`,
      variables: { input: { threadId, metadata: { title: 'a', deep: [1, { b: null }] } } },
    });
    const { agentState } = created.data.createAgentState;
    assert.equal(agentState.version, 1);
    assert.deepEqual(agentState.metadata, { title: 'a', deep: [1, { b: null }] });
    const { data } = await client.query({
      query: gql`query Read($id: ID!) { agentState(threadId: $id) { id threadId version } }`, variables: { id: threadId },
      fetchPolicy: 'network-only',
    });
    assert.deepEqual(data, { agentState: { __typename: 'AgentState', id: agentState.id, threadId, version: 1 } });
  });
}

function caches(test, apollo) {
  const { gql } = apollo;
  test(`the payload of a mutation updates a watched query`, async (t) => {
    const { threadId, id } = await thread(0);
    const { client, requests } = overHTTP(t, apollo);
    const { inbox } = watch(t, client, gql`query Watch($id: ID!) { agentState(threadId: $id) { id context version } }`, { id: threadId });
    await inbox.has(1);
    await client.mutate({
      mutation: gql`mutation Set($id: ID!) { setContext(input: { threadId: $id, context: "new" }) { agentState { id context version } } }`,
      variables: { id: threadId },
    });
    const shown = await inbox.has(2);
    assert.deepEqual(shown.map(({ agentState }) => [agentState.context, agentState.version]), [['', 1], ['new', 2]]);
    assert.deepEqual(requests.map(({ body }) => body.operationName), ['Watch', 'Set'], 'the query was not sent again');
    assert.equal(client.cache.extract()[`AgentState:${id}`].context, 'new');
  });

  test(`messages of the same messageId in two threads stay two`, async (t) => {
    const [one, two] = [await thread(2), await thread(2)];
    const { client } = overHTTP(t, apollo);
    const query = gql`query Messages($id: ID!) { agentState(threadId: $id) { id messages { nodes { id messageId threadId text } } } }`;
    const read = async (threadId, fetchPolicy) => (await client.query({ query, variables: { id: threadId }, fetchPolicy })).data.agentState;
    await read(one.threadId, 'network-only');
    await read(two.threadId, 'network-only');
    for (const { threadId } of [one, two]) {
      const { messages: { nodes } } = await read(threadId, 'cache-only');
      assert.deepEqual(nodes.map((m) => [m.threadId, m.messageId, m.text]), [[threadId, 'm1', 'text 1'], [threadId, 'm2', 'text 2']]);
    }
    const keys = Object.keys(client.cache.extract());
    assert.equal(keys.filter((key) => key.startsWith('Message:')).length, 4);
    assert.deepEqual(keys.filter((key) => key.startsWith('AgentState:')).sort(), [`AgentState:${one.id}`, `AgentState:${two.id}`].sort());
  });
}

function pages(test, apollo) {
  const { gql } = apollo;
  const cacheOf = () => new apollo.InMemoryCache({
    typePolicies: { AgentState: { fields: { messages: apollo.relayStylePagination() } } },
  });
  const query = gql`query Page($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    agentState(threadId: $id) {
      id messages(first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id seq } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }`;
  const shownBy = ({ agentState: { messages } }) => messages.edges.map(({ node }) => node.seq);

  test(`relayStylePagination merges pages forwards`, async (t) => {
    const { threadId } = await thread(5);
    const { client } = overHTTP(t, apollo, { cache: cacheOf() });
    const { inbox, observable } = watch(t, client, query, { id: threadId, first: 2 });
    await inbox.has(1);
    for (const n of [1, 2]) {
      const { endCursor } = inbox.items.at(-1).agentState.messages.pageInfo;
      await observable.fetchMore({ variables: { after: endCursor } });
      await inbox.has(n + 1);
    }
    assert.deepEqual(inbox.items.map(shownBy), [[1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 5]]);
    assert.deepEqual(inbox.items.map(({ agentState }) => agentState.messages.pageInfo.hasNextPage), [true, true, false]);
  });

  test(`relayStylePagination merges pages backwards`, async (t) => {
    const { threadId } = await thread(5);
    const { client } = overHTTP(t, apollo, { cache: cacheOf() });
    const { inbox, observable } = watch(t, client, query, { id: threadId, last: 2 });
    await inbox.has(1);
    const { startCursor } = inbox.items[0].agentState.messages.pageInfo;
    await observable.fetchMore({ variables: { before: startCursor } });
    await inbox.has(2);
    assert.deepEqual(inbox.items.map(shownBy), [[4, 5], [2, 3, 4, 5]]);
    assert.deepEqual(inbox.items.map(({ agentState }) => agentState.messages.pageInfo.hasPreviousPage), [true, true]);
  });
}

function codes(test, apollo) {
  const { gql } = apollo;
  const fails = async (operation, extensions) => {
    const error = await operation.then(() => assert.fail('it did not fail'), (error) => error);
    assert.deepEqual(extensionsOf(apollo, error), [extensions]);
  };

  test('the code of a mutation that fails arrives', async (t) => {
    const { client } = overHTTP(t, apollo);
    const threadId = newThread();
    await fails(client.mutate({
      mutation: gql`mutation Set($id: ID!) { setContext(input: { threadId: $id, context: "c" }) { agentState { id } } }`,
      variables: { id: threadId },
    }), { code: 'NOT_FOUND', threadId });
  });

  test('the code of a query that fails arrives', async (t) => {
    const { client } = overHTTP(t, apollo);
    const { threadId } = await thread(1);
    await fails(client.query({
      query: gql`query Bad($id: ID!) { agentState(threadId: $id) { id messages(first: 0) { totalCount } } }`, variables: { id: threadId },
    }), { code: 'BAD_USER_INPUT', argument: 'first' });
  });

  test('the code of a document that is not valid arrives', async (t) => {
    const { client } = overHTTP(t, apollo);
    await fails(client.query({ query: gql`query Invalid { nothing }` }), { code: 'GRAPHQL_VALIDATION_FAILED' });
  });
}

function subscriptions(test, apollo, name, link) {
  const { gql } = apollo;
  const clientOf = (t) => {
    const client = new apollo.ApolloClient({ cache: new apollo.InMemoryCache(), link: link(t, apollo) });
    t.after(() => client.stop());
    return client;
  };

  test(`${name}: a subscription until it is complete`, async (t) => {
    const { threadId, cursors } = await thread(1);
    const { inbox, end } = follow(t, clientOf(t), gql(messageAdded), { threadId, after: cursors[0] });
    for (const n of upTo(5, 2)) await add(threadId, n);
    assert.deepEqual(seqs(await inbox.has(4)), upTo(5, 2));
    await drop(threadId);
    assert.equal(await within(end, 'complete'), 'complete');
    assert.deepEqual(seqs(inbox.items), upTo(5, 2));
  });

  test(`${name}: a query and a mutation`, async (t) => {
    const { threadId } = await thread(0);
    const client = clientOf(t);
    await client.mutate({
      mutation: gql`mutation Set($id: ID!) { setRelevance(input: { threadId: $id, relevant: false }) { agentState { id relevant } } }`,
      variables: { id: threadId },
    });
    const { data } = await client.query({
      query: gql`query Read($id: ID!) { agentState(threadId: $id) { relevant } }`, variables: { id: threadId }, fetchPolicy: 'network-only',
    });
    assert.equal(data.agentState.relevant, false);
  });

  test(`${name}: a subscription to no thread is told so with a code`, async (t) => {
    const threadId = newThread();
    const { inbox, end } = follow(t, clientOf(t), gql(messageAdded), { threadId });
    const ended = await within(end, 'the end');
    const error = ended === 'complete' ? inbox.items[0].error : ended;
    assert.deepEqual(extensionsOf(apollo, error), [{ code: 'NOT_FOUND', threadId }]);
  });

  test(`${name}: a message that comes updates a watched query`, async (t) => {
    const { threadId } = await thread(0);
    const client = clientOf(t);
    const { inbox } = watch(t, client, gql`query Watch($id: ID!) { agentState(threadId: $id) { id version context } }`, { id: threadId });
    await inbox.has(1);
    const changes = follow(t, client, gql`subscription Changed($id: ID!) {
      agentStateChanged(threadId: $id) { kind version agentState { id version context } }
    }`, { id: threadId });
    const set = (context) => ask(
      'mutation ($id: ID!, $c: String!) { setContext(input: { threadId: $id, context: $c }) { agentState { version } } }',
      { id: threadId, c: context },
    );
    // Nothing tells when a subscription to changes stands, so this changes the thread until that is seen.
    await poll(async () => {
      await set('again');
      return changes.inbox.items.length > 0;
    }, 'a change');
    await set('last');
    await poll(() => inbox.items.at(-1).agentState.context === 'last', 'the last change to show');
    const { agentState } = changes.inbox.items.at(-1).data.agentStateChanged;
    assert.deepEqual(inbox.items.at(-1).agentState, agentState);
    const versions = inbox.items.map((shown) => shown.agentState.version);
    assert.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b), 'it never goes back');
  });
}
