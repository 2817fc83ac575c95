// The conversation: a feed of which only what is seen is in the page.
import { useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { sentence } from '../api/errors';
import type { Message as MessageData } from '../api/types';
import type { Thread } from '../state/thread';
import { count, day, several } from './format';
import { Icon } from './icons';
import { Message, Surroundings } from './message';
import { useVirtual } from './virtual';

// Before it is measured a message is taken for as high as most are.
const estimate = { HUMAN: 110, AI: 170, SYSTEM: 110, TOOL: 66, FUNCTION: 66, CHAT: 110, OTHER: 110 };
// So near to an end of what is here the next page is read: some screens ahead of the reader.
const ahead = 1_500;
const atEndWithin = 80;

export function ConversationView({ thread }: { thread: Thread }) {
  const { conversation } = thread;
  const messages = conversation.messages.value;
  const scroller = useRef<HTMLDivElement>(null);
  const [unfolded, setUnfolded] = useState<Set<string>>(() => new Set());
  const list = useVirtual(scroller, {
    count: messages.length,
    estimateSize: (index) => estimate[messages[index]?.type ?? 'OTHER'],
    getItemKey: (index) => messages[index]?.messageId ?? index,
    overscan: 6,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: atEndWithin,
    paddingStart: 16,
    paddingEnd: 16,
  });

  // A thread opens at its end.
  const opened = useRef(false);
  useEffect(() => {
    if (opened.current || messages.length === 0) return;
    opened.current = true;
    list.scrollToEnd();
  }, [messages.length]);

  const offset = list.scrollOffset ?? 0;
  const behind = list.getDistanceFromEnd();
  useEffect(() => {
    if (!opened.current || conversation.busy.value) return;
    if (offset < ahead) void conversation.older();
    else if (behind < ahead) void conversation.newer();
  });

  // Where the reader is at the end he stays there when the writing below grows, or the window shrinks.
  const height = list.scrollRect?.height ?? 0;
  const seen = useRef({ height, behind });
  useEffect(() => {
    if (height < seen.current.height && seen.current.behind < atEndWithin) list.scrollToEnd();
    seen.current = { height, behind };
  });

  const goTo = useCallback((seq: number) => {
    const index = conversation.messages.value.findIndex((message) => message.seq === seq);
    if (index < 0) return;
    list.scrollToIndex(index, { align: 'center' });
    requestAnimationFrame(() => focusOn(scroller.current, index));
  }, []);
  const surroundings = useMemo(() => {
    const fold = (key: string) =>
      setUnfolded((old) => {
        const next = new Set(old);
        if (!next.delete(key)) next.add(key);
        return next;
      });
    return { conversation, unfolded, fold, goTo };
  }, [unfolded]);

  const toStart = () => void conversation.toStart().then(() => list.scrollToOffset(0));
  const toEnd = () => void conversation.toEnd().then(() => list.scrollToEnd());
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest('pre, input, textarea, select')) return;
    const handled = { Home: toStart, End: toEnd, ArrowDown: () => step(scroller.current, 1), ArrowUp: () => step(scroller.current, -1) }[event.key];
    if (!handled) return;
    event.preventDefault();
    handled();
  };

  const items = list.getVirtualItems();
  const away = behind > 600 || conversation.hasNewer.value;
  return (
    <div class="conversation">
      <div
        ref={scroller}
        class="scroller"
        role="feed"
        aria-label="Conversation"
        aria-busy={conversation.busy.value !== null}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <Surroundings.Provider value={surroundings}>
          <div class="sheet" style={{ height: `${list.getTotalSize()}px` }}>
            {items.map(({ key, index, start }) => {
              const message = messages[index];
              if (!message) return null;
              const first = startsDay(messages, index);
              return (
                <div key={key} class="item" ref={list.measureElement} data-index={index} style={{ transform: `translateY(${start}px)` }}>
                  {first && <p class="day">{day(message.timestamp)}</p>}
                  <article
                    tabIndex={-1}
                    aria-label={`${message.type.toLowerCase()} message ${message.seq}`}
                    aria-posinset={message.seq}
                    aria-setsize={conversation.hasNewer.value ? -1 : conversation.newestSeq}
                  >
                    <Unchanged message={message} />
                  </article>
                </div>
              );
            })}
          </div>
        </Surroundings.Provider>
      </div>
      <Announcer thread={thread} />
      {conversation.failure.value !== null && <p class="strip strip-error" role="alert">{sentence(conversation.failure.value)}</p>}
      <div class="jumps">
        {offset > 600 && messages.length > 20 && (
          <button type="button" class="jump" onClick={toStart} title="To the first message (Home)" aria-label="To the first message">
            <Icon name="up" />
          </button>
        )}
        {away && (
          <button type="button" class="jump" onClick={toEnd} title="To the last message (End)" aria-label="To the last message">
            {conversation.unseen.value > 0 && <span>{count(conversation.unseen.value)} new</span>}
            <Icon name="down" />
          </button>
        )}
      </div>
    </div>
  );
}

// The same node as the last time, so that scrolling draws no message again that has not changed.
function Unchanged({ message }: { message: MessageData }) {
  return useMemo(() => <Message message={message} />, [message]);
}

// Tells readers of the screen how many messages have come, not each of them.
function Announcer({ thread }: { thread: Thread }) {
  const [text, setText] = useState('');
  const last = useRef<number | null>(null);
  useSignalEffect(() => {
    const total = thread.state.value?.messageCounts.total ?? null;
    if (total !== null && last.current !== null && total > last.current) setText(`${several(total - last.current, 'new message')}, ${count(total)} in all`);
    last.current = total;
  });
  return (
    <p class="unseen" role="status">
      {text}
    </p>
  );
}

function startsDay(messages: readonly MessageData[], index: number): boolean {
  const [before, here] = [messages[index - 1], messages[index]];
  return !before || !here || new Date(before.timestamp).toDateString() !== new Date(here.timestamp).toDateString();
}

function focusOn(scroller: Element | null, index: number): void {
  scroller?.querySelector<HTMLElement>(`[data-index="${index}"] article`)?.focus({ preventScroll: true });
}

// From one message to the next by the arrows, from what is in the middle of the screen where none has the focus.
function step(scroller: HTMLElement | null, by: 1 | -1): void {
  if (!scroller) return;
  const items = [...scroller.querySelectorAll<HTMLElement>('.item')];
  const at = items.findIndex((item) => item.contains(document.activeElement));
  const box = scroller.getBoundingClientRect();
  const seen = items.findIndex((item) => item.getBoundingClientRect().bottom > box.top + box.height / 2);
  const next = items[at < 0 ? seen : at + by];
  next?.querySelector('article')?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: 'nearest' });
}
