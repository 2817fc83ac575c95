// What the tests of all clients share: where the servers are, threads of one's own, and how long to wait. It talks to the servers by
// plain fetch, so that what a client says is compared with something else than a client.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const { AGENTSTATE_URL, MORTAL_URL, CONTROL_URL } = process.env;

/** The server that all files share. */
export const endpoint = `${AGENTSTATE_URL}/graphql`;
export const socketEndpoint = endpoint.replace(/^http/, 'ws');

/** The server that `control` kills, stops and starts. It shares its Redis with the other one. */
export const mortalEndpoint = `${MORTAL_URL}/graphql`;
export const mortalSocketEndpoint = mortalEndpoint.replace(/^http/, 'ws');

/** Does one of "kill", "stop" and "start" to the server at `mortalEndpoint`, and returns when it is done. */
export async function control(what) {
  const answer = await fetch(`${CONTROL_URL}/${what}`, { method: 'POST' });
  assert.equal(answer.status, 200);
}

/** How long a test may take. What has to come soon is waited for with `within`. */
export const limit = { timeout: 30_000 };

/** An id that nobody else uses. */
export const newThread = () => `clients-${randomUUID()}`;

/** Sends an operation that must succeed, and gives its data. */
export async function ask(query, variables) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Creates a thread with messages m1 to m`n`, and gives its id and the cursor of each message. */
export async function thread(n = 0, threadId = newThread()) {
  const messages = Array.from({ length: n }, (_, i) => ({ messageId: `m${i + 1}`, type: 'HUMAN', content: `text ${i + 1}` }));
  const { createAgentState } = await ask(
    `mutation ($input: CreateAgentStateInput!) {
      createAgentState(input: $input) { agentState { id messages(first: 1000) { nodes { cursor } } } }
    }`,
    { input: { threadId, messages } },
  );
  const { id, messages: { nodes } } = createAgentState.agentState;
  return { threadId, id, cursors: nodes.map(({ cursor }) => cursor) };
}

/** Adds the message m`n` to a thread. */
export function add(threadId, n) {
  return ask(
    `mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { seq cursor } } }`,
    { input: { threadId, message: { messageId: `m${n}`, type: 'AI', content: `text ${n}` } } },
  );
}

/** Deletes a thread, which completes the subscriptions to its messages. */
export const drop = (threadId) =>
  ask('mutation ($id: ID!) { deleteAgentState(input: { threadId: $id }) { deletedThreadId } }', { id: threadId });

/** The subscription that all clients follow a thread with. */
export const messageAdded = `subscription MessageAdded($threadId: ID!, $after: String) {
  messageAdded(threadId: $threadId, after: $after) { id seq messageId text cursor }
}`;

/**
 * Variables whose `after` is wherever `position` has got to. Clients that come back by themselves send their operation again, and
 * write it as JSON again: so they go on behind the last message that they have had.
 */
export const resuming = (threadId, position) => ({ threadId, get after() { return position.cursor; } });

/** What a test has been given so far, in order, with a way to wait for more of it. */
export class Inbox {
  items = [];
  #waiting = new Set();

  push = (item) => {
    this.items.push(item);
    for (const look of this.#waiting) look();
  };

  /** Waits until `n` items are there, and gives all. More than that fail where they are compared. */
  async has(n, what = 'items') {
    if (this.items.length < n) {
      let look;
      const enough = new Promise((resolve) => {
        look = () => this.items.length >= n && resolve();
        this.#waiting.add(look);
      });
      await within(enough, () => `${n} ${what}; there are ${JSON.stringify(this.items)}`);
      this.#waiting.delete(look);
    }
    return this.items;
  }
}

/** Gives what a promise gives, and fails where that takes too long. */
export async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for ${typeof what === 'function' ? what() : what}`)), 20_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `look` gives something true. Whatever can be waited for by an event is not for this. */
export async function poll(look, what) {
  for (const start = Date.now(); !(await look());) {
    assert.ok(Date.now() - start < 20_000, `waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** 1, 2, …, n, or from `first` to `last`. */
export const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
