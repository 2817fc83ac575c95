// All audits of npm's graphql-http, the reference implementation of GraphQL over HTTP: MUST, SHOULD and MAY alike must be "ok".
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { endpoint, limit } from './server.mjs';

const audits = serverAudits({ url: endpoint, fetchFn: fetch });

test('graphql-http 1.23.1 has 61 audits', () => assert.equal(audits.length, 61));

for (const { id, name, fn } of audits) {
  test(`${id} ${name}`, limit, async () => {
    const { status, reason } = await fn();
    assert.equal(status, 'ok', reason);
  });
}
