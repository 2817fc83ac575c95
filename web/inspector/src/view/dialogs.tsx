// The dialogs of the page: native ones, which keep the focus inside and give it back.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { sentence } from '../api/errors';
import { ask } from '../api/http';
import { close } from '../state/route';
import { refused, token, useToken } from '../state/session';
import { singleKeys } from '../state/settings';
import type { Thread } from '../state/thread';
import * as threads from '../state/threads';
import { ContextDialog } from './context';
import { several } from './format';

type Name = 'token' | 'keys' | 'delete' | 'context';

export const dialog = signal<Name | null>(null);
export const showDialog = (name: Name) => (dialog.value = name);
export const hideDialog = () => (dialog.value = null);

export function Dialog({ title, wide, children }: { title: string; wide?: boolean; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby="dialog-title"
      onClose={hideDialog}
      onClick={(event) => event.target === element.current && hideDialog()}
    >
      <div class="dialog-body">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export function Dialogs({ thread }: { thread: Thread | null }) {
  if (dialog.value === 'token') return <TokenDialog />;
  if (dialog.value === 'keys') return <KeysDialog />;
  if (dialog.value === 'delete' && thread) return <DeleteDialog thread={thread} />;
  if (dialog.value === 'context' && thread) return <ContextDialog thread={thread} />;
  return null;
}

export function TokenForm({ onDone }: { onDone?: () => void }) {
  const [value, setValue] = useState(token.value);
  const submit = (event: Event) => {
    event.preventDefault();
    useToken(value);
    onDone?.();
  };
  return (
    <form onSubmit={submit} class="form">
      <label for="token">Token</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        spellcheck={false}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <p class="quiet">
        Sent as <code>Authorization: Bearer …</code> with each request and in <code>connection_init</code>. It is kept in this tab alone, until the
        tab is closed.
      </p>
      {refused.value && (
        <p class="error" role="alert">
          {refused.value}
        </p>
      )}
      <div class="actions">
        {onDone && (
          <button type="button" onClick={onDone}>
            Cancel
          </button>
        )}
        <button type="submit" class="primary">
          Use token
        </button>
      </div>
    </form>
  );
}

function TokenDialog() {
  return (
    <Dialog title="Who you are">
      <TokenForm onDone={hideDialog} />
    </Dialog>
  );
}

const keys: [string, string][] = [
  ['/', 'Search'],
  ['j  k', 'Next and previous thread'],
  ['Enter', 'Open the thread'],
  ['Esc', 'Back to the list'],
  ['m', 'Write a message'],
  ['s', 'Show or hide the state of the thread'],
  ['↑  ↓', 'Through the lines, or the messages'],
  ['Home  End', 'To the first and the last message'],
  ['Ctrl Enter', 'Add the message that is written'],
  ['?', 'This list'],
];

function KeysDialog() {
  return (
    <Dialog title="Keys">
      <dl class="key-list">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split(/\s+/).map((each) => (
                <kbd key={each}>{each}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={singleKeys.value === 'on'}
          onChange={(event) => (singleKeys.value = event.currentTarget.checked ? 'on' : 'off')}
        />
        Single keys are commands
      </label>
      <div class="actions">
        <button type="button" onClick={hideDialog}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function DeleteDialog({ thread }: { thread: Thread }) {
  const { threadId } = thread;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const remove = async () => {
    setBusy(true);
    try {
      await ask('DeleteThread', { input: { threadId } });
      threads.remove(threadId);
      hideDialog();
      close();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const total = thread.state.value?.messageCounts.total ?? 0;
  return (
    <Dialog title="Delete this thread?">
      <p>
        <span class="mono break">{threadId}</span> with {several(total, 'message')}, its context, plan and metadata will be gone for everybody. This cannot be
        undone.
      </p>
      {error !== null && (
        <p class="error" role="alert">
          {sentence(error)}
        </p>
      )}
      <div class="actions">
        <button type="button" onClick={hideDialog}>
          Keep it
        </button>
        <button type="button" class="danger" disabled={busy} onClick={() => void remove()}>
          Delete thread
        </button>
      </div>
    </Dialog>
  );
}
