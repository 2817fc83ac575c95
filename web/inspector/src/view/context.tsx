// The context is written only if nobody else has changed the thread since it was opened here: the server compares the versions.
import { useState } from 'preact/hooks';
import { Refused, isCode, sentence } from '../api/errors';
import { ask } from '../api/http';
import type { Thread } from '../state/thread';
import { Dialog, hideDialog } from './dialogs';

export function ContextDialog({ thread }: { thread: Thread }) {
  const { threadId } = thread;
  const [start] = useState(() => ({ context: thread.state.value?.context ?? '', version: thread.state.value?.version ?? 0 }));
  const [value, setValue] = useState(start.context);
  const [expectedVersion, setExpected] = useState(start.version);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  const save = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { setContext } = await ask('SetContext', { input: { threadId, context: value, expectedVersion } });
      thread.take(setContext.agentState);
      hideDialog();
    } catch (failure) {
      await meet(failure);
    }
    setBusy(false);
  };
  // A message that came meanwhile changes the version, and nothing that is edited here: then it is tried once more with the version
  // that is now. Another context is the reader's to judge.
  const meet = async (failure: unknown) => {
    const current = failure instanceof Refused ? failure.currentVersion : undefined;
    if (!isCode(failure, 'CONFLICT') || current === undefined) return setError(failure);
    const { agentState } = await ask('Thread', { threadId, last: 1 }).catch(() => ({ agentState: null }));
    if (!agentState) return setError(failure);
    thread.take(agentState);
    setExpected(agentState.version);
    if (agentState.context !== start.context) return setError(failure);
    try {
      const { setContext } = await ask('SetContext', { input: { threadId, context: value, expectedVersion: agentState.version } });
      thread.take(setContext.agentState);
      hideDialog();
    } catch (again) {
      setError(again);
    }
  };

  const conflict = isCode(error, 'CONFLICT');
  return (
    <Dialog title="Context" wide>
      <form class="form" onSubmit={(event) => void save(event)}>
        <label for="context">What the agent remembers of this thread</label>
        <textarea id="context" rows={12} value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        {error !== null && (
          <p class="error" role="alert">
            {sentence(error)}
          </p>
        )}
        {conflict && (
          <>
            <p>Somebody has changed the context meanwhile. It is now:</p>
            <pre class="json" tabIndex={0} role="group" aria-label="The context as it is now">
              {thread.state.value?.context || '(empty)'}
            </pre>
          </>
        )}
        <div class="actions">
          <button type="button" onClick={hideDialog}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || (value === start.context && !conflict)}>
            {conflict ? 'Overwrite it' : 'Save context'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
