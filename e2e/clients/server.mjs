// What the tests of all clients share: where the servers are, threads of one's own, and how long to wait. It talks to the servers by
// plain fetch, so that what a client says is compared with something else than a client.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';

const { AGENTSTATE_URL, MORTAL_URL, GUARDED_URL, GUARDED_SECRET, CONTROL_URL } = process.env;

/** The server that all files share. */
export const endpoint = `${AGENTSTATE_URL}/graphql`;
export const socketEndpoint = endpoint.replace(/^http/, 'ws');

/** The server that `control` kills, stops and starts. It shares its Redis with the other one. */
export const mortalEndpoint = `${MORTAL_URL}/graphql`;
export const mortalSocketEndpoint = mortalEndpoint.replace(/^http/, 'ws');

/** The server that wants signed tokens, such as `token` makes. */
export const guardedEndpoint = `${GUARDED_URL}/graphql`;
export const guardedSocketEndpoint = guardedEndpoint.replace(/^http/, 'ws');

/** A token of one owner that is good for so many seconds, or up to one less: the server looks at whole ones. */
export function token(seconds) {
  const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'ann', scope: 'read write', exp: Math.floor(Date.now() / 1000) + seconds };
  const signed = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', GUARDED_SECRET).update(signed).digest('base64url')}`;
}

/** Where `ask` and what is made of it go: the server that all share, or the guarded one with a token of its own. */
const everybody = { url: endpoint, headers: () => ({}) };
export const guarded = { url: guardedEndpoint, headers: () => ({ Authorization: `Bearer ${token(60)}` }) };

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
export async function ask(query, variables, at = everybody) {
  const answer = await fetch(at.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...at.headers() },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Creates a thread with messages m1 to m`n`, and gives its id and the cursor of each message. */
export async function thread(n = 0, threadId = newThread(), at = everybody) {
  const messages = Array.from({ length: n }, (_, i) => ({ messageId: `m${i + 1}`, type: 'HUMAN', content: `text ${i + 1}` }));
  const { createAgentState } = await ask(
    `mutation ($input: CreateAgentStateInput!) {
      createAgentState(input: $input) { agentState { id messages(first: 1000) { nodes { cursor } } } }
    }`,
    { input: { threadId, messages } },
    at,
  );
  const { id, messages: { nodes } } = createAgentState.agentState;
  return { threadId, id, cursors: nodes.map(({ cursor }) => cursor) };
}

/** Adds the message m`n` to a thread. */
export function add(threadId, n, at = everybody) {
  return ask(
    `mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { seq cursor } } }`,
    { input: { threadId, message: { messageId: `m${n}`, type: 'AI', content: `text ${n}` } } },
    at,
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

/**
 * Runs an operation: `start` begins it with an observer, and gives how to stop it. `inbox` gets each result, behind `look`; `end` is how it
 * ended: "complete", or its error.
 */
export function listen(start, look = () => {}) {
  const inbox = new Inbox();
  let stop;
  const end = new Promise((resolve) => {
    stop = start({
      next: (result) => { look(result); inbox.push(result); }, error: resolve, complete: () => resolve('complete'),
    });
  });
  return { inbox, end, stop };
}

/** The numbers of the messages that results of `messageAdded` bring; none of them may have errors. */
export const seqs = (results) => results.map(({ data, errors }) => {
  assert.equal(errors, undefined);
  return data.messageAdded.seq;
});

/**
 * Has a client follow a thread while its server at `mortalEndpoint` is gone by `how`, and wants each message once, in order. `start` subscribes
 * with variables that go on where the last message was, and an observer.
 */
export async function missesNothing(how, start) {
  const { threadId, cursors } = await thread(1);
  const position = { cursor: cursors[0] };
  const { inbox, end } = listen((observer) => start(resuming(threadId, position), observer), ({ data }) => {
    position.cursor = data.messageAdded.cursor;
  });
  for (const n of upTo(4, 2)) await add(threadId, n);
  await inbox.has(3);
  await control(how);
  for (const n of upTo(8, 5)) await add(threadId, n); // through the other server
  await control('start');
  for (const n of upTo(10, 9)) await add(threadId, n);
  assert.deepEqual(seqs(await inbox.has(9)), upTo(10, 2));
  await drop(threadId);
  assert.equal(await within(end, 'complete'), 'complete');
  assert.deepEqual(seqs(inbox.items), upTo(10, 2));
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
