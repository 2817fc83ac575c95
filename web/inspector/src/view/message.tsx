// One message: who speaks, when, what, which tools, and all of it as JSON on demand.
import { useContext } from 'preact/hooks';
import { createContext } from 'preact';
import { keepDigits } from '../api/json';
import type { Message as MessageData, MessageType, ToolCall } from '../api/types';
import type { Conversation } from '../state/conversation';
import { Content } from './content';
import { clock, exact, short } from './format';
import { Icon } from './icons';
import { JsonBlock, clipped, oneLine, parsed } from './json';

/** What the messages of a list share: the conversation, what is unfolded (which outlives the element), and the way to a message. */
export const Surroundings = createContext<{
  conversation: Conversation;
  unfolded: Set<string>;
  fold: (key: string) => void;
  goTo: (seq: number) => void;
} | null>(null);

function useSurroundings() {
  const all = useContext(Surroundings);
  if (!all) throw new Error('a message is drawn outside of a conversation');
  return all;
}

const names: Record<MessageType, string> = {
  HUMAN: 'Human', AI: 'AI', SYSTEM: 'System', TOOL: 'Tool', FUNCTION: 'Function', CHAT: 'Chat', OTHER: 'Other',
};

export function Message({ message }: { message: MessageData }) {
  const { unfolded, fold } = useSurroundings();
  const { type, messageId } = message;
  const answer = type === 'TOOL' || type === 'FUNCTION';
  const raw = `raw ${messageId}`;
  return (
    <div class={`message message-${answer ? 'tool' : type.toLowerCase()}`}>
      <header>
        <span class="role">{names[type]}</span>
        {message.name && !answer && <span class="speaker">{message.name}</span>}
        <span class="facts">
          {message.usage && (
            <span title={`${message.usage.inputTokens} tokens in, ${message.usage.outputTokens} out`}>{short(message.usage.totalTokens)} tokens</span>
          )}
          <time dateTime={message.timestamp} title={exact(message.timestamp)}>
            {clock(message.timestamp)}
          </time>
          <span class="seq">#{message.seq}</span>
          <button
            type="button"
            class="plain raw"
            aria-pressed={unfolded.has(raw)}
            aria-label={`Message ${message.seq} as JSON`}
            title="As JSON"
            onClick={() => fold(raw)}
          >
            <Icon name="braces" />
          </button>
        </span>
      </header>
      {answer ? <Answer message={message} /> : <Content content={message.content} />}
      {message.toolCalls.map((call, index) => (
        <Call key={call.id ?? index} call={call} from={`${messageId} ${index}`} />
      ))}
      {unfolded.has(raw) && <JsonBlock value={message} label={`Message ${message.seq} as JSON`} />}
    </div>
  );
}

interface FoldingProps {
  id: string;
  name: string;
  hint: string;
  state?: preact.ComponentChildren;
  children: preact.ComponentChildren;
}

// A details element whose state is kept outside, because the element goes when it is scrolled away.
function Folding({ id, name, hint, state, children }: FoldingProps) {
  const { unfolded, fold } = useSurroundings();
  const open = unfolded.has(id);
  return (
    <details class="fold" open={open}>
      <summary
        onClick={(event) => {
          event.preventDefault();
          fold(id);
        }}
      >
        <span class="fold-name">{name}</span>
        <span class="fold-hint">{hint}</span>
        {state}
      </summary>
      {open && <div class="fold-body">{children}</div>}
    </details>
  );
}

function Call({ call, from }: { call: ToolCall; from: string }) {
  const { conversation, goTo } = useSurroundings();
  const answer = call.id ? conversation.answers.value.get(call.id) : undefined;
  const state = !answer ? 'waiting' : answer.status === 'ERROR' ? 'failed' : 'answered';
  return (
    <Folding
      id={`call ${from}`}
      name={call.name}
      hint={oneLine(call.args)}
      // Without an id nothing can answer it, and with newer messages unread its answer may be among them.
      state={call.id && (answer || !conversation.hasNewer.value) ? <span class={`state state-${state}`}>{state}</span> : undefined}
    >
      <p class="label">Arguments</p>
      <JsonBlock value={call.args} label={`Arguments of ${call.name}`} />
      {answer && (
        <>
          <p class="label">
            Answer
            <button type="button" class="link" onClick={() => goTo(answer.seq)}>
              #{answer.seq}
            </button>
          </p>
          <AnswerBody message={answer} />
        </>
      )}
      {call.id && <p class="quiet mono">{call.id}</p>}
    </Folding>
  );
}

function Answer({ message }: { message: MessageData }) {
  const { conversation, goTo } = useSurroundings();
  const call = message.toolCallId ? conversation.calls.value.get(message.toolCallId) : undefined;
  const name = message.name ?? call?.name ?? 'answer';
  return (
    <Folding
      id={`answer ${message.messageId}`}
      name={name}
      hint={clipped(message.text || oneLine(message.content), 160)}
      state={message.status === 'ERROR' ? <span class="state state-failed">failed</span> : undefined}
    >
      <AnswerBody message={message} />
      {message.toolCallId && (
        <p class="quiet">
          Answers <span class="mono">{message.toolCallId}</span>
          {call && (
            <button type="button" class="link" onClick={() => goTo(call.seq)}>
              #{call.seq}
            </button>
          )}
        </p>
      )}
    </Folding>
  );
}

// Tools mostly answer with JSON in a text.
function AnswerBody({ message }: { message: MessageData }) {
  const value = typeof message.content === 'string' ? parsed(message.content, keepDigits) : undefined;
  return value === undefined ? <Content content={message.content} /> : <JsonBlock value={value} label={`Answer in message ${message.seq}`} />;
}
