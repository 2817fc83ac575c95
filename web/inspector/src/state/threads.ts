// The list of threads, kept up to date by three means, because the API has no subscription to all threads, which would have to tell
// every listener of every change:
//  - what is new since the last time is asked for every few seconds, by `lastUpdatedAfter`: mostly an empty answer;
//  - the lines on the screen are followed by agentStateChanged, and change at once;
//  - a line that comes onto the screen and is gone meanwhile is NOT_FOUND there, and is taken out.
// Nothing is asked while nobody sees the page.
import { batch, signal } from '@preact/signals';
import { isCode } from '../api/errors';
import { ask } from '../api/http';
import { follow } from '../api/live';
import type { ThreadLine } from '../api/types';
import { now } from './clock';
import { refused } from './session';

const page = 60;
const pollEvery = 4_000;
/** As many lines are followed at once: more than a screen has, and far less than a server allows on one connection. */
const followed = 40;
// Changes within the same instant as the newest one that is known may have come after it was asked for.
const overlap = 1_000;

export const lines = signal<ThreadLine[]>([]);
/** All threads of the caller, whatever is searched for; null until it is known. */
export const total = signal<number | null>(null);
export const hasMore = signal(false);
export const loading = signal(true);
export const failure = signal<unknown>(null);
/** What is searched for, as it was typed. */
export const search = signal('');

let cursor: string | null = null;
let generation = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** A text without any of a glob's characters is looked for anywhere in the id. */
export function globOf(text: string): string | undefined {
  if (text === '') return undefined;
  return /[*?[\]\\]/.test(text) ? text : `*${text}*`;
}

/** Reads the list from the beginning. */
export async function load(): Promise<void> {
  const mine = ++generation;
  loading.value = true;
  await attempt(mine, async () => {
    const answer = await ask('Threads', { first: page, ...filter() });
    if (mine !== generation) return;
    batch(() => {
      total.value = answer.agentStateCount;
      take(answer.agentStates.nodes, true);
      behind(answer.agentStates.pageInfo);
    });
  });
  if (mine === generation) loading.value = false;
  schedule();
}

/** Reads the next page. */
export async function more(): Promise<void> {
  if (loading.value || !hasMore.value) return;
  const mine = generation;
  loading.value = true;
  await attempt(mine, async () => {
    const { agentStates } = await ask('Threads', { first: page, after: cursor, ...filter() });
    if (mine !== generation) return;
    batch(() => {
      take(agentStates.nodes, false);
      behind(agentStates.pageInfo);
    });
  });
  if (mine === generation) loading.value = false;
}

async function poll(): Promise<void> {
  const newest = lines.value[0];
  if (failure.value || !newest) return load();
  const mine = generation;
  const lastUpdatedAfter = new Date(Date.parse(newest.lastUpdated) - overlap).toISOString();
  await attempt(mine, async () => {
    const { agentStateCount, agentStates } = await ask('Threads', { first: page, ...filter({ lastUpdatedAfter }) });
    if (mine !== generation) return;
    total.value = agentStateCount;
    // More than a page is new: the page is the beginning of the list, and what lies between is asked for behind it.
    const gap = agentStates.pageInfo.hasNextPage;
    batch(() => {
      take(agentStates.nodes, gap);
      if (gap) behind(agentStates.pageInfo);
    });
  });
  schedule();
}

async function attempt(mine: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    if (mine === generation) failure.value = null;
  } catch (error) {
    if (mine === generation) failure.value = error;
  }
}

function filter(more: { lastUpdatedAfter?: string } = {}) {
  const threadIdPattern = globOf(search.value);
  return { filter: { ...(threadIdPattern && { threadIdPattern }), ...more } };
}

function behind(pageInfo: { hasNextPage: boolean; endCursor: string | null }): void {
  hasMore.value = pageInfo.hasNextPage;
  cursor = pageInfo.endCursor;
}

// A token that was refused once is refused again: the next one makes all of this begin anew.
function schedule(): void {
  clearTimeout(timer);
  if (!document.hidden && !refused.value) timer = setTimeout(() => void poll(), pollEvery);
}

/** Asks at once, as when the page is seen again or a connection is back. */
export function refresh(): void {
  clearTimeout(timer);
  void poll();
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer);
  if (!document.hidden) refresh();
});

// Takes in lines, in place of all others or beside them; of two for one thread the later one stays.
function take(nodes: readonly ThreadLine[], all: boolean): void {
  const byId = new Map(all ? [] : lines.value.map((line) => [line.threadId, line]));
  let changed = all;
  for (const node of nodes) {
    const known = byId.get(node.threadId);
    if (known && known.version === node.version && known.lastUpdated === node.lastUpdated && known.expiresAt === node.expiresAt) continue;
    if (known && known.lastUpdated > node.lastUpdated) continue;
    byId.set(node.threadId, node);
    changed = true;
  }
  // Times of one form sort as text.
  if (changed) lines.value = [...byId.values()].sort((a, b) => (a.lastUpdated < b.lastUpdated ? 1 : a.lastUpdated > b.lastUpdated ? -1 : 0));
}

/** Takes in a line that came by another way; `search` says which belong here, so only one that is here is changed. */
export function update(line: ThreadLine): void {
  if (lines.value.some(({ threadId }) => threadId === line.threadId)) take([line], false);
}

/** Takes a thread out that is gone. */
export function remove(threadId: string): void {
  const left = lines.value.filter((line) => line.threadId !== threadId);
  if (left.length === lines.value.length) return;
  lines.value = left;
  if (total.value) total.value--;
}

const following = new Map<string, () => void>();

/** Follows the threads of these lines, and no others. */
export function watch(threadIds: readonly string[]): void {
  const wanted = new Set(threadIds.slice(0, followed));
  for (const [id, stop] of following) {
    if (wanted.has(id)) continue;
    stop();
    following.delete(id);
  }
  for (const threadId of wanted) if (!following.has(threadId)) following.set(threadId, followLine(threadId));
}

function followLine(threadId: string): () => void {
  return follow('ThreadLineChanged', { threadId }, {
    next: ({ agentStateChanged: { agentState } }) => (agentState ? update(agentState) : remove(threadId)),
    end: (error) => {
      following.delete(threadId);
      if (isCode(error, 'NOT_FOUND')) remove(threadId);
    },
  });
}

/** Stops following, so that it can begin with another connection. */
export function unwatch(): void {
  watch([]);
}

// A thread past its expiry is gone, whether or not somebody says so.
now.subscribe((time) => {
  const alive = lines.value.filter((line) => Date.parse(line.expiresAt) > time);
  if (alive.length !== lines.value.length) lines.value = alive;
});
