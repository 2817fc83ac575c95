// npm's graphql-ws with tokens that expire: its connection is closed with 4403, and it comes back with what `connectionParams` gives then,
// by the settings that docs/security.md names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Inbox, add, guarded, guardedSocketEndpoint, limit, listen, messageAdded, resuming, seqs, thread, token, within } from './server.mjs';

/** A client that ends with the test, and the sockets that it has opened and lost. */
function client(t, options) {
  const seen = { opened: 0, closed: new Inbox() };
  const made = createClient({
    url: guardedSocketEndpoint,
    webSocketImpl: WebSocket,
    retryWait: async () => {},
    ...options,
    on: { opened: () => { seen.opened++; }, closed: ({ code, reason }) => seen.closed.push({ code, reason }) },
  });
  t.after(() => made.dispose());
  return { client: made, seen };
}

const expired = { code: 4403, reason: 'Forbidden: the token has expired' };

for (const [name, options] of Object.entries({
  'as it is by default': {},
  'that tries again always': { retryAttempts: Infinity, shouldRetry: () => true },
})) {
  test(`a client ${name} comes back with a new token, and misses nothing`, limit, async (t) => {
    const { threadId, cursors } = await thread(1, undefined, guarded);
    const lives = [2, 60];
    const { client: c, seen } = client(t, { ...options, connectionParams: async () => ({ Authorization: `Bearer ${token(lives.shift())}` }) });
    const position = { cursor: cursors[0] };
    const { inbox } = listen(
      (observer) => c.subscribe({ query: messageAdded, variables: resuming(threadId, position) }, observer),
      ({ data }) => { position.cursor = data.messageAdded.cursor; },
    );
    await add(threadId, 2, guarded);
    assert.deepEqual(seqs(await inbox.has(1)), [2]);
    assert.deepEqual(await seen.closed.has(1), [expired]);
    await add(threadId, 3, guarded);
    assert.deepEqual(seqs(await inbox.has(2)), [2, 3]);
    assert.equal(seen.opened, 2);
    assert.deepEqual(lives, [], 'it has asked for a token for each connection');
  });
}

// An object in place of a function is the same token for ever: then the client's settings say when it gives up.
for (const { name, opened, options } of [
  { name: 'whose token stays the same, after its attempts', opened: 4, options: { retryAttempts: 3 } },
  { name: 'that shall not try again', opened: 1, options: { shouldRetry: () => false } },
  { name: 'without attempts', opened: 1, options: { retryAttempts: 0 } },
]) {
  test(`a client gives up ${name}`, limit, async (t) => {
    const { client: c, seen } = client(t, { ...options, connectionParams: { Authorization: `Bearer ${token(-60)}` } });
    const { end } = listen((observer) => c.subscribe({ query: '{ agentStateCount }' }, observer));
    const { code, reason } = await within(end, 'the end');
    assert.deepEqual({ code, reason }, expired);
    assert.deepEqual(seen.closed.items, Array(opened).fill(expired));
    assert.equal(seen.opened, opened);
  });
}
