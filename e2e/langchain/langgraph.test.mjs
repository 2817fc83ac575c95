// A conversation of LangGraph that lives in a thread, and its reducer beside ours.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { AIMessage, HumanMessage, RemoveMessage, ToolMessage, mapStoredMessagesToChatMessages } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { END, MessagesAnnotation, REMOVE_ALL_MESSAGES, START, StateGraph, messagesStateReducer } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';

import { add, plain, read } from './api.mjs';

const weather = tool(async ({ city }) => `It rains in ${city}.`, {
  name: 'weather', description: 'The weather of a city',
  schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
});

// model asks for the weather, and then tells what it has heard.
async function model({ messages }) {
  const last = messages.at(-1);
  if (last.getType() === 'tool') return { messages: [new AIMessage({ id: randomUUID(), content: `I hear: ${last.content}` })] };
  const call = { name: 'weather', args: { city: last.content }, id: `call-${messages.length}`, type: 'tool_call' };
  return { messages: [new AIMessage({ id: randomUUID(), content: '', tool_calls: [call] })] };
}

const graph = new StateGraph(MessagesAnnotation)
  .addNode('model', model)
  .addNode('tools', new ToolNode([weather]))
  .addEdge(START, 'model')
  .addConditionalEdges('model', ({ messages }) => (messages.at(-1).tool_calls?.length ? 'tools' : END))
  .addEdge('tools', 'model')
  .compile();

const dicts = (messages) => messages.map((m) => plain(m.toDict()));

test('a graph goes on from what was stored', async () => {
  const thread = randomUUID();
  const first = await graph.invoke({ messages: [new HumanMessage({ id: 'q1', content: 'Kiel' })] });
  assert.equal(first.messages.length, 4);
  await add(thread, dicts(first.messages), 'ADD_MESSAGES');

  const restored = mapStoredMessagesToChatMessages(await read(thread));
  assert.deepEqual(dicts(restored), dicts(first.messages));
  const second = await graph.invoke({ messages: [...restored, new HumanMessage({ id: 'q2', content: 'Rome' })] });
  assert.equal(second.messages.length, 8);
  assert.equal(second.messages.at(-1).content, 'I hear: It rains in Rome.');

  // The whole state again: what is there already stays where it is.
  const { duplicates } = await add(thread, dicts(second.messages), 'ADD_MESSAGES');
  assert.equal(duplicates, 4);
  assert.deepEqual(await read(thread), dicts(second.messages));
});

// random gives the same numbers for the same seed.
function random(seed) {
  return (n) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * n);
  };
}

// someMessages makes what a node may give back.
function someMessages(roll, state) {
  const messages = [];
  const known = state.map((m) => m.id);
  for (let i = roll(4) + 1; i > 0; i--) {
    const kind = roll(10);
    if (kind < 3 && known.length > 0) {
      messages.push(new HumanMessage({ id: known[roll(known.length)], content: `again ${roll(3)}` }));
    } else if (kind < 5 && known.length > 0) {
      messages.push(new RemoveMessage({ id: known[roll(known.length)] }));
    } else if (kind === 9 && roll(3) === 0) {
      messages.push(new RemoveMessage({ id: REMOVE_ALL_MESSAGES }));
      known.length = 0;
    } else {
      messages.push(roll(2) ? new AIMessage({ id: randomUUID(), content: 'new' }) : new ToolMessage({ id: randomUUID(), content: 'new', tool_call_id: 'c' }));
    }
  }
  return messages;
}

test('ADD_MESSAGES does what the reducer of LangGraph does', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const roll = random(seed);
    const thread = randomUUID();
    let state = [new HumanMessage({ id: 'begin', content: 'begin' })];
    await add(thread, dicts(state), 'ADD_MESSAGES');
    for (let step = 0; step < 15; step++) {
      const given = someMessages(roll, state);
      state = messagesStateReducer(state, given);
      await add(thread, dicts(given), 'ADD_MESSAGES');
      assert.deepEqual(await read(thread), dicts(state), `seed ${seed}, step ${step}`);
    }
  }
});
