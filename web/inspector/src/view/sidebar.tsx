// The list of threads, with the search and what concerns the page as a whole.
import { useEffect, useRef } from 'preact/hooks';
import { sentence } from '../api/errors';
import type { ThreadLine } from '../api/types';
import { now } from '../state/clock';
import { addressOf, opened } from '../state/route';
import { server } from '../state/server';
import { refused } from '../state/session';
import * as threads from '../state/threads';
import { NoThreads } from './empty';
import { ago, count, exact, several } from './format';
import { Icon } from './icons';
import { Toolbar } from './toolbar';
import { useVirtual } from './virtual';

const lineHeight = 60;
// The reader stops typing, or scrolling, before the server is asked.
const typingPause = 200;
const scrollingPause = 250;

export function Sidebar() {
  const typed = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const onInput = (event: Event) => {
    threads.search.value = (event.currentTarget as HTMLInputElement).value.trim();
    clearTimeout(typed.current);
    typed.current = setTimeout(() => void threads.load(), typingPause);
  };
  const total = threads.total.value;
  return (
    <section class="sidebar" aria-label="Threads">
      <header class="bar">
        <h1>Threads</h1>
        {total !== null && <span class="quiet number">{count(total)}</span>}
        <Toolbar />
      </header>
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder="Search ids, or order-*"
          aria-label="Search threads by id: a part of it, or a glob such as order-*"
          autocomplete="off"
          spellcheck={false}
          value={threads.search.value}
          onInput={onInput}
          onKeyDown={(event) => event.key === 'ArrowDown' && (event.preventDefault(), moveLine(1))}
        />
      </div>
      {threads.failure.value !== null && !refused.value && (
        <p class="strip strip-error" role="alert">
          {sentence(threads.failure.value)}
        </p>
      )}
      {threads.lines.value.length > 0 ? <Lines /> : <NoLines />}
      <footer class="foot quiet">
        <a href="./" hidden={!server.playground.value}>
          Playground
        </a>
        <a href={document.querySelector<HTMLLinkElement>('link[rel=license]')?.href ?? ''}>Licences</a>
        <span class="version">{server.facts.value?.version}</span>
      </footer>
    </section>
  );
}

function NoLines() {
  if (threads.failure.value !== null) return <p class="hollow" />;
  if (threads.total.value === null) return <p class="hollow quiet">Reading…</p>;
  if (threads.search.value === '') return <NoThreads />;
  return (
    <div class="hollow">
      <p>No thread’s id matches.</p>
      <p class="quiet">
        <code>*</code> stands for anything, <code>?</code> for one character, <code>[a-z]</code> for a choice. Text without them is looked for
        anywhere in the id.
      </p>
    </div>
  );
}

function Lines() {
  const lines = threads.lines.value;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useVirtual(scroller, {
    count: lines.length,
    estimateSize: () => lineHeight,
    getItemKey: (index) => lines[index]?.threadId ?? index,
    overscan: 4,
  });
  const items = list.getVirtualItems();
  const { startIndex = 0, endIndex = 0 } = list.range ?? {};
  const seen = lines.slice(startIndex, endIndex + 1).map(({ threadId }) => threadId);

  useEffect(() => {
    const timer = setTimeout(() => threads.watch(seen), scrollingPause);
    return () => clearTimeout(timer);
  }, [seen.slice().sort().join('\n')]);
  useEffect(() => threads.unwatch, []);
  useEffect(() => {
    if (endIndex > lines.length - 20) void threads.more();
  }, [endIndex, lines.length]);

  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    moveLine(by);
  };
  return (
    <nav class="scroller lines" ref={scroller} aria-label={several(lines.length, 'thread')} onKeyDown={onKeyDown}>
      <div class="sheet" style={{ height: `${list.getTotalSize()}px` }}>
        {items.map(({ key, index, start }) => {
          const line = lines[index];
          return line && <Line key={key} line={line} start={start} index={index} />;
        })}
      </div>
    </nav>
  );
}

function Line({ line, start, index }: { line: ThreadLine; start: number; index: number }) {
  const { threadId, lastUpdated, messageCounts } = line;
  const title = titleOf(line);
  const current = opened.value === threadId;
  return (
    <a
      class="line"
      href={addressOf(threadId)}
      aria-current={current ? 'true' : undefined}
      data-index={index}
      style={{ transform: `translateY(${start}px)` }}
    >
      <span class={title ? 'line-title' : 'line-title mono'}>{title || threadId}</span>
      <time class="line-time" dateTime={lastUpdated} title={exact(lastUpdated)}>
        {ago(lastUpdated, now.value)}
      </time>
      <span class="line-id">{title ? threadId : several(messageCounts.total, 'message')}</span>
      {title && <span class="line-count" aria-label={several(messageCounts.total, 'message')}>{count(messageCounts.total)}</span>}
    </a>
  );
}

/** What the application calls a thread: `title` or `name` of its metadata. Empty where there is none. */
export function titleOf({ metadata }: Pick<ThreadLine, 'metadata'>): string {
  if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata)) return '';
  for (const each of [metadata.title, metadata.name]) if (typeof each === 'string' && each.trim()) return each.trim();
  return '';
}

/** Moves the focus from one line to the next, or to the open one, or to the first. */
export function moveLine(by: number): void {
  const lines = [...document.querySelectorAll<HTMLElement>('.line')].sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index));
  const at = lines.findIndex((line) => line === document.activeElement);
  const current = lines.findIndex((line) => line.ariaCurrent === 'true');
  const next = at >= 0 ? lines[at + by] : (lines[current] ?? lines[0]);
  next?.focus();
}
