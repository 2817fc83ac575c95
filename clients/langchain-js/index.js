// LangChain's chat message history in agentstate. See README.md.
import { BaseListChatMessageHistory } from '@langchain/core/chat_history';
import { mapChatMessagesToStoredMessages, mapStoredMessagesToChatMessages } from '@langchain/core/messages';

// The server takes no more messages, and gives no more, at once. It takes no larger requests than 2 MiB either; half of that leaves room for one
// message that is as large as it may be.
const BATCH = 500;
const BATCH_BYTES = 1 << 20;
const PAGE = 1000;

const READ = `query ($threadId: ID!, $first: Int!, $after: String) {
  agentState(threadId: $threadId) {
    messages(first: $first, after: $after) { pageInfo { hasNextPage endCursor } }
    langChainMessages(format: JAVASCRIPT, first: $first, after: $after)
  }
}`;

const ADD = `mutation ($input: AddLangChainMessagesInput!) {
  addLangChainMessages(input: $input) { duplicates }
}`;

const CLEAR = `mutation ($threadId: ID!) { deleteAgentState(input: { threadId: $threadId }) { deletedThreadId } }`;

/** What the server has refused. `code` and `extensions` are those of its first error. */
export class AgentStateError extends Error {
  constructor({ message, extensions = {} }) {
    super(message);
    this.name = 'AgentStateError';
    this.code = extensions.code;
    this.extensions = extensions;
  }
}

// batches parts messages into lists that the server takes at once.
function* batches(messages) {
  const encoder = new TextEncoder();
  let batch = [];
  let bytes = 0;
  for (const message of messages) {
    const size = encoder.encode(JSON.stringify(message)).length;
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The messages of one thread. */
export class AgentStateChatMessageHistory extends BaseListChatMessageHistory {
  lc_namespace = ['agentstate', 'chat_history'];

  constructor({ url = 'http://127.0.0.1:8080/graphql', threadId, token, attempts = 6, timeout = 30_000, fetch: send = fetch }) {
    super();
    if (!threadId) throw new TypeError('Give a threadId: the thread that the messages belong to.');
    Object.assign(this, { url: String(url), threadId, token, attempts, timeout, send });
  }

  /** All messages, oldest first; none where there is no such thread. */
  async getMessages() {
    const stored = [];
    let after;
    for (;;) {
      const { agentState } = await this.#ask(READ, { threadId: this.threadId, first: PAGE, after });
      if (!agentState) return [];
      stored.push(...agentState.langChainMessages);
      const { hasNextPage, endCursor } = agentState.messages.pageInfo;
      if (!hasNextPage) return mapStoredMessagesToChatMessages(stored);
      after = endCursor;
    }
  }

  async addMessage(message) {
    await this.addMessages([message]);
  }

  /**
   * Adds messages behind the others, and creates the thread where there is none. Each one that has no id gets one, and keeps it: so it is
   * stored once however often it is sent, here or by a caller who tries again.
   */
  async addMessages(messages) {
    const stored = mapChatMessagesToStoredMessages(messages);
    for (const [i, message] of messages.entries()) {
      message.id ||= crypto.randomUUID();
      stored[i].data.id = message.id; // the stored form has only what the constructor was given
    }
    for (const batch of batches(stored)) {
      await this.#ask(ADD, { input: { threadId: this.threadId, messages: batch, createIfMissing: true } });
    }
  }

  /** Deletes the thread with all that belongs to it. */
  async clear() {
    try {
      await this.#ask(CLEAR, { threadId: this.threadId });
    } catch (error) {
      if (error.code !== 'NOT_FOUND') throw error;
    }
  }

  // ask sends an operation, and again where it is not known what became of it, or the server says when (it cannot reach Redis, or has heard too
  // many requests): all of these may be repeated.
  async #ask(query, variables) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(query, variables);
      } catch (error) {
        const told = error.extensions?.retryAfterSeconds;
        if (attempt >= this.attempts || (error instanceof AgentStateError && error.code !== 'UNAVAILABLE' && !told)) throw error;
        const seconds = Math.max(told ?? 0, Math.min(0.1 * 2 ** attempt, 5));
        await new Promise((resolve) => setTimeout(resolve, seconds * (1000 + Math.random() * 500)));
      }
    }
  }

  async #once(query, variables) {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json, application/json' };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const response = await this.send(this.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(this.timeout),
    });
    const text = await response.text();
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`${this.url} answers ${response.status} with something that is not JSON: is it the address of the API?`);
    }
    if (answer.errors?.length) throw new AgentStateError(answer.errors[0]);
    return answer.data;
  }
}
