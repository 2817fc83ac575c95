// What operations.graphql selects, as TypeScript sees it.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export type MessageType = 'HUMAN' | 'AI' | 'SYSTEM' | 'TOOL' | 'FUNCTION' | 'CHAT' | 'OTHER';

export interface ThreadLine {
  threadId: string;
  version: number;
  lastUpdated: string;
  expiresAt: string;
  metadata: Json;
  messageCounts: { total: number };
}

export interface Plan {
  planId: string;
  subtasks: string[];
  createdAt: string;
}

export interface ToolRun {
  toolId: string;
  planId: string | null;
  tool: string;
  parameters: Json;
  toolResponse: Json;
  createdAt: string;
}

export interface PendingCall {
  id: string;
  name: string;
  seq: number;
}

export interface ThreadState extends ThreadLine {
  createdAt: string;
  ttlSeconds: number;
  context: string;
  relevant: boolean;
  plan: Plan[];
  toolCalls: ToolRun[];
  pendingToolCalls: PendingCall[];
  messageCounts: { total: number; human: number; ai: number; system: number; tool: number; other: number };
}

export interface ToolCall {
  id: string | null;
  name: string;
  args: Json;
}

export interface Message {
  messageId: string;
  seq: number;
  cursor: string;
  type: MessageType;
  content: Json;
  text: string;
  name: string | null;
  toolCalls: ToolCall[];
  toolCallId: string | null;
  status: 'SUCCESS' | 'ERROR' | null;
  metadata: Json;
  responseMetadata: Json;
  usage: { inputTokens: number; outputTokens: number; totalTokens: number } | null;
  timestamp: string;
}

/** What the plots draw of a message. */
export interface Point {
  seq: number;
  timestamp: string;
  usage: { inputTokens: number; outputTokens: number } | null;
}

type ChangeKind = 'CREATED' | 'UPDATED' | 'DELETED' | 'EXPIRED';
type MessagePage = { nodes: Message[]; pageInfo: { hasPreviousPage: boolean; hasNextPage: boolean } };

/** The variables and the data of each operation. */
export interface Operations {
  Server: [
    Record<string, never>,
    // A Float may come as it was written: see json.ts.
    { health: { version: string; environment: string; timestamp: unknown; redis: { mode: string; warnings: string[] } } },
  ];
  Threads: [
    { first: number; after?: string | null; filter?: { threadIdPattern?: string; lastUpdatedAfter?: string } },
    {
      agentStateCount: number;
      agentStates: { nodes: ThreadLine[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    },
  ];
  Thread: [
    { threadId: string; last: number },
    { agentState: (ThreadState & { messageCursor: string; changeCursor: string; messages: MessagePage }) | null },
  ];
  Messages: [
    { threadId: string; first?: number; after?: string; last?: number; before?: string },
    { agentState: { messages: MessagePage } | null },
  ];
  Activity: [
    { threadId: string; last: number; before?: string | null },
    { agentState: { messages: { nodes: Point[]; pageInfo: { hasPreviousPage: boolean; startCursor: string | null } } } | null },
  ];
  ThreadLineChanged: [{ threadId: string }, { agentStateChanged: { kind: ChangeKind; agentState: ThreadLine | null } }];
  ThreadChanged: [{ threadId: string }, { agentStateChanged: { kind: ChangeKind; agentState: ThreadState | null } }];
  MessageAdded: [{ threadId: string; after: string | undefined }, { messageAdded: Message }];
  MessageChanged: [
    { threadId: string; after: string | undefined },
    {
      messageChanged: {
        kind: 'UPDATED' | 'DELETED' | 'TRUNCATED';
        messageId: string | null;
        seq: number;
        cursor: string;
        message: Message | null;
      };
    },
  ];
  AddMessage: [
    {
      input: {
        threadId: string;
        message: {
          messageId: string;
          type: MessageType;
          content: string;
          toolCallId?: string;
          status?: 'SUCCESS' | 'ERROR';
        };
      };
    },
    { addMessage: { message: { seq: number }; duplicate: boolean } },
  ];
  SetContext: [
    { input: { threadId: string; context: string; expectedVersion?: number } },
    { setContext: { agentState: ThreadState } },
  ];
  ExtendTtl: [{ input: { threadId: string; ttlSeconds: number } }, { extendTtl: { ttl: { expiresAt: string } } }];
  DeleteThread: [{ input: { threadId: string } }, { deleteAgentState: { deletedThreadId: string } }];
}

export type Name = keyof Operations;
export type Variables<N extends Name> = Operations[N][0];
export type Data<N extends Name> = Operations[N][1];
