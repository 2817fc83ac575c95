// The log of the subscriptions: what came, and what became of the connection.
import { useEffect, useRef, useSyncExternalStore } from 'react';
import type { State, Stream } from '../api/stream';
import { remove, store } from '../api/streams';

const said: Record<State, string> = { connecting: 'connecting', live: 'live', lost: 'trying again', over: 'ended' };

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

function Log({ stream }: { stream: Stream }) {
  const list = useRef<HTMLDivElement>(null);
  const last = stream.lines.at(-1)?.id;
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [last]);
  return (
    <section className="stream" aria-label={`Log of ${stream.name}`} data-state={stream.state}>
      <header>
        <b>{stream.name}</b>
        <span className="state">{said[stream.state]}</span>
        <span className="count">{stream.count === 1 ? '1 event' : `${stream.count} events`}</span>
        {stream.state !== 'over' && (
          <button type="button" onClick={() => stream.stop()}>
            Stop
          </button>
        )}
        <button type="button" onClick={() => remove(stream)}>
          Close
        </button>
      </header>
      <div ref={list} role="log" aria-label={`Events of ${stream.name}`} tabIndex={0}>
        {stream.lines.map(({ id, at, text, note }) => (
          <p key={id} className={note ? 'note' : 'event'}>
            <time dateTime={at.toISOString()}>{time.format(at)}</time> {note ? text : <code>{text}</code>}
          </p>
        ))}
      </div>
    </section>
  );
}

export function Live() {
  useSyncExternalStore(store.subscribe, store.version);
  return store.all().map((stream) => <Log key={stream.tab} stream={stream} />);
}
