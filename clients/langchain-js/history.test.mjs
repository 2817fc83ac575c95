import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { AIMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';

import { AgentStateChatMessageHistory, AgentStateError } from './index.js';

const url = new URL('/graphql', process.env.AGENTSTATE_URL ?? 'http://127.0.0.1:8080').href;
const open = (options = {}) => new AgentStateChatMessageHistory({ url, threadId: randomUUID(), ...options });
const contents = async (history) => (await history.getMessages()).map((m) => m.content);

test('messages come back as they are', async () => {
  const history = open();
  assert.deepEqual(await history.getMessages(), []);
  await history.addUserMessage('hi');
  await history.addMessages([
    new AIMessage({ content: '', tool_calls: [{ name: 'search', args: { q: 1 }, id: 'c1', type: 'tool_call' }] }),
    new ToolMessage({ content: 'found', tool_call_id: 'c1' }),
  ]);
  await history.addMessage(new HumanMessage('thanks'));
  const messages = await history.getMessages();
  assert.deepEqual(messages.map((m) => m.getType()), ['human', 'ai', 'tool', 'human']);
  assert.deepEqual(messages[1].tool_calls, [{ name: 'search', args: { q: 1 }, id: 'c1', type: 'tool_call' }]);
  await history.clear();
  assert.deepEqual(await history.getMessages(), []);
  await history.clear(); // there is nothing any more
});

test('a long conversation goes in and comes out in parts', async () => {
  const history = open();
  const all = Array.from({ length: 2300 }, (_, i) => `message ${i}`);
  await history.addMessages(all.map((text) => new HumanMessage(text)));
  assert.deepEqual(await contents(history), all);
});

test('large messages go in parts that the server takes', async () => {
  const history = open();
  const all = Array.from({ length: 40 }, (_, i) => `${i} ${'é'.repeat(100_000)}`); // 8 MB
  await history.addMessages(all.map((text) => new HumanMessage(text)));
  assert.deepEqual(await contents(history), all);
});

test('too many requests are sent again when the server says', async () => {
  const refusal = { message: 'Send less.', extensions: { code: 'LIMIT_EXCEEDED', retryAfterSeconds: 0.01 } };
  let asked = 0;
  const busy = async (...request) => (asked++ === 0 ? Response.json({ errors: [refusal] }, { status: 429 }) : fetch(...request));
  const history = open({ fetch: busy });
  await history.addMessage(new HumanMessage('x'));
  assert.deepEqual(await contents(history), ['x']);
  assert.equal(asked, 3);
});

test('many writers lose nothing', async () => {
  const history = open();
  const texts = Array.from({ length: 64 }, (_, i) => `from ${i}`);
  await Promise.all(texts.map((text) => open({ threadId: history.threadId }).addMessage(new HumanMessage(text))));
  assert.deepEqual((await contents(history)).sort(), texts.sort());
});

// forgetful is a proxy that passes requests on, and loses the first answers.
async function forgetful(t, losses) {
  const proxy = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: Buffer.concat(chunks) });
    const text = await answer.text();
    if (losses-- > 0) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(text);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => proxy.close());
  return `http://127.0.0.1:${proxy.address().port}/graphql`;
}

test('a lost answer stores nothing twice', async (t) => {
  const history = open({ url: await forgetful(t, 3) });
  await history.addMessages([new HumanMessage('one'), new HumanMessage('two')]);
  assert.deepEqual(await contents(open({ threadId: history.threadId })), ['one', 'two']);
});

test('what cannot be reached is told in the end', async (t) => {
  const history = open({ url: await forgetful(t, 100), attempts: 2 });
  await assert.rejects(history.addMessage(new HumanMessage('x')), TypeError);
});

test('what the server refuses is told at once', async () => {
  const history = open({ threadId: 'x'.repeat(300) });
  await assert.rejects(history.getMessages(), (error) => error instanceof AgentStateError && error.code === 'BAD_USER_INPUT');
  assert.throws(() => open({ threadId: '' }), TypeError);
  await assert.rejects(open({ url: new URL('/nowhere', url), attempts: 1 }).getMessages(), /nothing at this path/);
});
