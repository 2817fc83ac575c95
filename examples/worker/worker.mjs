// A worker that answers what people say in a thread: each message once, though it may be killed at any moment, started again, or run twice.
//
//   node worker.mjs support-42 [http://127.0.0.1:8080]
//
// How: the id of an answer is made of the id of what it answers, so the server stores it once. When it starts it looks at the last messages
// for what has no answer yet, and then follows the thread behind them; graphql-ws connects again by itself, and `after` takes up where we were.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [threadId, url = 'http://127.0.0.1:8080'] = process.argv.slice(2);
const token = process.env.AGENTSTATE_TOKEN;
if (!threadId) {
  console.error('worker: give the thread to answer in');
  process.exit(2);
}

const fields = 'messageId seq cursor type text';
const replyId = (messageId) => `reply-to-${messageId}`;

async function ask(query, variables) {
  for (let attempt = 1; ; attempt++) {
    try {
      const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
      const response = await fetch(new URL('/graphql', url), { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
      const { data, errors } = await response.json();
      if (!errors) return data;
      const error = Object.assign(new Error(errors[0].message), { code: errors[0].extensions?.code });
      if (error.code !== 'UNAVAILABLE') throw Object.assign(error, { final: true });
      throw error;
    } catch (error) {
      if (error.final || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** attempt, 5000) * (0.5 + Math.random())));
    }
  }
}

// think is where a model would be asked.
async function think(message) {
  return `You said: ${message.text}`;
}

async function answer(message) {
  const input = {
    threadId,
    message: { messageId: replyId(message.messageId), type: 'AI', content: await think(message), metadata: { answers: message.messageId } },
  };
  try {
    const { addMessage } = await ask('mutation ($input: AddMessageInput!) { addMessage(input: $input) { duplicate } }', { input });
    if (!addMessage.duplicate) console.log(`answered #${message.seq}`);
  } catch (error) {
    if (error.code !== 'ALREADY_EXISTS') throw error; // another worker has answered it, in other words
  }
}

// catchUp answers what is still unanswered among the last messages, and gives the cursor behind them.
async function catchUp() {
  const { agentState } = await ask(
    `query ($threadId: ID!) { agentState(threadId: $threadId) { messageCursor messages(last: 200) { nodes { ${fields} } } } }`,
    { threadId },
  );
  if (!agentState) throw new Error(`there is no thread ${threadId}`);
  const { messageCursor, messages: { nodes } } = agentState;
  const known = new Set(nodes.map((m) => m.messageId));
  for (const message of nodes) {
    if (message.type === 'HUMAN' && !known.has(replyId(message.messageId))) await answer(message);
  }
  return messageCursor;
}

const client = createClient({
  url: new URL('/graphql', url).href.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: token && { Authorization: `Bearer ${token}` },
  retryAttempts: 0, // we come back ourselves, since we know the cursor
});

let after = await catchUp();
console.log('listening');
for (;;) {
  const query = `subscription ($threadId: ID!, $after: String) { messageAdded(threadId: $threadId, after: $after) { ${fields} } }`;
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { threadId, after } })) {
      if (errors) throw Object.assign(new Error(errors[0].message), { code: errors[0].extensions?.code });
      const message = data.messageAdded;
      if (message.type === 'HUMAN') await answer(message);
      after = message.cursor; // only now: if we are killed before, it is answered when we come back
    }
    break; // the thread is gone
  } catch (error) {
    const code = error.code ?? error[0]?.extensions?.code;
    if (code === 'NOT_FOUND') break; // it went while we were not connected
    if (['CURSOR_EXPIRED', 'FORBIDDEN', 'UNAUTHENTICATED', 'BAD_USER_INPUT'].includes(code)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
  }
}
console.log('the thread is gone');
await client.dispose();
