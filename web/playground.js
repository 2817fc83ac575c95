// Starts GraphiQL on this server's own /graphql. React, ReactDOM and GraphiQL are globals of the scripts ahead of it.
// Every address is relative to the page, so that it also works behind a proxy that serves it under a path.
const { createElement } = window.React ?? {};
const playground = document.getElementById('playground');
const graphql = new URL('graphql', document.baseURI);

// A refusal by something between the page and GraphQL (authentication, a proxy, a limit) need not be JSON. It is shown as
// it is, rather than as a complaint about its first letter.
async function fetchJSON(input, init) {
  const response = await fetch(input, init);
  if (response.headers.get('Content-Type')?.includes('json')) return response;
  const text = (await response.text()).trim().slice(0, 500);
  throw new Error(`${response.status} ${response.statusText}: ${text}`);
}

// The first steps, a tab each. GraphiQL opens them only where the browser has no tabs of an earlier visit.
async function tour() {
  const response = await fetch(playground.dataset.tour);
  if (!response.ok) return undefined;
  const steps = (await response.text()).split(/^(?=# \d+\. )/m).slice(1);
  return steps.map((query) => ({ query: `${query.trim()}\n` }));
}

function footer(threads) {
  const link = (text, href) => createElement('a', { href, target: '_blank', rel: 'noreferrer' }, text);
  const licenses = document.querySelector('link[rel=license]').href;
  const links = [link('Health', 'health'), link('Licences', licenses)];
  if (threads) links.unshift(createElement('a', { href: threads }, 'Threads'));
  return createElement('nav', { className: 'links' }, ...links);
}

// The address of the inspector, if this server has it: the header Link of the page's own answer says so.
async function inspector() {
  try {
    const { headers } = await fetch(document.baseURI.replace(/#.*/, ''), { method: 'HEAD' });
    return headers.get('Link')?.match(/<([^>]*)>; rel="related"/)?.[1];
  } catch {
    return undefined;
  }
}

async function start() {
  if (!window.GraphiQL) throw new Error('one of its scripts did not load');
  const { GraphiQL, ReactDOM } = window;
  const fetcher = GraphiQL.createFetcher({
    url: graphql.href,
    // The bundle's graphql-ws speaks graphql-transport-ws; it gives what is in the Headers editor as connection_init's
    // payload, because a browser cannot set headers on a WebSocket.
    subscriptionUrl: graphql.href.replace(/^http/, 'ws'),
    fetch: fetchJSON,
    // No @defer and @stream here: ask for JSON and nothing else.
    enableIncrementalDelivery: false,
  });
  const [defaultTabs, threads] = await Promise.all([tour(), inspector()]);
  const props = {
    fetcher,
    defaultTabs,
    // What a new tab holds, in place of GraphiQL's page of instructions.
    defaultQuery: '{\n  health {\n    status\n  }\n}\n',
  };
  ReactDOM.createRoot(playground).render(
    createElement(
      GraphiQL,
      props,
      createElement(GraphiQL.Logo, { key: 'logo' }, 'agentstate'),
      createElement(GraphiQL.Footer, { key: 'footer' }, footer(threads)),
    ),
  );
}

// Says that nothing here outlives the process, until the reader has read it: once per browser tab.
async function warnOfEmbeddedRedis() {
  const notice = document.getElementById('notice');
  const dismissed = 'agentstate:notice-dismissed';
  if (sessionStorage.getItem(dismissed)) return;
  const health = await (await fetch('health')).json();
  if (health.redis_status?.mode !== 'EMBEDDED') return;
  notice.querySelector('button').addEventListener('click', () => {
    sessionStorage.setItem(dismissed, 'yes');
    notice.hidden = true;
  });
  notice.hidden = false;
}

start().catch((error) => {
  playground.textContent = `The playground could not start: ${error.message}.`;
});
// Without an answer about its health the page is as useful as before.
warnOfEmbeddedRedis().catch(() => {});
