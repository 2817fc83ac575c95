import { BaseListChatMessageHistory } from '@langchain/core/chat_history';
import type { BaseMessage } from '@langchain/core/messages';

export interface AgentStateOptions {
  /** The GraphQL API; http://127.0.0.1:8080/graphql unless given. */
  url?: string | URL;
  /** The thread that the messages belong to: 1 to 255 bytes. */
  threadId: string;
  /** A bearer token, where the server wants one. */
  token?: string;
  /** How often an operation is sent at most, where the server cannot be reached; 6 unless given. */
  attempts?: number;
  /** How long one of these may take, in milliseconds; 30,000 unless given. */
  timeout?: number;
  /** In place of the global fetch. */
  fetch?: typeof fetch;
}

/** What the server has refused. */
export declare class AgentStateError extends Error {
  /** The code of the error, such as NOT_FOUND or LIMIT_EXCEEDED. */
  code?: string;
  extensions: Record<string, unknown>;
}

/** The messages of one thread of agentstate. */
export declare class AgentStateChatMessageHistory extends BaseListChatMessageHistory {
  lc_namespace: string[];
  constructor(options: AgentStateOptions);
  getMessages(): Promise<BaseMessage[]>;
  addMessage(message: BaseMessage): Promise<void>;
  addMessages(messages: BaseMessage[]): Promise<void>;
  clear(): Promise<void>;
}
