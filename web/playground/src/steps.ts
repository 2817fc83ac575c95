// The first steps, a tab each: the operations of steps.graphql with variables for a thread of this browser's own, so that two people at
// one server do not meet in it.
import type { TabsState } from '@graphiql/react';
import text from './steps.graphql?raw';
import { storage } from './storage';

export type Tab = TabsState['tabs'][number];

const threadKey = 'agentstate:first-steps';

// What a step has beside the thread.
const others: Record<string, Record<string, unknown>> = {
  AddMessage: { content: 'Where do you keep this?' },
  FollowMessages: { after: null },
  EditMessage: { messageId: 'instructions', content: 'Be brief, and kind.' },
};

// getRandomValues, because randomUUID is there over HTTPS and on localhost alone.
function threadId(): string {
  const known = storage.getItem(threadKey);
  if (known) return known;
  const id = `first-steps-${Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  storage.setItem(threadKey, id);
  return id;
}

/** The tabs of the first steps as GraphiQL keeps tabs. */
export function steps(): Tab[] {
  const thread = threadId();
  return text
    .split(/^(?=# \d+\. )/m)
    .filter((step) => step.trim())
    .map((step) => {
      const query = `${step.trim()}\n`;
      const name = query.match(/^(?:query|mutation|subscription) (\w+)/m)![1]!;
      const variables = `${JSON.stringify({ threadId: thread, ...others[name] }, null, 2)}\n`;
      return { id: `${thread}-${name}`, hash: [query, variables, ''].join('|'), title: name, query, variables, headers: null, operationName: name, response: null };
    });
}

/**
 * Opens the first steps for a reader who has no tabs of an earlier visit. They are put where GraphiQL keeps tabs, because those that it
 * is given (defaultTabs) lose the variables of the first one, and come with an empty tab more after a reload.
 */
export function openFirst(): void {
  if (storage.getItem('graphiql:tabState')) return;
  const tabs = steps();
  storage.setItem('graphiql:tabState', JSON.stringify({ tabs, activeTabIndex: 0 }));
  storage.setItem('graphiql:query', tabs[0]!.query!);
  storage.setItem('graphiql:variables', tabs[0]!.variables!);
}

/** Those of the first steps that are not open as they were, behind the tabs that are; and where the first one is then. */
export function withSteps(open: readonly Tab[]): { tabs: Tab[]; first: number } {
  const wanted = steps();
  const same = (a: Tab, b: Tab) => a.query?.trim() === b.query?.trim() && a.variables?.trim() === b.variables?.trim();
  const missing = wanted.filter((step) => !open.some((tab) => same(tab, step)));
  const ids = new Set(open.map(({ id }) => id));
  const tabs = [...open, ...missing.map((step) => (ids.has(step.id) ? { ...step, id: `${step.id}-${Date.now()}` } : step))];
  return { tabs, first: tabs.findIndex((tab) => same(tab, wanted[0]!)) };
}
