// The inspector in a real browser, against the real server at AGENTSTATE_URL and servers of its own (AGENTSTATE_BINARY). It writes
// only to threads of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { furnish, long } from './fixture.mjs';
import { add, ask, launch, none, trouble, visit } from './page.mjs';
import { small } from './png.mjs';
import { fileFor, redis, serve } from './server.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const limit = { timeout: 90_000 };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const remove = (id) =>
  ask('mutation ($id: ID!) { deleteAgentState(input: { threadId: $id }) { deletedThreadId } }', { id }).catch(() => {});

// The id of a thread that is gone when the test is over.
function thread(t, name = 'inspector-test') {
  const id = `${name}-${randomUUID()}`;
  t.after(() => remove(id));
  return id;
}

const at = (id) => `threads#${encodeURIComponent(id)}`;
const message = (page, seq) => page.locator(`article[aria-posinset="${seq}"]`);
const live = (page) => page.locator('.connection-live, .connection-resumed').first().waitFor({ state: 'attached' });
const talk = (page) => page.getByRole('feed');
const read = (id, base) =>
  ask('query ($id: ID!) { agentState(threadId: $id) { context ttlSeconds expiresAt messages { nodes { type text toolCallId status } } } }', { id }, base);

// Waits until `check` gives something true, and gives that.
async function eventually(check, what) {
  for (let tries = 0; tries < 200; tries++) {
    const value = await check();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came to this: ${what}`);
}

test('the list loads, from this origin alone', limit, async (t) => {
  const id = thread(t);
  await add(id, 'hello');
  const visitor = await visit(t, browser, { path: 'threads' });
  const { page } = visitor;
  await page.locator('.line', { hasText: id }).click();
  await message(page, 1).getByText('hello').waitFor();
  await live(page);
  assert.equal(await page.title(), `${id} · agentstate`);
  await page.getByRole('link', { name: 'Playground' }).waitFor();
  assert.deepEqual(await trouble(visitor), none);
  // graphql-transport-ws, with one connection for all that is followed.
  assert.deepEqual(visitor.seen.frames.filter(({ type }) => type === 'connection_init').length, 1);
});

test('threads are found by a part of the id and by a glob', limit, async (t) => {
  const [one, other] = [thread(t, 'find-me'), thread(t, 'leave-me')];
  await add(one, 'x');
  await add(other, 'x');
  const { page } = await visit(t, browser, { path: 'threads' });
  const search = page.getByLabel('Search threads by id');
  for (const text of [one.slice(3, 30), 'find-m[a-e]-*', 'find-??-*']) {
    await search.fill(text);
    await page.locator('.line', { hasText: one }).waitFor();
    await page.locator('.line', { hasText: other }).waitFor({ state: 'detached' });
  }
  await search.fill('nothing-is-called-so');
  await page.getByText('No thread’s id matches.').waitFor();
});

test('a conversation shows who says what, with tools, Markdown, code, pictures and JSON', limit, async (t) => {
  const prefix = `look-${randomUUID()}-`;
  const id = await furnish(prefix);
  t.after(async () => {
    const { threadIds } = await ask('query ($p: String!) { threadIds(pattern: $p) { nodes } }', { p: `${prefix}*` });
    for (const each of threadIds.nodes) await remove(each);
  });
  const visitor = await visit(t, browser, { path: at(id), viewport: { width: 1440, height: 3000 } });
  const { page } = visitor;
  await message(page, 10).waitFor();
  for (const [seq, role] of [[1, 'System'], [2, 'Human'], [3, 'AI'], [4, 'Tool']]) {
    assert.equal(await message(page, seq).locator('.role').innerText(), role);
  }
  const call = message(page, 3).locator('details').first();
  assert.equal(await call.getByText('Arguments').count(), 0, 'calls are folded');
  await call.locator('summary').click();
  assert.match(await call.innerText(), /answered[^]*"to": "LIS"[^]*"id": 18446744073709551615,[^]*"price": 284\.50,/);
  assert.match(await message(page, 3).locator('details').nth(1).innerText(), /search_rooms[^]*failed/);
  assert.match(await message(page, 6).locator('details').innerText(), /waiting/);
  assert.equal(await message(page, 6).locator('table tr').count(), 3);
  assert.ok(await message(page, 8).locator('pre .hljs-keyword').count() > 0, 'code is coloured');
  assert.equal(await message(page, 9).locator('img').evaluate((image) => image.complete && image.naturalWidth), 320);
  await message(page, 9).getByRole('button', { name: 'Message 9 as JSON' }).click();
  assert.match(await message(page, 9).locator('.json').innerText(), /"messageId": "h3"/);
  const panel = page.getByLabel('State of the thread');
  for (const text of ['Two travellers', 'Ask before booking anything', '13 d 23 h', '4.1K in', 'beta']) await panel.getByText(text).first().waitFor();
  await panel.getByLabel('4,071 tokens in and 468 out over 10 messages').waitFor();
  assert.deepEqual(await trouble(visitor), none);
});

test('numbers keep their digits, as they arrive and as they are read', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page } = await visit(t, browser, { path: at(id) });
  await message(page, 1).waitFor();
  await live(page);
  // In the document, because a variable would have lost them here.
  await ask(`mutation {
    addMessage(input: { threadId: "${id}", message: { type: AI, content: "", toolCalls: [{ name: "pay", args: { amount: 350.00, to: 12345678901234567890 } }] } }) { message { seq } }
  }`);
  for (const way of ['WebSocket', 'HTTP']) {
    await message(page, 2).locator('summary').click();
    assert.match(await message(page, 2).locator('.json').innerText(), /"amount": 350\.00,\s+"to": 12345678901234567890/, way);
    await page.reload();
  }
});

test('what a message says stays a text: no tags, no scripts, no pictures from elsewhere', limit, async (t) => {
  const id = thread(t);
  await add(id, '<img src=x onerror="window.hit=1"><script>window.hit=1</script> **bold** [link](javascript:window.hit=1) ![a](https://elsewhere.example/p.png)');
  await add(id, [{ type: 'image_url', image_url: { url: 'https://elsewhere.example/q.png' } }, { type: 'text', text: '<b onclick=x>hi</b>' }]);
  const visitor = await visit(t, browser, { path: at(id) });
  const { page } = visitor;
  await message(page, 2).getByText('Image at elsewhere.example').waitFor();
  assert.equal(await message(page, 1).locator('strong').innerText(), 'bold');
  assert.match(await message(page, 1).innerText(), /<script>/);
  assert.equal(await page.locator('article :is(img, script, b, [onerror], [onclick], [href^="javascript"])').count(), 0);
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(await trouble(visitor), none);
});

test('messages and changes of other clients appear', limit, async (t) => {
  const [id, other] = [thread(t), thread(t)];
  await add(id, 'first');
  await add(other, 'elsewhere');
  const { page } = await visit(t, browser, { path: at(id) });
  await message(page, 1).waitFor();
  await live(page);
  await add(id, 'second');
  await message(page, 2).getByText('second').waitFor();
  await eventually(async () => (await page.locator('.line[data-index="0"]').innerText()).includes(id), 'the thread is first in the list');
  const { agentState } = await ask('query ($id: ID!) { agentState(threadId: $id) { messages { nodes { messageId } } } }', { id });
  const [one, two] = agentState.messages.nodes;
  await ask('mutation ($input: UpdateMessageInput!) { updateMessage(input: $input) { message { seq } } }', { input: { threadId: id, messageId: one.messageId, content: 'first, edited' } });
  await message(page, 1).getByText('first, edited').waitFor();
  await ask('mutation ($input: DeleteMessageInput!) { deleteMessage(input: $input) { deletedMessageId } }', { input: { threadId: id, messageId: two.messageId } });
  await message(page, 2).waitFor({ state: 'detached' });
  for (const text of ['a', 'b', 'c']) await add(id, text);
  await message(page, 5).waitFor();
  await ask('mutation ($input: TruncateMessagesInput!) { truncateMessages(input: $input) { deletedCount } }', { input: { threadId: id, afterSeq: 3 } });
  await message(page, 5).waitFor({ state: 'detached' });
  await message(page, 3).waitFor();
  await ask('mutation ($input: SetContextInput!) { setContext(input: $input) { agentState { version } } }', { input: { threadId: id, context: 'remember this' } });
  await page.getByText('remember this').waitFor();
  await remove(id);
  await page.getByText('This thread was deleted.').waitFor();
  await page.locator('.line', { hasText: id }).waitFor({ state: 'detached' });
  await add(id, 'made anew');
  await message(page, 1).getByText('made anew').waitFor();
});

test('a thread without messages is followed from its first one', limit, async (t) => {
  const id = thread(t);
  await ask('mutation ($id: ID!) { createAgentState(input: { threadId: $id }) { agentState { version } } }', { id });
  const { page } = await visit(t, browser, { path: at(id) });
  await page.getByText('No messages yet.').waitFor();
  await add(id, 'at last');
  await message(page, 1).getByText('at last').waitFor();
});

test('the requests that the page proposes work as they stand', limit, async (t) => {
  const id = thread(t);
  const { page } = await visit(t, browser, { path: at(id) });
  await page.getByText('There is no thread').waitFor();
  const request = await page.locator('main .curl pre').innerText();
  assert.match(execFileSync('sh', ['-c', `${request} -s`], { encoding: 'utf8' }), /^\{"data":\{"addMessage":\{"message":\{"seq":1\}\}\}\}/);
  await message(page, 1).getByText('Hello there').waitFor();
});

test('a server is killed, and behind its restart nothing is missing and nothing is there twice', limit, async (t) => {
  const REDIS_URL = await redis(t);
  const [here, there] = [await serve(t, { REDIS_URL }), await serve(t, { REDIS_URL })];
  const id = `resume-${randomUUID()}`;
  await add(id, 'message 1', there.base);
  const { page } = await visit(t, browser, { base: here.base, path: at(id), viewport: { width: 1440, height: 4000 } });
  await message(page, 1).waitFor();
  await live(page);
  let count = 1;
  for (let round = 1; round <= 2; round++) {
    await add(id, `message ${++count}`, there.base);
    await message(page, count).waitFor();
    await here.kill();
    await page.locator('.connection-reconnecting').first().waitFor();
    for (let i = 0; i < 5; i++) await add(id, `message ${++count}`, there.base);
    await here.start();
    await page.locator('.connection-resumed').first().waitFor();
    await add(id, `message ${++count}`, there.base);
    await message(page, count).waitFor();
  }
  const texts = await page.locator('article .prose').allInnerTexts();
  assert.deepEqual(texts, Array.from({ length: count }, (_, i) => `message ${i + 1}`));
});

test('messages are added, tools are answered', limit, async (t) => {
  const id = thread(t);
  await ask('mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { seq } } }', {
    input: { threadId: id, createIfMissing: true, message: { type: 'AI', content: '', toolCalls: [{ id: 'call_1', name: 'weather', args: { city: 'Lisbon' } }] } },
  });
  const visitor = await visit(t, browser, { path: at(id) });
  const { page } = visitor;
  await message(page, 1).getByText('waiting').waitFor();
  const write = async (type, text) => {
    await page.getByLabel('Type of the message').selectOption(type);
    await page.getByLabel('Text of the message').fill(text);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
  };
  await write('Tool', '{"celsius": 21.50}');
  await page.getByText('Added as #2.').waitFor();
  await message(page, 1).getByText('answered').waitFor();
  await write('Human', 'And tomorrow?');
  await message(page, 3).getByText('And tomorrow?').waitFor();
  const { agentState } = await read(id);
  assert.deepEqual(agentState.messages.nodes.slice(1), [
    { type: 'TOOL', text: '{"celsius": 21.50}', toolCallId: 'call_1', status: 'SUCCESS' },
    { type: 'HUMAN', text: 'And tomorrow?', toolCallId: null, status: null },
  ]);
  assert.deepEqual(await trouble(visitor), none);
});

test('a message whose answer is lost is stored once, however often it is sent', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page } = await visit(t, browser, { path: at(id) });
  await message(page, 1).waitFor();
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('mutation AddMessage')) return route.fallback();
    await route.fetch();
    await route.abort();
  });
  await page.getByLabel('Text of the message').fill('only once');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('Send it again: it is stored once.').waitFor();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('Added as #2.').waitFor();
  assert.equal((await read(id)).agentState.messages.nodes.length, 2);
});

test('the context is edited, and not over somebody else’s change', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page } = await visit(t, browser, { path: at(id) });
  const set = (context) => ask('mutation ($input: SetContextInput!) { setContext(input: $input) { agentState { version } } }', { input: { threadId: id, context } });
  const field = page.getByLabel('What the agent remembers of this thread');
  await page.getByRole('button', { name: 'Edit' }).click();
  await field.fill('mine');
  await add(id, 'a message meanwhile is no conflict');
  await page.getByRole('button', { name: 'Save context' }).click();
  await eventually(async () => (await read(id)).agentState.context === 'mine', 'the context is saved');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Edit' }).click();
  await field.fill('mine again');
  await set('theirs');
  await page.getByRole('button', { name: 'Save context' }).click();
  await page.getByText('Somebody has changed the context meanwhile.').waitFor();
  assert.equal(await page.getByLabel('The context as it is now').innerText(), 'theirs');
  assert.equal((await read(id)).agentState.context, 'theirs');
  await page.getByRole('button', { name: 'Overwrite it' }).click();
  await eventually(async () => (await read(id)).agentState.context === 'mine again', 'the context is overwritten');
});

test('the time to live counts down and is extended', limit, async (t) => {
  const id = thread(t);
  await ask('mutation ($id: ID!) { createAgentState(input: { threadId: $id, ttlSeconds: 600 }) { agentState { version } } }', { id });
  const { page } = await visit(t, browser, { path: at(id) });
  const countdown = page.locator('.countdown .number');
  await countdown.waitFor();
  const first = await countdown.innerText();
  assert.match(first, /^(9:5\d|10:00)$/);
  const next = await eventually(async () => (await countdown.innerText()) !== first && countdown.innerText(), 'it counts down');
  assert.match(next, /^9:5\d$/);
  await page.getByLabel('Expire in').selectOption('7 days');
  await page.getByRole('button', { name: 'Extend' }).click();
  await eventually(async () => /^(6 d 23 h|7 d 0 h)$/.test(await countdown.innerText()), 'it has seven days');
  const left = Date.parse((await read(id)).agentState.expiresAt) - Date.now();
  assert.ok(Math.abs(left - 7 * 86_400_000) < 60_000, String(left));
});

test('a thread is deleted only once that is confirmed', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page } = await visit(t, browser, { path: at(id) });
  await page.getByRole('button', { name: 'Delete thread…' }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  assert.notEqual((await read(id)).agentState, null);
  await page.getByRole('button', { name: 'Delete thread…' }).click();
  await page.getByRole('button', { name: 'Delete thread', exact: true }).click();
  await page.getByText('Choose a thread').waitFor();
  assert.equal((await read(id)).agentState, null);
  assert.equal(await page.locator('.line', { hasText: id }).count(), 0);
});

test('all of it goes by the keyboard', limit, async (t) => {
  const id = thread(t);
  for (const text of ['one', 'two', 'three']) await add(id, text);
  const { page } = await visit(t, browser, { path: 'threads' });
  await page.locator('.line').first().waitFor();
  const press = (key) => page.keyboard.press(key);
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');
  await press('/');
  await page.keyboard.type(id);
  await eventually(async () => (await page.locator('.line').count()) === 1, 'the search is done');
  await press('ArrowDown');
  assert.match(await focused(), new RegExp(id));
  await press('Enter');
  await message(page, 3).waitFor();
  await press('m');
  await page.keyboard.type('by hand');
  await press('Control+Enter');
  await message(page, 4).getByText('by hand').waitFor();
  await press('Escape');
  await talk(page).focus();
  await press('Home');
  await press('ArrowDown');
  const before = await focused();
  assert.match(before, /^human message \d$/);
  await press('ArrowUp');
  assert.notEqual(await focused(), before);
  await press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.getByLabel('Single keys are commands').uncheck();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await press('/');
  assert.notEqual(await focused(), 'Search threads by id: a part of it, or a glob such as order-*', 'single keys are off');
  await press('Escape');
  await page.getByText('Choose a thread').waitFor();
});

test('10,000 messages scroll, with few of them in the page', limit, async (t) => {
  const id = thread(t);
  await long(id, 10_000);
  const visitor = await visit(t, browser, { path: at(id) });
  const { page } = visitor;
  await message(page, 10_000).waitFor();
  const feed = talk(page);
  const nodes = () => page.evaluate(() => document.querySelectorAll('*').length);
  let most = await nodes();
  const ends = () => feed.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  assert.ok((await ends()) < 2, 'it opens at its end');

  // Backwards by the wheel: at each step what is on the screen is without a gap, and what is read stays where it is.
  await feed.hover();
  let first = 10_000;
  for (let step = 0; step < 60; step++) {
    await page.mouse.wheel(0, -2_000);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    most = Math.max(most, await nodes());
    const shown = await page.locator('article').evaluateAll((all) => all.map((each) => Number(each.getAttribute('aria-posinset'))).sort((a, b) => a - b));
    assert.deepEqual(shown, shown.map((_, i) => shown[0] + i));
    assert.ok(shown[0] <= first, `${shown[0]} comes behind ${first}`);
    first = shown[0];
  }
  assert.ok(first < 9_600, `pages are read on the way: ${first}`);
  // To the beginning without what lies between, and forwards from there.
  await feed.focus();
  await page.keyboard.press('Home');
  await message(page, 1).waitFor();
  await feed.hover();
  for (let step = 0; step < 20; step++) {
    await page.mouse.wheel(0, 2_000);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    most = Math.max(most, await nodes());
  }
  await eventually(async () => Number(await page.locator('article').first().getAttribute('aria-posinset')) > 120, 'it reads on forwards');
  // What arrives meanwhile is counted, and there at the end.
  await add(id, 'the last one');
  await page.getByText('1 new', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'To the last message' }).click();
  await message(page, 10_001).getByText('the last one').waitFor();
  await add(id, 'and one more');
  await message(page, 10_002).waitFor();
  await eventually(async () => (await ends()) < 2, 'it follows the end');
  assert.ok(most < 1_500, `${most} elements at most`);
  await page.getByText('10,002').first().waitFor();
  assert.deepEqual(await trouble(visitor), none);
});

test('the page works where only its own operations are executed', limit, async (t) => {
  const REDIS_URL = await redis(t);
  const manifest = fileURLToPath(new URL('../inspector/dist/documents.json', import.meta.url));
  const free = await serve(t, { REDIS_URL });
  const strict = await serve(t, { REDIS_URL, TRUSTED_DOCUMENTS_FILE: manifest, TRUSTED_DOCUMENTS: 'only' });
  await add('trusted', 'first', free.base);
  const { page } = await visit(t, browser, { base: strict.base, path: at('trusted') });
  await message(page, 1).getByText('first').waitFor();
  await live(page);
  await page.getByText('No message tells what tokens it used.').waitFor();
  await page.getByLabel('Text of the message').fill('second');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await message(page, 2).getByText('second').waitFor();
});

for (const [kept, file, said] of [['nowhere', false, 'is gone when it ends'], ['in a file', true, 'is saved to EMBEDDED_FILE']]) {
  test(`where the embedded Redis is kept ${kept}, the page says so until that is read`, limit, async (t) => {
    const server = await serve(t, file ? { EMBEDDED_FILE: fileFor(t) } : {});
    const { page } = await visit(t, browser, { base: server.base, path: 'threads' });
    await page.getByText(said).waitFor();
    await page.getByRole('button', { name: 'Understood' }).click();
    await page.getByText(said).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('No threads yet.').waitFor();
    assert.equal(await page.getByText(said).count(), 0);
  });
}

test('who must show a token is asked for it, and has it in this tab alone', limit, async (t) => {
  const token = randomUUID();
  const folder = mkdtempSync(join(tmpdir(), 'agentstate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'tokens'), `${createHash('sha256').update(token).digest('hex')} read,write never mara\n`);
  const server = await serve(t, { AUTH_MODE: 'tokens', AUTH_TOKENS_FILE: join(folder, 'tokens') });
  const headers = { Authorization: `Bearer ${token}` };
  const send = (content) => ask('mutation ($m: MessageInput!) { addMessage(input: { threadId: "mine", createIfMissing: true, message: $m }) { message { seq } } }', { m: { type: 'HUMAN', content } }, server.base, headers);
  await send('a secret');
  const { page, seen } = await visit(t, browser, { base: server.base, path: at('mine') });
  await page.getByText('The server wants to know who you are').waitFor();
  await page.getByLabel('Token', { exact: true }).fill('another');
  await page.getByRole('button', { name: 'Use token' }).click();
  await page.locator('.gate .error').waitFor();
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Use token' }).click();
  await message(page, 1).getByText('a secret').waitFor();
  await live(page);
  await send('another one');
  await message(page, 2).getByText('another one').waitFor();
  assert.deepEqual(seen.frames.find(({ type }) => type === 'connection_init').payload, { Authorization: `Bearer ${token}` });
  assert.equal(await page.evaluate((token) => JSON.stringify({ ...localStorage }).includes(token), token), false);
  assert.equal(await page.evaluate((token) => JSON.stringify({ ...sessionStorage }).includes(token), token), true);
});

test('the server’s own sentence says what is wrong', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page } = await visit(t, browser, {
    path: at(id),
    prepare: (page) => page.route('**/graphql', (route) => route.fulfill({ json: { errors: [{ message: 'Redis cannot be reached: try again in 2 s.', extensions: { code: 'UNAVAILABLE' } }] } })),
  });
  await page.locator('main').getByText('Redis cannot be reached').waitFor();
  await page.locator('.sidebar').getByText('Redis cannot be reached').waitFor();
  await page.unroute('**/graphql');
  await message(page, 1).waitFor();
  await page.getByText('Redis cannot be reached').first().waitFor({ state: 'detached' });
});

// What an element may hide is looked at too: the state beside the conversation, and the dialogs.
for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing to complain about in ${colorScheme}`, limit, async (t) => {
    const server = await serve(t, { REDIS_URL: await redis(t) });
    const empty = await visit(t, browser, { base: server.base, path: 'threads', colorScheme });
    await empty.page.getByText('No threads yet.').waitFor();
    await judge(empty.page);
    const id = await furnish('', server.base);
    for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      const { page } = await visit(t, browser, { base: server.base, path: at(id), colorScheme, viewport });
      await message(page, 10).waitFor();
      await live(page);
      await message(page, 8).getByRole('button', { name: 'Message 8 as JSON' }).click();
      await page.locator('article summary').last().click();
      await judge(page);
      if (viewport.width < 1200) {
        await page.getByRole('button', { name: 'State' }).click();
        await judge(page);
      }
      await page.getByRole('button', { name: 'Edit' }).click();
      await judge(page);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Delete thread…' }).click();
      await judge(page);
    }
  });
}

