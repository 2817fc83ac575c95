// Every class of messages of @langchain/core there and back, in the forms in which it writes them.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  AIMessage, AIMessageChunk, ChatMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage,
  coerceMessageLikeToMessage, mapChatMessagesToStoredMessages, mapStoredMessagesToChatMessages,
} from '@langchain/core/messages';

import { add, plain, read } from './api.mjs';

const messages = {
  human: new HumanMessage('hello'),
  'human with blocks': new HumanMessage({
    id: 'h2', name: 'ann',
    content: [{ type: 'text', text: 'see' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
  }),
  ai: new AIMessage({ content: 'hi', id: 'a1', response_metadata: { model: 'm', tokens: 0.25 }, additional_kwargs: { extra: [null] } }),
  'ai with tool calls': new AIMessage({
    content: '', id: 'a2',
    tool_calls: [{ name: 'search', args: { q: 'x', deep: { n: [1, null] } }, id: 'c1', type: 'tool_call' }],
    invalid_tool_calls: [{ name: 'broken', args: '{"q":', id: 'c2', error: 'no JSON', type: 'invalid_tool_call' }],
    usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3, input_token_details: { cache_read: 1 } },
  }),
  system: new SystemMessage({ content: 'be nice', id: 's1' }),
  tool: new ToolMessage({ content: 'found', tool_call_id: 'c1', name: 'search', id: 't1', status: 'success', artifact: { rows: [1, 2] } }),
  'tool that failed': new ToolMessage({ content: 'no', tool_call_id: 'c2', status: 'error' }),
  function: new FunctionMessage({ content: '1', name: 'f' }),
  chat: new ChatMessage({ content: 'I doubt it', role: 'critic', id: 'k1' }),
};

for (const [name, message] of Object.entries(messages)) {
  test(`${name}: what toDict writes comes back as it was`, async () => {
    const thread = randomUUID();
    const stored = plain(message.toDict());
    await add(thread, [stored]);
    const got = await read(thread);
    assert.deepEqual(got, [stored]);
    const [again] = mapStoredMessagesToChatMessages(got);
    assert.equal(again.constructor.name, message.constructor.name);
    assert.deepEqual(plain(again.toDict()), stored);
  });

  test(`${name}: what toJSON writes is the same message`, async () => {
    const thread = randomUUID();
    await add(thread, [plain(message.toJSON())]);
    const [got] = await read(thread);
    const want = plain(message.toDict());
    want.data.id ??= got.data.id; // the server has given it one
    assert.deepEqual(got, want);
    const [again] = mapStoredMessagesToChatMessages([got]);
    assert.deepEqual(plain(again.toDict()), want);
  });

  test(`${name}: Python's form of it says the same`, async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    await add(one, [plain(message.toDict())]);
    const python = await read(one, 'PYTHON');
    assert.equal(python[0].data.type, python[0].type);
    assert.equal(python[0].type, name === 'chat' ? 'chat' : message.getType());
    await add(two, python);
    assert.deepEqual(await read(two, 'PYTHON'), python);
    const [again] = mapStoredMessagesToChatMessages(await read(two));
    assert.deepEqual(again.content, message.content);
    assert.deepEqual(plain(again.tool_calls ?? []), plain(message.tool_calls ?? []));
  });

  test(`${name}: the flat form is one that LangChain reads`, async () => {
    if (name === 'function' || name === 'chat') return; // LangChain reads none of these from a flat object
    const thread = randomUUID();
    await add(thread, [plain(message.toDict())]);
    const [flat] = await read(thread, 'FLAT');
    const again = coerceMessageLikeToMessage(flat);
    assert.deepEqual(again.content, message.content);
    assert.deepEqual(plain(again.tool_calls ?? []), plain(message.tool_calls ?? []));
  });
}

test('a null that JavaScript was given comes back', async () => {
  const message = new ToolMessage({ content: 'x', tool_call_id: 'c3', artifact: null, id: 'n1' });
  const stored = plain(message.toDict());
  assert.equal(stored.data.artifact, null);
  const [dict, json] = [randomUUID(), randomUUID()];
  await add(dict, [stored]);
  assert.deepEqual(await read(dict), [stored]);
  await add(json, [plain(message.toJSON())]);
  assert.deepEqual(await read(json), [stored]);
});

test('messages of OpenAI keep their ids, and LangChain reads them', async () => {
  const thread = randomUUID();
  const sent = [
    { role: 'user', content: 'hi', id: 'u1' },
    { role: 'assistant', content: null, id: 'a1', tool_calls: [{ id: 'c1', type: 'function', function: { name: 's', arguments: '{ "q": 1.0 }' } }] },
    { role: 'tool', content: 'found', id: 't1', tool_call_id: 'c1' },
  ];
  const { messages: stored } = await add(thread, sent);
  assert.deepEqual(stored.map((m) => m.messageId), ['u1', 'a1', 't1']);
  assert.equal((await add(thread, sent)).duplicates, 3);
  assert.deepEqual(await read(thread, 'OPENAI'), sent);
  const again = mapStoredMessagesToChatMessages(await read(thread));
  assert.deepEqual(again.map((m) => m.getType()), ['human', 'ai', 'tool']);
  assert.deepEqual(again[1].tool_calls, [{ name: 's', args: { q: 1 }, id: 'c1', type: 'tool_call' }]);
});

test('a chunk counts as what it is a piece of', async () => {
  const thread = randomUUID();
  const chunk = new AIMessageChunk({ content: 'h', id: 'a1', tool_call_chunks: [{ name: 's', args: '{"a', id: 'c', index: 0 }] });
  const { messages } = await add(thread, [plain(chunk.toJSON())]);
  assert.equal(messages[0].type, 'AI');
});

test('a whole conversation', async () => {
  const thread = randomUUID();
  const all = Object.values(messages);
  const stored = plain(mapChatMessagesToStoredMessages(all));
  await add(thread, stored);
  const again = mapStoredMessagesToChatMessages(await read(thread));
  assert.deepEqual(plain(mapChatMessagesToStoredMessages(again)), stored);
});
