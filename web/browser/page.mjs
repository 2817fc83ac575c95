// What the browser tests need to open a page in Chromium, to type into it, and to know what it did meanwhile.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const { AGENTSTATE_URL, CHROMIUM = '/usr/bin/chromium' } = process.env;

/** The origin of the server under test. */
export function origin() {
  assert.ok(AGENTSTATE_URL, 'Set AGENTSTATE_URL to the address of a running agentstate, such as http://127.0.0.1:8080.');
  return new URL(AGENTSTATE_URL).origin;
}

/** Starts Chromium as on a machine without internet: it knows no host but the server's. */
export function launch() {
  const args = [
    '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--no-first-run', `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${new URL(origin()).hostname}`,
  ];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/**
 * Opens the page at `path` of the server at `base` as a visitor who has never been here, and closes it behind the test `t`.
 * `prepare` may route requests before the first one. The trouble that the page met must be fetched, and judged, with `trouble`.
 */
export async function visit(t, browser, { prepare, path = '', base = origin(), ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const seen = { console: [], elsewhere: [], frames: [] };
  page.on('console', (message) => message.type() === 'error' && seen.console.push(message.text()));
  page.on('pageerror', (error) => seen.console.push(String(error)));
  page.on('request', (request) => note(seen, request.url(), base));
  page.on('websocket', (socket) => {
    note(seen, socket.url().replace(/^ws/, 'http'), base);
    socket.on('framesent', ({ payload }) => seen.frames.push(JSON.parse(payload)));
  });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener('securitypolicyviolation', (event) => {
      window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  await prepare?.(page);
  await page.goto(`${base}/${path}`);
  return { page, seen };
}

function note(seen, address, base) {
  const url = new URL(address);
  // data: and blob: come out of what is already there.
  if (url.protocol.startsWith('http') && url.origin !== base) seen.elsewhere.push(address);
}

/** What should not have happened: requests to other origins, errors in the console, violations of the policy. */
export async function trouble({ page, seen }) {
  return { console: seen.console, elsewhere: seen.elsewhere, policy: await page.evaluate(() => window.violations) };
}

/** What `trouble` gives where there was none. */
export const none = { console: [], elsewhere: [], policy: [] };

/** The editors of the playground, by the names that GraphiQL gives their contents. */
const files = { query: 'operation.graphql', variables: 'variables.json', headers: 'request-headers.json', response: 'response.json' };

/** Waits until GraphiQL stands and has fetched the schema. */
export async function ready(page) {
  await page.locator('.graphiql-query-editor .monaco-editor .view-lines').waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-label^="Re-fetch GraphQL schema"]')?.disabled === false);
}

/** What is in an editor of the playground. Only a part of it may be in the page: Monaco renders what can be seen. */
export function text(page, editor) {
  return page.evaluate((file) => {
    const model = window.__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith(file));
    return model.getValue();
  }, files[editor]);
}

/** Types something over what is in an editor of the playground that can be seen. */
export async function type(page, place, content) {
  await page.locator(`${place} .graphiql-editor:not(.hidden) .view-lines, ${place}.graphiql-editor:not(.hidden) .view-lines`).first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(content);
}

/** Types an operation over what is in the editor, and runs it: all by the keyboard. */
export async function run(page, operation) {
  await type(page, '.graphiql-query-editor', operation);
  await page.keyboard.press('Control+Enter');
}

/** Waits until the response matches, and gives its text. */
export async function response(page, pattern) {
  for (let tries = 0; tries < 300; tries++) {
    const found = await text(page, 'response');
    if (pattern.test(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.match(await text(page, 'response'), pattern);
}

/** Asks the server at `base` outside of the browser. */
export async function ask(query, variables, base = origin(), headers = {}) {
  const answer = await fetch(`${base}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Adds a message to a thread from outside of the browser. */
export function add(threadId, content, base = origin()) {
  return ask(
    `mutation ($id: ID!, $content: JSON!) {
      addMessage(input: { threadId: $id, createIfMissing: true, message: { type: HUMAN, content: $content } }) { message { cursor } }
    }`,
    { id: threadId, content },
    base,
  );
}