async function judge(page) {
  // The policy of the page lets no script in by its text: Playwright evaluates it as the debugger does.
  await page.evaluate(() => document.fonts.ready);
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`), []);
}

// `make screenshots` keeps what is seen, in docs/img.
for (const [name, width, height] of [['desktop', 1440, 900], ['tablet', 820, 1180], ['phone', 390, 844]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`all of it fits into a ${name} in ${colorScheme}`, limit, async (t) => {
      const server = await serve(t, { REDIS_URL: await redis(t) });
      const id = await furnish('', server.base);
      const { page } = await visit(t, browser, { base: server.base, path: at(id), colorScheme, viewport: { width, height } });
      await message(page, 10).waitFor();
      await live(page);
      await talk(page).focus();
      await page.keyboard.press('Home');
      await message(page, 1).waitFor();
      await page.mouse.click(width / 2, 24);
      const [across, down] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
      assert.deepEqual([across, down], [width, height], 'the page does not scroll');
      for (const part of ['.conversation .scroller', '.composer', '.thread h1']) {
        const box = await page.locator(part).first().boundingBox();
        assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, `${part} is inside`);
      }
      const ground = await page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor.match(/[\d.]+/g).map(Number));
      assert.equal((ground[0] + ground[1] + ground[2]) / 3 < 128, colorScheme === 'dark');
      const { SCREENSHOTS } = process.env;
      if (SCREENSHOTS) writeFileSync(join(SCREENSHOTS, `threads-${name}-${colorScheme}.png`), small(await page.screenshot()));
    });
  }
}

test('the theme is switched, and kept', limit, async (t) => {
  const { page } = await visit(t, browser, { path: 'threads', colorScheme: 'light' });
  const dark = () => page.evaluate(() => getComputedStyle(document.body).colorScheme === 'dark' || getComputedStyle(document.documentElement).colorScheme === 'dark');
  await page.getByRole('button', { name: 'Theme: system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  assert.equal(await dark(), true);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  assert.equal(await dark(), true);
});
