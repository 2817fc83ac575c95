import { useLayoutEffect, useRef, useState } from 'react';

import { useMessages } from './messages.js';

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function Chat({ threadId }) {
  const { messages, more, state, error, say, earlier } = useMessages(threadId);
  const list = useRef(null);
  const last = messages.at(-1)?.messageId;
  useLayoutEffect(() => {
    list.current?.scrollTo(0, list.current.scrollHeight);
  }, [last]);
  return (
    <main>
      <header>
        <h1>{threadId}</h1>
        <span role="status" className={state}>
          {state}
        </span>
      </header>
      <ol ref={list} aria-label="Messages" tabIndex={0}>
        {more && (
          <li className="more">
            <button type="button" onClick={earlier}>
              Earlier messages
            </button>
          </li>
        )}
        {messages.map((m) => (
          <li key={m.messageId} className={m.type.toLowerCase()} data-pending={m.pending || undefined}>
            <p>{m.text}</p>
            <small>{m.failed ?? (m.pending ? 'sending' : time.format(new Date(m.timestamp)))}</small>
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error}</p>}
      <Composer say={say} />
    </main>
  );
}

function Composer({ say }) {
  const [text, setText] = useState('');
  const send = (event) => {
    event.preventDefault();
    if (!text.trim()) return;
    say(text);
    setText('');
  };
  return (
    <form onSubmit={send}>
      <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" autoFocus />
      <button type="submit">Send</button>
    </form>
  );
}
