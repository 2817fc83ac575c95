import { computed, effect, signal } from '@preact/signals';
import { link, reconnect, resumptions } from '../api/live';
import { opened } from '../state/route';
import { lookAround, meet, server } from '../state/server';
import { refused, sessions } from '../state/session';
import { Thread } from '../state/thread';
import * as threads from '../state/threads';
import { Dialogs, TokenForm, dialog } from './dialogs';
import { listen } from './keys';
import { Sidebar } from './sidebar';
import { ThreadView } from './thread';

const thread = signal<Thread | null>(null);
const warned = signal(sessionStorage.getItem('agentstate:notice-dismissed') === 'yes');

/** Starts what goes on beside the drawing. */
export function start(): void {
  listen();
  void lookAround();
  // With another token everything begins anew: it is another's threads.
  effect(() => {
    const session = sessions.value;
    if (session > 0) {
      threads.unwatch();
      reconnect();
    }
    threads.lines.value = [];
    threads.total.value = null;
    void meet();
    void threads.load();
  });
  effect(() => {
    void sessions.value;
    const id = opened.value;
    const next = id === null ? null : new Thread(id);
    thread.peek()?.close();
    thread.value = next;
    document.title = id === null ? 'Threads · agentstate' : `${id} · agentstate`;
  });
  // Where the connection was away, so may the server have been.
  effect(() => {
    if (resumptions.value > 0) threads.refresh();
  });
}

const needsToken = computed(() => refused.value !== '' && dialog.value !== 'token');

export function App() {
  const open = thread.value;
  return (
    <>
      <Memory />
      <div class={open ? 'page open' : 'page'} data-link={link.value}>
        <Sidebar />
        {needsToken.value ? (
          <main class="thread">
            <div class="gate">
              <h1>The server wants to know who you are</h1>
              <TokenForm />
            </div>
          </main>
        ) : open ? (
          <ThreadView key={open} thread={open} />
        ) : (
          <main class="thread">
            <div class="hollow center">
              <p>Choose a thread to see its conversation.</p>
              <p class="quiet">
                <kbd>/</kbd> to search, <kbd>j</kbd> and <kbd>k</kbd> to move, <kbd>?</kbd> for all keys.
              </p>
            </div>
          </main>
        )}
      </div>
      <Dialogs thread={open} />
    </>
  );
}

// Says what a server without a Redis of its own says of its data, until the reader has read it: once per browser tab, and for both pages.
function Memory() {
  const redis = server.facts.value?.redis;
  if (warned.value || redis?.mode !== 'EMBEDDED' || redis.warnings.length === 0) return null;
  const dismiss = () => {
    sessionStorage.setItem('agentstate:notice-dismissed', 'yes');
    warned.value = true;
  };
  return (
    <div class="memory" role="status">
      <p>{redis.warnings.join(' ')}</p>
      <button type="button" class="plain" onClick={dismiss}>
        Understood
      </button>
    </div>
  );
}
