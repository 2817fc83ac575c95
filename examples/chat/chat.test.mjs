// The chat in a real browser, against the server at AGENTSTATE_URL, which CONTROL_URL kills and starts again.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const { AGENTSTATE_URL, CONTROL_URL, CHROMIUM = '/usr/bin/chromium' } = process.env;
let pages;
let browser;
let address;

before(async () => {
  await build({ logLevel: 'warn' });
  pages = await preview({ logLevel: 'silent', preview: { port: 0 } });
  address = pages.resolvedUrls.local[0];
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
});
after(async () => {
  await browser?.close();
  await pages?.close();
});

const control = (what) => fetch(new URL(what, CONTROL_URL), { method: 'POST' });

async function add(threadId, ...texts) {
  const response = await fetch(new URL('/graphql', AGENTSTATE_URL), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      query: 'mutation ($input: AddMessagesInput!) { addMessages(input: $input) { duplicates } }',
      variables: { input: { threadId, createIfMissing: true, messages: texts.map((content) => ({ type: 'AI', content })) } },
    }),
  });
  assert.equal((await response.json()).errors, undefined);
}

async function open(t, thread) {
  const page = await browser.newPage();
  t.after(() => page.close());
  page.setDefaultTimeout(45_000);
  page.on('pageerror', (error) => assert.fail(error));
  await page.goto(`${address}?thread=${thread}`);
  await page.locator('[role=status].live').waitFor();
  return page;
}

const texts = (page) => page.locator('li p').allTextContents();
const shows = (page, text) => page.locator('li p', { hasText: text }).waitFor();
async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

test('two people talk, and see each message once', async (t) => {
  const thread = randomUUID();
  const [ann, bob] = [await open(t, thread), await open(t, thread)];
  await say(ann, 'hello bob');
  await shows(bob, 'hello bob');
  await say(bob, 'hello ann');
  await shows(ann, 'hello ann');
  await ann.waitForFunction(() => !document.querySelector('[data-pending]'));
  for (const page of [ann, bob]) assert.deepEqual(await texts(page), ['hello bob', 'hello ann']);
});

test('a message is shown while it is on its way', async (t) => {
  const page = await open(t, randomUUID());
  await page.route('**/graphql', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await say(page, 'slow');
  assert.equal(await page.locator('li[data-pending] p').textContent(), 'slow');
  await page.waitForFunction(() => !document.querySelector('[data-pending]'));
  assert.deepEqual(await texts(page), ['slow']);
});

test('older messages come page by page', async (t) => {
  const thread = randomUUID();
  const all = Array.from({ length: 75 }, (_, i) => `message ${i}`);
  await add(thread, ...all);
  const page = await open(t, thread);
  assert.deepEqual(await texts(page), all.slice(45));
  for (const from of [15, 0]) {
    await page.getByRole('button', { name: 'Earlier messages' }).click();
    await shows(page, new RegExp(`^message ${from}$`));
    assert.deepEqual(await texts(page), all.slice(from));
  }
  assert.equal(await page.getByRole('button', { name: 'Earlier messages' }).count(), 0);
});

test('a server that is killed and started again costs nothing', async (t) => {
  const thread = randomUUID();
  const [ann, bob] = [await open(t, thread), await open(t, thread)];
  await say(ann, 'before');
  await shows(bob, 'before');
  await control('/kill');
  await say(ann, 'while it is away');
  await ann.locator('[role=status].connecting').waitFor();
  await control('/start');
  await shows(bob, 'while it is away');
  await say(bob, 'after');
  await shows(ann, 'after');
  for (const page of [ann, bob]) {
    await page.waitForFunction(() => !document.querySelector('[data-pending]'));
    assert.deepEqual(await texts(page), ['before', 'while it is away', 'after']);
  }
});
