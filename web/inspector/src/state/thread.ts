// The open thread: read once, and then followed by three subscriptions, each behind what has been read, so that nothing is missed
// and nothing comes twice, whatever happens to the connection or the server in between.
import { batch, signal } from '@preact/signals';
import { type Refused, isCode, sentence } from '../api/errors';
import { ask } from '../api/http';
import { follow } from '../api/live';
import type { ThreadState } from '../api/types';
import { Activity } from './activity';
import { Conversation, pageSize } from './conversation';
import * as threads from './threads';

/** Whether the thread is there: not read yet, there, never was, or no longer. */
export type Presence = 'loading' | 'there' | 'missing' | 'deleted' | 'expired' | 'unread';

const tryAgainAfter = 3_000;

export class Thread {
  readonly presence = signal<Presence>('loading');
  readonly state = signal<ThreadState | null>(null);
  readonly failure = signal<unknown>(null);
  /** What the reader should know of the conversation that is shown; empty for nothing. */
  readonly notice = signal('');
  readonly conversation: Conversation;
  readonly activity: Activity;

  private changes: string | undefined; // the cursor behind the last change of a message
  private stops: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(readonly threadId: string) {
    this.conversation = new Conversation(threadId);
    this.activity = new Activity(threadId);
    void this.begin();
  }

  close(): void {
    this.closed = true;
    this.unfollow();
  }

  private unfollow(): void {
    clearTimeout(this.timer);
    for (const stop of this.stops.splice(0)) stop();
  }

  private later(work: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(work, tryAgainAfter);
  }

  /** Reads the thread and follows it from there. */
  async begin(): Promise<void> {
    this.unfollow();
    try {
      if (!(await this.read())) {
        // It is shown when somebody makes it: agentStateChanged would be NOT_FOUND until then.
        this.later(() => void this.begin());
        return;
      }
    } catch (error) {
      if (this.closed) return;
      this.failure.value = error;
      if (this.presence.value === 'loading') this.presence.value = 'unread';
      if (!isCode(error, 'UNAUTHENTICATED')) this.later(() => void this.begin());
      return;
    }
    if (!this.closed) this.followAll();
  }

  // Gives false where there is no such thread. It throws where the server does.
  private async read(): Promise<boolean> {
    const { agentState } = await ask('Thread', { threadId: this.threadId, last: pageSize });
    if (this.closed) return true;
    batch(() => {
      this.failure.value = null;
      if (!agentState) {
        if (this.presence.value === 'loading' || this.presence.value === 'unread') this.presence.value = 'missing';
        return;
      }
      // Made anew under its old id: nothing of the old one counts.
      if (this.state.value && this.state.value.createdAt !== agentState.createdAt) {
        this.notice.value = 'The thread was deleted and created anew.';
        this.conversation.forget();
        this.activity.forget();
        this.state.value = null;
      }
      this.presence.value = 'there';
      this.take(agentState);
      this.changes = agentState.changeCursor;
      this.conversation.begin(agentState.messages.nodes, agentState.messages.pageInfo.hasPreviousPage, agentState.messageCursor);
    });
    return agentState !== null;
  }

  /** Takes in the state that a mutation or a change has given. */
  take(state: ThreadState): void {
    if (this.state.value && state.version < this.state.value.version && state.createdAt === this.state.value.createdAt) return;
    this.state.value = state;
    threads.update(state);
  }

  private followAll(): void {
    const { threadId, conversation } = this;
    const after = () => conversation.cursor;
    const changes = () => this.changes;
    const end = (error: Refused | null) => this.over(error);
    this.stops = [
      follow('ThreadChanged', { threadId }, { next: ({ agentStateChanged }) => this.changed(agentStateChanged), end }),
      // With the thread's end messageAdded is complete; agentStateChanged says why.
      follow('MessageAdded', { threadId, get after() { return after(); } }, {
        next: ({ messageAdded }) => {
          conversation.add(messageAdded);
          this.activity.add(messageAdded);
        },
        end: (error) => error && this.over(error),
      }),
      follow('MessageChanged', { threadId, get after() { return changes(); } }, {
        next: ({ messageChanged: { kind, messageId, message, cursor } }) => {
          this.changes = cursor;
          if (kind === 'UPDATED' && message) conversation.replace(message);
          else if (kind === 'TRUNCATED') void this.reread('Messages at the end were deleted.');
          else if (messageId) conversation.delete(messageId);
          if (kind !== 'UPDATED') this.activity.forget();
        },
        end: (error) => error && this.over(error),
      }),
    ];
  }

  private async reread(why: string): Promise<void> {
    try {
      if (await this.read()) this.notice.value = why;
    } catch (error) {
      this.failure.value = error;
    }
  }

  private changed({ kind, agentState }: { kind: string; agentState: ThreadState | null }): void {
    if (kind === 'DELETED' || kind === 'EXPIRED') {
      this.presence.value = kind === 'DELETED' ? 'deleted' : 'expired';
      threads.remove(this.threadId);
    } else if (agentState && this.presence.value !== 'there') {
      void this.begin();
    } else if (agentState) {
      this.take(agentState);
      this.failure.value = null;
    }
  }

  // A subscription was refused, or is complete.
  private over(error: Refused | null): void {
    if (this.closed) return;
    if (isCode(error, 'CURSOR_EXPIRED')) {
      this.notice.value = sentence(error);
      this.conversation.forget();
      void this.begin();
      return;
    }
    if (isCode(error, 'NOT_FOUND')) {
      this.unfollow();
      if (this.presence.value === 'there') this.presence.value = 'deleted';
      this.later(() => void this.begin());
      return;
    }
    if (error) this.failure.value = error;
    this.later(() => void this.begin());
  }
}
