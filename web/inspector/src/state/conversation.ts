// The part of a thread's conversation that the page holds: consecutive messages, from anywhere in the thread. It grows at both ends
// by pages, and at the end of the thread by what arrives.
import { batch, computed, signal } from '@preact/signals';
import { ask } from '../api/http';
import type { Message } from '../api/types';

export const pageSize = 100;
/** As many messages are held; beyond, those at the far end are let go, and read again when the reader gets there. */
const most = 20_000;

export class Conversation {
  readonly messages = signal<readonly Message[]>([]);
  readonly hasOlder = signal(false);
  /** Whether the thread goes on behind the last message here. */
  readonly hasNewer = signal(false);
  readonly busy = signal<'older' | 'newer' | 'jump' | null>(null);
  readonly failure = signal<unknown>(null);
  /** How many messages have arrived that are not here, because the reader is further up. */
  readonly unseen = signal(0);
  /** The messages that answer tool calls, by the ids of the calls. */
  readonly answers = computed(() => {
    const found = new Map<string, Message>();
    for (const message of this.messages.value) if (message.toolCallId) found.set(message.toolCallId, message);
    return found;
  });
  /** The tool calls, by their ids. */
  readonly calls = computed(() => {
    const found = new Map<string, { name: string; seq: number }>();
    for (const { toolCalls, seq } of this.messages.value) for (const { id, name } of toolCalls) if (id) found.set(id, { name, seq });
    return found;
  });

  /** The last message of the thread that is known, here or not: where a listener goes on. */
  private newest: { seq: number; cursor: string } | null = null;
  private start: string | undefined; // where a listener goes on as long as no message is known
  private waiting: Message[] = [];
  private flushing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly threadId: string) {}

  get cursor(): string | undefined {
    return this.newest?.cursor ?? this.start;
  }

  get newestSeq(): number {
    return this.newest?.seq ?? 0;
  }

  /** Begins with the end of the thread; `cursor` is the position behind it, of an empty thread too. */
  begin(nodes: readonly Message[], hasOlder: boolean, cursor?: string): void {
    this.drop();
    this.start = cursor;
    for (const message of nodes) this.know(message);
    batch(() => {
      this.messages.value = nodes;
      this.hasOlder.value = hasOlder;
      this.hasNewer.value = false;
      this.unseen.value = 0;
      this.failure.value = null;
    });
  }

  /** Forgets everything, because the thread is another one now, or no longer has what is behind the cursor. */
  forget(): void {
    this.newest = null;
    this.begin([], false);
  }

  /** Takes in what the subscription gives. Each comes once, but the page may have read it from the thread meanwhile. */
  add(message: Message): void {
    if (message.seq <= this.newestSeq) return;
    this.know(message);
    this.waiting.push(message);
    // Hundreds may come at once. A timer runs in a hidden page too, where frames do not.
    this.flushing ??= setTimeout(() => this.flush(), 30);
  }

  private flush(): void {
    const { waiting } = this;
    this.drop();
    if (waiting.length === 0) return;
    batch(() => {
      if (this.hasNewer.value) {
        this.unseen.value += waiting.length;
        return;
      }
      const all = [...this.messages.value, ...waiting];
      if (all.length > most) this.hasOlder.value = true;
      this.messages.value = all.slice(-most);
    });
  }

  private drop(): void {
    clearTimeout(this.flushing);
    this.flushing = undefined;
    this.waiting = [];
  }

  private know({ seq, cursor }: Message): void {
    if (seq > this.newestSeq) this.newest = { seq, cursor };
  }

  /** Changes a message in its place. */
  replace(message: Message): void {
    const index = this.messages.value.findIndex(({ messageId }) => messageId === message.messageId);
    if (index >= 0) this.messages.value = this.messages.value.with(index, message);
  }

  /** Takes a message out. */
  delete(messageId: string): void {
    this.messages.value = this.messages.value.filter((message) => message.messageId !== messageId);
  }

  older(): Promise<void> {
    const first = this.messages.value[0];
    if (!this.hasOlder.value || !first) return Promise.resolve();
    return this.read('older', { last: pageSize, before: first.cursor }, (page) => {
      if (this.messages.value[0] !== first) return;
      const all = [...page.nodes, ...this.messages.value];
      if (all.length > most) this.hasNewer.value = true;
      this.messages.value = all.slice(0, most);
      this.hasOlder.value = page.hasPreviousPage;
    });
  }

  newer(): Promise<void> {
    const last = this.messages.value.at(-1);
    if (!this.hasNewer.value || !last) return Promise.resolve();
    return this.read('newer', { first: pageSize, after: last.cursor }, (page) => {
      if (this.messages.value.at(-1) !== last) return;
      const all = [...this.messages.value, ...page.nodes];
      if (all.length > most) this.hasOlder.value = true;
      this.messages.value = all.slice(-most);
      this.meetEnd(page);
    });
  }

  /** Goes to the beginning of the thread, wherever the reader is; what lies between is not read. */
  toStart(): Promise<void> {
    if (!this.hasOlder.value) return Promise.resolve();
    return this.read('jump', { first: pageSize }, (page) => {
      this.messages.value = page.nodes;
      this.hasOlder.value = false;
      this.meetEnd(page);
    });
  }

  toEnd(): Promise<void> {
    if (!this.hasNewer.value) return Promise.resolve();
    return this.read('jump', { last: pageSize }, (page) => {
      this.messages.value = page.nodes;
      this.hasOlder.value = page.hasPreviousPage;
      this.meetEnd({ ...page, hasNextPage: false });
    });
  }

  // A message may have arrived by subscription after the page was read, and not been taken in because this was not the end.
  private meetEnd(page: Page): void {
    for (const message of page.nodes) this.know(message);
    const last = page.nodes.at(-1);
    this.hasNewer.value = page.hasNextPage || (last !== undefined && last.seq < this.newestSeq);
    if (!this.hasNewer.value) this.unseen.value = 0;
  }

  private async read(what: 'older' | 'newer' | 'jump', range: Range, take: (page: Page) => void): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = what;
    try {
      const { agentState } = await ask('Messages', { threadId: this.threadId, ...range });
      if (!agentState) return;
      this.flush();
      const { nodes, pageInfo } = agentState.messages;
      batch(() => {
        take({ nodes, ...pageInfo });
        this.failure.value = null;
      });
    } catch (error) {
      this.failure.value = error;
    } finally {
      this.busy.value = null;
    }
  }
}

interface Page {
  nodes: readonly Message[];
  hasPreviousPage: boolean;
  hasNextPage: boolean;
}

interface Range {
  first?: number;
  last?: number;
  before?: string;
  after?: string;
}
