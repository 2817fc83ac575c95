// Automatic persisted queries as Apollo's createPersistedQueryLink makes them: first the hash alone, and the document behind
// PERSISTED_QUERY_NOT_FOUND.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { overHTTP } from './apollo.mjs';
import { apollo3 } from './apollo3.mjs';
import { apollo4 } from './apollo4.mjs';
import { endpoint, limit, thread } from './server.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** What of a request the protocol is about. */
const shape = ({ body }) => ({ document: body.query !== undefined, hash: body.extensions?.persistedQuery?.sha256Hash?.length });

for (const apollo of [apollo3, apollo4]) {
  test(`${apollo.name}: a document is sent once, for all clients`, limit, async (t) => {
    const { threadId } = await thread(0);
    // Nobody has ever sent this one.
    const query = apollo.gql(`query Q${randomUUID().replaceAll('-', '')}($id: ID!) { agentState(threadId: $id) { id version } }`);
    const run = async () => {
      const { client, requests } = overHTTP(t, apollo, { before: [apollo.createPersistedQueryLink({ sha256 })] });
      const { data } = await client.query({ query, variables: { id: threadId }, fetchPolicy: 'network-only' });
      assert.equal(data.agentState.version, 1);
      return requests.map(shape);
    };
    assert.deepEqual(await run(), [{ document: false, hash: 64 }, { document: true, hash: 64 }]);
    assert.deepEqual(await run(), [{ document: false, hash: 64 }]);
  });
}

test('a hash of another document is refused, and keeps nothing', limit, async () => {
  const query = `query Q${randomUUID().replaceAll('-', '')} { agentStateCount }`;
  const persistedQuery = { version: 1, sha256Hash: sha256('another') };
  const send = async (body) => (await fetch(endpoint, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ...body, extensions: { persistedQuery } }),
  })).json();
  assert.equal((await send({ query })).errors[0].extensions.code, 'BAD_USER_INPUT');
  assert.equal((await send({})).errors[0].extensions.code, 'PERSISTED_QUERY_NOT_FOUND');
});
