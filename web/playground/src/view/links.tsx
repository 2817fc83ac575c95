// The line below the response: the first steps, and where else to go.
import { pick, useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { withSteps } from '../steps';

function FirstSteps() {
  const open = useGraphiQL(pick('tabs')).tabs;
  const { moveTab, changeTab } = useGraphiQLActions();
  const show = () => {
    const { tabs, first } = withSteps(open);
    if (tabs.length > open.length) moveTab(tabs);
    changeTab(first);
  };
  return (
    <button type="button" title="Open the tabs of the first steps again, beside those that are open" onClick={show}>
      First steps
    </button>
  );
}

/** `threads` is the address of the inspector, where this server has it. */
export function Links({ threads }: { threads: string | undefined }) {
  const licenses = document.querySelector<HTMLLinkElement>('link[rel=license]')!.href;
  return (
    <nav className="links" aria-label="This server">
      <FirstSteps />
      {threads && <a href={threads}>Threads</a>}
      <a href="health" target="_blank" rel="noreferrer">
        Health
      </a>
      <a href={licenses} target="_blank" rel="noreferrer">
        Licences
      </a>
    </nav>
  );
}
