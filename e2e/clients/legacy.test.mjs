// npm's subscriptions-transport-ws, the client of the older subprotocol, which is called graphql-ws on the wire.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import legacy from 'subscriptions-transport-ws';
import { WebSocket } from 'ws';
import {
  Inbox, add, drop, limit, listen, messageAdded, missesNothing, mortalSocketEndpoint, newThread, seqs, socketEndpoint, thread, upTo, within,
} from './server.mjs';

const { SubscriptionClient } = legacy;

function client(t, url = socketEndpoint) {
  const made = new SubscriptionClient(url, { reconnect: true, lazy: true, minTimeout: 10_000 }, WebSocket);
  t.after(() => made.close());
  return made;
}

const start = (c, query, variables, observer) => {
  const subscription = c.request({ query, variables }).subscribe(observer);
  return () => subscription.unsubscribe();
};

const run = (c, query, variables) => listen((observer) => start(c, query, variables, observer));

test('queries, mutations and subscriptions share a connection', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const c = client(t);
  const connected = new Inbox();
  c.onConnected(connected.push);
  const listeners = upTo(20).map(() => run(c, messageAdded, { threadId, after: cursors[0] }));
  const query = run(c, 'query ($id: ID!) { agentStateExists(threadId: $id) }', { id: threadId });
  assert.equal(await within(query.end, 'the end of the query'), 'complete');
  assert.deepEqual(query.inbox.items, [{ data: { agentStateExists: true } }]);
  const mutation = run(c, 'mutation ($id: ID!) { setRelevance(input: { threadId: $id, relevant: false }) { agentState { relevant } } }', { id: threadId });
  assert.equal(await within(mutation.end, 'the end of the mutation'), 'complete');
  assert.deepEqual(mutation.inbox.items, [{ data: { setRelevance: { agentState: { relevant: false } } } }]);
  for (const n of upTo(4, 2)) await add(threadId, n);
  for (const { inbox } of listeners) assert.deepEqual(seqs(await inbox.has(3)), upTo(4, 2));
  await drop(threadId);
  for (const { end, inbox } of listeners) {
    assert.equal(await within(end, 'complete'), 'complete');
    assert.deepEqual(seqs(inbox.items), upTo(4, 2));
  }
  assert.equal(connected.items.length, 1);
});

test('an operation that is stopped gets nothing more', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const c = client(t);
  const stopped = run(c, messageAdded, { threadId, after: cursors[0] });
  const other = run(c, messageAdded, { threadId, after: cursors[0] });
  await add(threadId, 2);
  await stopped.inbox.has(1);
  stopped.stop();
  await add(threadId, 3);
  await other.inbox.has(2);
  assert.deepEqual(seqs(stopped.inbox.items), [2]);
  assert.deepEqual(seqs(other.inbox.items), [2, 3]);
});

test('errors end their operation, with a code', limit, async (t) => {
  const c = client(t);
  const invalid = await within(run(c, '{ nothing }').end, 'an error');
  assert.equal(invalid.extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  const threadId = newThread();
  const absent = run(c, messageAdded, { threadId });
  const end = await within(absent.end, 'the end');
  const errors = end === 'complete' ? absent.inbox.items.flatMap((result) => result.errors) : [end];
  assert.deepEqual(errors.map(({ extensions }) => extensions), [{ code: 'NOT_FOUND', threadId }]);
});

test('nothing is missed when the server is killed and comes back', limit, async (t) => {
  const c = client(t, mortalSocketEndpoint);
  await missesNothing('kill', (variables, observer) => start(c, messageAdded, variables, observer));
});
