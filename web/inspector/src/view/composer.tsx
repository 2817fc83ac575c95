// Adds a message. It carries an id made here, so that sending it again after a lost answer stores it once.
import { useRef, useState } from 'preact/hooks';
import { Unreachable, isCode, sentence } from '../api/errors';
import { ask } from '../api/http';
import type { MessageType } from '../api/types';
import type { Thread } from '../state/thread';

const types: [MessageType, string][] = [['HUMAN', 'Human'], ['AI', 'AI'], ['SYSTEM', 'System'], ['TOOL', 'Tool']];

// crypto.randomUUID is for pages over HTTPS or on this host alone.
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function Composer({ thread }: { thread: Thread }) {
  const [type, setType] = useState<MessageType>('HUMAN');
  const [content, setContent] = useState('');
  const [call, setCall] = useState('');
  const [failed, setFailed] = useState(false);
  const [busy, setBusy] = useState(false);
  const [says, setSays] = useState<{ text: string; error: boolean } | null>(null);
  const id = useRef<string | null>(null);
  const pending = thread.state.value?.pendingToolCalls ?? [];
  const toolCallId = pending.some((each) => each.id === call) ? call : pending[0]?.id;

  const change = (work: () => void) => {
    work();
    id.current = null; // another message
    setSays(null);
  };
  const send = async () => {
    if (busy || content.trim() === '') return;
    setBusy(true);
    id.current ??= newId();
    const answer = type === 'TOOL' ? { ...(toolCallId && { toolCallId }), status: failed ? ('ERROR' as const) : ('SUCCESS' as const) } : {};
    try {
      const { addMessage } = await ask('AddMessage', {
        input: { threadId: thread.threadId, message: { messageId: id.current, type, content, ...answer } },
      });
      change(() => setContent(''));
      setSays({ text: `Added as #${addMessage.message.seq}.`, error: false });
    } catch (error) {
      const again = error instanceof Unreachable || isCode(error, 'UNAVAILABLE');
      setSays({ text: again ? `${sentence(error)} Send it again: it is stored once.` : sentence(error), error: true });
    }
    setBusy(false);
  };

  return (
    <form
      class="composer"
      aria-label="Add a message"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div class="composer-row">
        <select
          aria-label="Type of the message"
          value={type}
          onChange={(event) => {
            const value = event.currentTarget.value as MessageType;
            change(() => setType(value));
          }}
        >
          {types.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
        <textarea
          id="composer"
          rows={Math.min(8, content.split('\n').length)}
          placeholder="Add a message"
          aria-label="Text of the message"
          value={content}
          onInput={(event) => {
            const { value } = event.currentTarget;
            change(() => setContent(value));
          }}
          onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && (event.preventDefault(), void send())}
        />
        <button type="submit" class="primary" disabled={busy || content.trim() === ''} title="Ctrl Enter">
          Add
        </button>
      </div>
      <div class="composer-row more">
        {type === 'TOOL' && (
          <>
            <label class="check">
              <span class="quiet">Answers</span>
              <select
                value={toolCallId ?? ''}
                onChange={(event) => {
                  const { value } = event.currentTarget;
                  change(() => setCall(value));
                }}
              >
                {pending.length === 0 && <option value="">no open call</option>}
                {pending.map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name} #{each.seq}
                  </option>
                ))}
              </select>
            </label>
            <label class="check">
              <input
                type="checkbox"
                checked={failed}
                onChange={(event) => {
                  const { checked } = event.currentTarget;
                  change(() => setFailed(checked));
                }}
              />
              It failed
            </label>
          </>
        )}
        <span class={says?.error ? 'says error' : 'says quiet'} role="status">
          {says?.text}
        </span>
      </div>
    </form>
  );
}
