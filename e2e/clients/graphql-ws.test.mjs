// npm's graphql-ws, the reference client of graphql-transport-ws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import {
  Inbox, add, ask, drop, limit, listen, messageAdded, missesNothing, mortalSocketEndpoint, newThread, seqs, socketEndpoint, thread, upTo, within,
} from './server.mjs';

/** A client that ends with the test, and what befell its connections. */
function client(t, options = {}) {
  const seen = { opened: 0, closed: new Inbox(), pongs: new Inbox(), messages: new Inbox() };
  const made = createClient({
    url: socketEndpoint,
    webSocketImpl: WebSocket,
    lazy: true,
    ...options,
    on: {
      opened: () => { seen.opened++; },
      closed: ({ code, reason }) => seen.closed.push({ code, reason }),
      pong: (received) => received && seen.pongs.push(1),
      message: (message) => seen.messages.push(message),
    },
  });
  t.after(() => made.dispose());
  return { client: made, seen };
}

const follow = (c, variables, query = messageAdded) => listen((observer) => c.subscribe({ query, variables }, observer));

/** Runs an operation that gives one result, and gives that. */
async function once(c, { query, variables }) {
  const { inbox, end } = follow(c, variables, query);
  assert.equal(await within(end, 'the end of an operation'), 'complete');
  assert.equal(inbox.items.length, 1);
  return inbox.items[0];
}

test('queries, mutations and subscriptions share a connection', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const { client: c, seen } = client(t);
  const { inbox, end } = follow(c, { threadId, after: cursors[0] });
  const [query, mutation] = await Promise.all([
    once(c, { query: 'query ($id: ID!) { agentState(threadId: $id) { threadId version } }', variables: { id: threadId } }),
    once(c, {
      query: 'mutation ($id: ID!) { setContext(input: { threadId: $id, context: "c" }) { agentState { context version } } }',
      variables: { id: threadId },
    }),
  ]);
  assert.equal(query.data.agentState.threadId, threadId);
  assert.deepEqual(mutation, { data: { setContext: { agentState: { context: 'c', version: 2 } } } });
  for (const n of upTo(5, 2)) await add(threadId, n);
  assert.deepEqual(seqs(await inbox.has(4)), upTo(5, 2));
  await drop(threadId);
  assert.equal(await within(end, 'complete'), 'complete');
  assert.deepEqual(seqs(inbox.items), upTo(5, 2));
  assert.equal(seen.opened, 1);
});

test('many operations on one connection do not mix', limit, async (t) => {
  const { client: c, seen } = client(t);
  const threads = await Promise.all(upTo(10).map(() => thread(1)));
  const followers = threads.flatMap(({ threadId, cursors }) =>
    upTo(10).map(() => ({ threadId, ...follow(c, { threadId, after: cursors[0] }) })));
  const queries = upTo(50).map((n) => once(c, {
    query: 'query ($id: ID!) { agentStateExists(threadId: $id) }', variables: { id: n % 2 ? threads[0].threadId : newThread() },
  }));
  await Promise.all(threads.flatMap(({ threadId }) => upTo(6, 2).map((n) => ask(
    `mutation ($id: ID!, $m: ID!) { addMessage(input: { threadId: $id, message: { messageId: $m, type: AI, content: $m } }) { duplicate } }`
      .replace('content: $m', 'content: "x"'),
    { id: threadId, m: `${threadId} ${n}` },
  ))));
  for (const { threadId, inbox } of followers) {
    const results = await inbox.has(5, 'messages of a thread');
    assert.deepEqual(seqs(results), upTo(6, 2));
    for (const { data } of results) assert.ok(data.messageAdded.messageId.startsWith(threadId), data.messageAdded.messageId);
  }
  const answers = await Promise.all(queries);
  answers.forEach((answer, i) => assert.deepEqual(answer, { data: { agentStateExists: (i + 1) % 2 === 1 } }));
  assert.equal(seen.opened, 1);
});

