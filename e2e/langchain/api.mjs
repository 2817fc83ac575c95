// What the tests of this folder ask of the server.
import assert from 'node:assert/strict';

export async function ask(query, variables) {
  const response = await fetch(new URL('/graphql', process.env.AGENTSTATE_URL), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

export async function add(threadId, messages, reducer = 'APPEND') {
  const { addLangChainMessages } = await ask(
    `mutation ($input: AddLangChainMessagesInput!) {
      addLangChainMessages(input: $input) { duplicates messages { messageId seq type } }
    }`,
    { input: { threadId, messages, createIfMissing: true, reducer } },
  );
  return addLangChainMessages;
}

export async function read(threadId, format = 'JAVASCRIPT') {
  const { agentState } = await ask(
    `query ($threadId: ID!, $format: MessageFormat!) { agentState(threadId: $threadId) { langChainMessages(format: $format, last: 1000) } }`,
    { threadId, format },
  );
  return agentState?.langChainMessages ?? [];
}

// plain is a value as JSON carries it.
export const plain = (value) => JSON.parse(JSON.stringify(value));
