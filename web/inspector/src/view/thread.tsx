// A thread: its name, its conversation, and its state beside it, or in its place where there is no room for both.
import { signal } from '@preact/signals';
import { sentence } from '../api/errors';
import { close } from '../state/route';
import type { Thread } from '../state/thread';
import { Composer } from './composer';
import { ConversationView } from './conversation';
import { NoMessages, NoThread } from './empty';
import { Icon } from './icons';
import { titleOf } from './sidebar';
import { StatePanel } from './state';
import { Connection } from './toolbar';

/** Whether the state is shown: beside the conversation on a wide screen, in its place on a narrow one. */
export const stateShown = signal(matchMedia('(min-width: 1200px)').matches);

export function ThreadView({ thread }: { thread: Thread }) {
  const state = thread.state.value;
  const title = state ? titleOf(state) : '';
  return (
    <main class={stateShown.value && state ? 'thread with-state' : 'thread'}>
      <header class="bar">
        <button type="button" class="plain back" aria-label="Back to the list" onClick={close}>
          <Icon name="back" />
        </button>
        <div class="names">
          <h1 class={title ? '' : 'mono'}>{title || thread.threadId}</h1>
          {title && <p class="mono quiet">{thread.threadId}</p>}
        </div>
        <span class="here-only">
          <Connection />
        </span>
        {state && (
          <button type="button" class="toggle" aria-pressed={stateShown.value} onClick={() => (stateShown.value = !stateShown.value)}>
            State
          </button>
        )}
      </header>
      <Body thread={thread} />
      {stateShown.value && <StatePanel thread={thread} />}
    </main>
  );
}

function Body({ thread }: { thread: Thread }) {
  const { conversation } = thread;
  switch (thread.presence.value) {
    case 'loading':
      return <p class="hollow quiet">Reading…</p>;
    case 'missing':
      return <NoThread threadId={thread.threadId} />;
    case 'unread':
      return (
        <div class="hollow">
          <p role="alert">{sentence(thread.failure.value)}</p>
          <p class="quiet">This page asks again every few seconds.</p>
        </div>
      );
  }
  const empty = conversation.messages.value.length === 0;
  return (
    <div class="talk">
      <Strips thread={thread} />
      {empty ? <NoMessages threadId={thread.threadId} /> : <ConversationView thread={thread} />}
      {thread.presence.value === 'there' && <Composer thread={thread} />}
    </div>
  );
}

function Strips({ thread }: { thread: Thread }) {
  const { presence, notice, failure } = thread;
  return (
    <>
      {presence.value === 'deleted' && (
        <p class="strip strip-error" role="alert">
          This thread was deleted. What was read of it is still here, until you leave it.
        </p>
      )}
      {presence.value === 'expired' && (
        <p class="strip strip-error" role="alert">
          This thread has expired. What was read of it is still here, until you leave it.
        </p>
      )}
      {failure.value !== null && (
        <p class="strip strip-error" role="alert">
          {sentence(failure.value)}
        </p>
      )}
      {notice.value && (
        <p class="strip" role="status">
          {notice.value}
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => (notice.value = '')}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </>
  );
}