test('an operation that is completed by the client gets nothing more', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const { client: c } = client(t);
  const stopped = follow(c, { threadId, after: cursors[0] });
  const other = follow(c, { threadId, after: cursors[0] });
  await add(threadId, 2);
  await stopped.inbox.has(1);
  stopped.stop();
  assert.equal(await within(stopped.end, 'the end'), 'complete');
  await add(threadId, 3);
  await other.inbox.has(2);
  assert.deepEqual(seqs(stopped.inbox.items), [2]);
});

test('an error ends its operation, and no other', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const { client: c, seen } = client(t);
  const good = follow(c, { threadId, after: cursors[0] });
  const invalid = follow(c, {}, 'subscription { nothing }');
  const errors = await within(invalid.end, 'an error');
  assert.deepEqual(errors.map(({ extensions }) => extensions.code), ['GRAPHQL_VALIDATION_FAILED']);
  assert.deepEqual(invalid.inbox.items, []);
  await add(threadId, 2);
  assert.deepEqual(seqs(await good.inbox.has(1)), [2]);
  const id = invalidID(seen.messages.items);
  const own = seen.messages.items.filter((message) => message.id === id);
  assert.deepEqual(own.map(({ type }) => type), ['error'], 'nothing comes for an operation behind its error');
  assert.deepEqual(seen.closed.items, []);
});

const invalidID = (messages) => messages.find(({ type }) => type === 'error').id;

test('a subscription to no thread is told so with a code', limit, async (t) => {
  const { client: c } = client(t);
  const threadId = newThread();
  const { inbox, end } = follow(c, { threadId });
  const ended = await within(end, 'the end');
  const errors = ended === 'complete' ? inbox.items.flatMap((result) => result.errors) : ended;
  assert.deepEqual(errors.map(({ extensions }) => extensions), [{ code: 'NOT_FOUND', threadId }]);
});

test('pings of the client are answered', limit, async (t) => {
  const { client: c, seen } = client(t, { lazy: false, keepAlive: 20 });
  await seen.pongs.has(5, 'pongs');
  assert.deepEqual(seen.closed.items, []);
  assert.deepEqual((await once(c, { query: '{ __typename }' })).data, { __typename: 'Query' });
  assert.equal(seen.opened, 1);
});

for (const how of ['kill', 'stop']) {
  test(`nothing is missed when the server is gone by ${how} and comes back`, limit, async (t) => {
    const { client: c, seen } = client(t, {
      url: mortalSocketEndpoint, retryAttempts: Infinity, shouldRetry: () => true, retryWait: () => new Promise((r) => setTimeout(r, 50)),
    });
    await missesNothing(how, (variables, observer) => c.subscribe({ query: messageAdded, variables }, observer));
    assert.equal(seen.closed.items[0].code, how === 'kill' ? 1006 : 1001);
  });
}

// A code that the client takes for final: it tells its operations and opens no other socket. 5,869 sockets in five seconds is what
// came of another code once.
for (const { name, code, options } of [
  {
    name: 'a message of no known type', code: 4400,
    options: { jsonMessageReplacer: (key, value) => (key === 'type' && value === 'subscribe' ? 'subscribed' : value) },
  },
  { name: 'an id in use', code: 4409, options: { generateID: () => 'the same' } },
]) {
  test(`the client gives up after ${name} (${code})`, limit, async (t) => {
    const { threadId } = await thread(0);
    const { client: c, seen } = client(t, { retryAttempts: 100, retryWait: async () => {}, ...options });
    const ends = await within(Promise.all(upTo(2).map(() => follow(c, { threadId }).end)), 'the end of both operations');
    for (const end of ends) assert.equal(end.code, code);
    assert.deepEqual(seen.closed.items.map((closed) => closed.code), [code]);
    assert.equal(seen.opened, 1);
  });
}

test('a refused handshake is tried again as often as the client says, and no more', limit, async (t) => {
  let tries = 0;
  class Foreign extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { origin: 'https://elsewhere.example' });
      tries++;
    }
  }
  const { client: c } = client(t, { webSocketImpl: Foreign, retryAttempts: 3, retryWait: async () => {}, shouldRetry: () => true });
  const end = await within(follow(c, { threadId: newThread() }).end, 'the end');
  assert.notEqual(end, 'complete');
  assert.equal(tries, 4);
});
