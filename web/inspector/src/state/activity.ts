// What the plots draw: of each message its time and its tokens, read when somebody looks, and kept up by what arrives.
import { signal } from '@preact/signals';
import { ask } from '../api/http';
import type { Message, Point } from '../api/types';

// The largest page that the API gives: these messages are small.
const page = 1000;
const most = 10_000;

export class Activity {
  readonly points = signal<readonly Point[]>([]);
  readonly state = signal<'unread' | 'reading' | 'read' | 'failed'>('unread');
  readonly failure = signal<unknown>(null);
  /** Whether there are older messages than those that are drawn. */
  readonly partial = signal(false);

  private waiting: Point[] = [];
  private flushing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly threadId: string) {}

  /** Forgets what was read, because messages are gone. Whoever shows it reads again. */
  forget(): void {
    this.points.value = [];
    this.state.value = 'unread';
  }

  /** Reads the last 10,000 messages' worth, unless that is done or on its way. */
  async read(): Promise<void> {
    if (this.state.value === 'reading' || this.state.value === 'read') return;
    this.state.value = 'reading';
    try {
      let read: Point[] = [];
      let before: string | null = null;
      let hasOlder = true;
      while (hasOlder && read.length < most) {
        const { agentState } = await ask('Activity', { threadId: this.threadId, last: page, before });
        if (!agentState) break;
        const { nodes, pageInfo } = agentState.messages as { nodes: Point[]; pageInfo: { hasPreviousPage: boolean; startCursor: string | null } };
        read = [...nodes, ...read];
        before = pageInfo.startCursor;
        hasOlder = pageInfo.hasPreviousPage && before !== null;
      }
      this.partial.value = hasOlder;
      this.points.value = merge(read, this.points.value);
      this.state.value = 'read';
      this.failure.value = null;
    } catch (error) {
      this.failure.value = error;
      this.state.value = 'failed';
    }
  }

  add({ seq, timestamp, usage }: Message): void {
    this.waiting.push({ seq, timestamp, usage });
    this.flushing ??= setTimeout(() => {
      this.flushing = undefined;
      this.points.value = merge(this.points.value, this.waiting.splice(0)).slice(-most);
    }, 500);
  }
}

// Both are in order, and the second may begin inside the first.
function merge(first: readonly Point[], second: readonly Point[]): Point[] {
  const last = first.at(-1)?.seq ?? 0;
  return [...first, ...second.filter(({ seq }) => seq > last)];
}
