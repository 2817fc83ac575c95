// GraphiQL on this server's own /graphql.
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import '../playground.css';
import '../editor/workers';
import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect, useRef } from 'react';
import { createRoot } from 'react-dom/client';
import { fetcher, tabChanged } from '../api/streams';
import { openFirst } from '../steps';
import { forgetHeaders, storage } from '../storage';
import { Links } from './links';
import { Live } from './live';

// Each tab has headers of its own. Whoever has typed a token wants it in the next one too: a tab that has none is given, to be seen, what
// the last one had.
function useLastHeaders(): void {
  const { tabs, activeTabIndex, headerEditor } = useGraphiQL(pick('tabs', 'activeTabIndex', 'headerEditor'));
  const last = useRef('');
  const tab = tabs[activeTabIndex];
  useEffect(() => {
    if (last.current && headerEditor && !headerEditor.getValue().trim()) headerEditor.setValue(last.current);
  }, [tab?.id, headerEditor]);
  useEffect(() => {
    last.current = tab?.headers || last.current;
  }, [tab?.headers]);
}

// What GraphiQL leaves out: the tab that is open at the start, and editors that follow the system when it goes from light to dark.
function Beside() {
  const { tabs, activeTabIndex, theme } = useGraphiQL(pick('tabs', 'activeTabIndex', 'theme'));
  const { setTheme } = useGraphiQLActions();
  useLastHeaders();
  useEffect(() => tabChanged({ tabs, activeTabIndex }), [tabs, activeTabIndex]);
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setTheme(theme);
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, [theme, setTheme]);
  return null;
}

// On a phone, variables and headers take half of the height: there they are opened by who wants them.
const narrow = matchMedia('(max-width: 700px)').matches;

/** Puts the playground into `element`. */
export function start(element: HTMLElement, threads: string | undefined): void {
  forgetHeaders();
  openFirst();
  createRoot(element).render(
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      onTabChange={tabChanged}
      {...(narrow && { defaultEditorToolsVisibility: false })}
      // What a new tab holds, in place of GraphiQL's page of instructions.
      defaultQuery={'{\n  health {\n    status\n  }\n}\n'}
    >
      <GraphiQL.Logo>agentstate</GraphiQL.Logo>
      <GraphiQL.Footer>
        <Live />
        <Links threads={threads} />
      </GraphiQL.Footer>
      <Beside />
    </GraphiQL>,
  );
}
