// Subscriptions over HTTP as Apollo's HttpLink makes them: multipart/mixed with subscriptionSpec=1.0.
// https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extensionsOf, follow, overHTTP, seqs } from './apollo.mjs';
import { apollo3 } from './apollo3.mjs';
import { apollo4 } from './apollo4.mjs';
import { add, drop, endpoint, limit, messageAdded, newThread, thread, upTo, within } from './server.mjs';

for (const apollo of [apollo3, apollo4]) {
  const query = apollo.gql(messageAdded);

  test(`${apollo.name}: HttpLink follows a thread until it is complete`, limit, async (t) => {
    const { threadId, cursors } = await thread(1);
    const { client, requests } = overHTTP(t, apollo);
    const { inbox, end } = follow(t, client, query, { threadId, after: cursors[0] });
    for (const n of upTo(6, 2)) await add(threadId, n);
    assert.deepEqual(seqs(await inbox.has(5)), upTo(6, 2));
    await drop(threadId);
    assert.equal(await within(end, 'complete'), 'complete');
    assert.deepEqual(seqs(inbox.items), upTo(6, 2));
    assert.equal(requests.length, 1);
    assert.match(requests[0].accept, /multipart\/mixed;boundary=graphql;subscriptionSpec=1\.0/);
  });

  test(`${apollo.name}: HttpLink follows two threads at once`, limit, async (t) => {
    const threads = await Promise.all([thread(1), thread(1)]);
    const { client } = overHTTP(t, apollo);
    const [one, two] = threads.map(({ threadId, cursors }) => follow(t, client, query, { threadId, after: cursors[0] }));
    for (const n of upTo(4, 2)) for (const { threadId } of threads) await add(threadId, n);
    for (const { inbox } of [one, two]) assert.deepEqual(seqs(await inbox.has(3)), upTo(4, 2));
    one.stop();
    await add(threads[0].threadId, 5);
    await add(threads[1].threadId, 5);
    assert.deepEqual(seqs(await two.inbox.has(4)), upTo(5, 2));
    assert.deepEqual(seqs(one.inbox.items), upTo(4, 2));
  });

  test(`${apollo.name}: HttpLink is told with a code that there is no thread`, limit, async (t) => {
    const threadId = newThread();
    const { client } = overHTTP(t, apollo);
    const { inbox, end } = follow(t, client, query, { threadId });
    const ended = await within(end, 'the end');
    const error = ended === 'complete' ? inbox.items[0].error : ended;
    assert.deepEqual(extensionsOf(apollo, error), [{ code: 'NOT_FOUND', threadId }]);
  });
}

test('each part is one event, and the last boundary closes the stream', limit, async () => {
  const { threadId, cursors } = await thread(3);
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0, application/json' },
    body: JSON.stringify({ query: messageAdded, variables: { threadId, after: cursors[0] } }),
  });
  assert.equal(answer.status, 200);
  const [, boundary] = answer.headers.get('content-type').match(/^multipart\/mixed;.*boundary="?([^";]+)"?/);
  assert.match(answer.headers.get('content-type'), /subscriptionSpec="?1\.0"?/);
  let text = '';
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString();
    if (text.includes('"seq":3')) break;
  }
  const events = text.split(`--${boundary}`).slice(1).map((part) => part.split('\r\n\r\n')[1]?.trim()).filter(Boolean).map((json) => JSON.parse(json));
  const messages = events.filter(({ payload }) => payload).map(({ payload }) => payload.data.messageAdded.seq);
  assert.deepEqual(messages, [2, 3]);
  await drop(threadId);
});
