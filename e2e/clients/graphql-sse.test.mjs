// npm's graphql-sse, the reference client of GraphQL over SSE, in its distinct connections mode.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-sse';
import {
  add, drop, endpoint, limit, listen, messageAdded, missesNothing, mortalEndpoint, newThread, seqs, thread, upTo, within,
} from './server.mjs';

function client(t, url = endpoint) {
  const made = createClient({
    url, singleConnection: false, retryAttempts: 1000, retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
  });
  t.after(() => made.dispose());
  return made;
}

const run = (c, query, variables) => listen((observer) => c.subscribe({ query, variables }, observer));

test('a subscription is followed until it is complete', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const { inbox, end } = run(client(t), messageAdded, { threadId, after: cursors[0] });
  for (const n of upTo(6, 2)) await add(threadId, n);
  assert.deepEqual(seqs(await inbox.has(5)), upTo(6, 2));
  await drop(threadId);
  assert.equal(await within(end, 'complete'), 'complete');
  assert.deepEqual(seqs(inbox.items), upTo(6, 2));
});

test('queries and mutations give one result', limit, async (t) => {
  const { threadId } = await thread(0);
  const c = client(t);
  for (const [document, data] of [
    ['query ($id: ID!) { agentStateExists(threadId: $id) }', { agentStateExists: true }],
    ['mutation ($id: ID!) { setContext(input: { threadId: $id, context: "c" }) { agentState { context } } }',
      { setContext: { agentState: { context: 'c' } } }],
  ]) {
    const { inbox, end } = run(c, document, { id: threadId });
    assert.equal(await within(end, 'complete'), 'complete');
    assert.deepEqual(inbox.items, [{ data }]);
  }
});

test('a subscription that the client ends gets nothing more', limit, async (t) => {
  const { threadId, cursors } = await thread(1);
  const c = client(t);
  const stopped = run(c, messageAdded, { threadId, after: cursors[0] });
  const other = run(c, messageAdded, { threadId, after: cursors[0] });
  await add(threadId, 2);
  await stopped.inbox.has(1);
  stopped.stop();
  assert.equal(await within(stopped.end, 'the end'), 'complete');
  await add(threadId, 3);
  await other.inbox.has(2);
  assert.deepEqual(seqs(stopped.inbox.items), [2]);
  assert.deepEqual(seqs(other.inbox.items), [2, 3]);
});

test('a subscription to no thread is told so with a code, and completed', limit, async (t) => {
  const threadId = newThread();
  const { inbox, end } = run(client(t), messageAdded, { threadId });
  assert.equal(await within(end, 'the end'), 'complete');
  assert.deepEqual(inbox.items.map(({ errors }) => errors.map(({ extensions }) => extensions)), [[{ code: 'NOT_FOUND', threadId }]]);
});

for (const how of ['kill', 'stop']) {
  test(`nothing is missed when the server is gone by ${how} and comes back`, limit, async (t) => {
    const c = client(t, mortalEndpoint);
    await missesNothing(how, (variables, observer) => c.subscribe({ query: messageAdded, variables }, observer));
  });
}
