// The playground in a real browser, against the real server at AGENTSTATE_URL. It writes only to threads of its own.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { add, ask, launch, none, origin, ready, response, run, text, trouble, type, visit } from './page.mjs';
import { small } from './png.mjs';
import { fileFor, redis, serve } from './server.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const limit = { timeout: 90_000 };

// A thread that is gone when the test is over.
function thread(t) {
  const id = `playground-test-${randomUUID()}`;
  t.after(() => ask('mutation ($id: ID!) { deleteAgentState(input: { threadId: $id }) { deletedThreadId } }', { id }));
  return id;
}

const memory = 'All data is kept in the memory of this process.';
const healthOf = (mode, warnings = mode === 'EMBEDDED' ? [memory] : []) => (page) =>
  page.route('**/health', (route) => route.fulfill({ json: { status: 'ok', redis_status: { status: 'healthy', mode, warnings } } }));

const execute = (page) => page.locator('.graphiql-execute-button').click();
const stream = (page, name) => page.getByRole('region', { name: `Log of ${name}` });
const state = (page, name, is) => page.locator(`.stream[aria-label="Log of ${name}"][data-state="${is}"]`).waitFor();
const events = (page, name) => stream(page, name).locator('.event').allInnerTexts();

// Goes to the tab of a first step and presses Run, as a newcomer does; waits for what comes of it.
async function step(page, name, pattern) {
  await page.getByRole('tab', { name }).click();
  await execute(page);
  if (pattern) return response(page, pattern);
}

test('GraphiQL gets ready, from this origin alone', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  assert.equal(await page.title(), 'agentstate');
  assert.equal(await page.locator('#loading').count(), 0);
  await page.getByLabel('Show Documentation Explorer').click();
  await page.locator('.graphiql-plugin').getByText('CleanupExpiredPayload', { exact: true }).waitFor();
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('one page leads to the other', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  await page.getByRole('link', { name: 'Threads' }).click();
  await page.getByRole('heading', { name: 'Threads' }).waitFor();
  await page.getByRole('link', { name: 'Playground' }).click();
  await ready(page);
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('a query runs by the keyboard alone', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  // From the top: the Tab key goes past the editors, and Enter goes into one.
  const focused = (selector) => page.evaluate((selector) => document.activeElement?.matches(selector), selector);
  for (let tabs = 0; !(await focused('.graphiql-query-editor .graphiql-editor')); tabs++) {
    assert.ok(tabs < 40, 'the operation editor is reached by Tab');
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('{ health { status');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Enter');
  await response(page, /"health": \{\s*"status": "(OK|DEGRADED)"/);
  // Ctrl-M gives the Tab key back to the page, once no hint waits for it; one may come late.
  await page.keyboard.press('Control+M');
  let within = true;
  for (let tries = 0; within && tries < 10; tries++) {
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    within = await focused('.graphiql-query-editor .graphiql-editor *');
  }
  assert.equal(within, false, 'Tab leaves the editor');
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('a subscription shows messages as they come', limit, async (t) => {
  const id = thread(t);
  const { addMessage } = await add(id, 'before');
  const { page, seen } = await visit(t, browser);
  await ready(page);
  // With a cursor, the first message comes out of the thread: from then on the subscription surely stands.
  await add(id, 'kept');
  await run(page, `subscription { messageAdded(threadId: "${id}", after: "${addMessage.message.cursor}") { seq text } }`);
  await response(page, /"seq": 2,\s*"text": "kept"/);
  await add(id, 'live');
  await response(page, /"seq": 3,\s*"text": "live"/);
  // graphql-transport-ws says subscribe where the older protocol says start.
  assert.deepEqual(seen.frames.map(({ type }) => type).slice(0, 2), ['connection_init', 'subscribe']);
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('what is in the Headers editor reaches the server, over HTTP and over WebSocket', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  await page.getByRole('button', { name: 'Headers' }).click();
  const why = await page.locator('.graphiql-editor-tool').evaluate((tool) => getComputedStyle(tool, '::before').content);
  assert.match(why, /HTTP headers.*connection_init payload/);
  await type(page, '.graphiql-editor-tool', '{"Authorization": "Bearer of news"}');
  const request = page.waitForRequest((r) => r.url().endsWith('/graphql') && r.postData()?.includes('agentStateCount'));
  await run(page, '{ agentStateCount }');
  assert.equal((await request).headers().authorization, 'Bearer of news');
  await response(page, /"agentStateCount": \d/);
  await run(page, 'subscription { messageAdded(threadId: "there is none of this id") { seq } }');
  await response(page, /NOT_FOUND/);
  assert.deepEqual(seen.frames[0], { type: 'connection_init', payload: { Authorization: 'Bearer of news' } });
});

test('where a token is asked for, a subscription says so once, and runs with one in the Headers editor', limit, async (t) => {
  const token = randomUUID();
  const file = fileFor(t);
  writeFileSync(file, `${createHash('sha256').update(token).digest('hex')} read,write never mara\n`);
  const server = await serve(t, { AUTH_MODE: 'tokens', AUTH_TOKENS_FILE: file });
  const { page, seen } = await visit(t, browser, { base: server.base });
  await ready(page);
  await response(page, /UNAUTHENTICATED/);
  await page.getByRole('tab', { name: 'FollowMessages' }).click();
  await execute(page);
  await response(page, /4403 /);
  await state(page, 'FollowMessages', 'over');
  await page.getByRole('button', { name: 'Headers' }).click();
  await page.getByRole('tab', { name: 'ReadThread' }).click();
  await type(page, '.graphiql-editor-tool', `{"Authorization": "Bearer ${token}"}`);
  await page.getByLabel('Re-fetch GraphQL schema').click();
  await execute(page);
  await response(page, /"agentState": null/);
  // The other tabs have none, and take it.
  await step(page, 'CreateThread', /"version": 1/);
  await step(page, 'FollowMessages');
  await state(page, 'FollowMessages', 'live');
  assert.equal(seen.frames.filter(({ type }) => type === 'connection_init').length, 2, 'what is refused is not tried again');
  const kept = () => page.evaluate((token) => JSON.stringify({ ...localStorage }).includes(token), token);
  assert.match(await page.evaluate(() => localStorage.getItem('graphiql:queries')), /CreateThread/, 'there is a history');
  assert.equal(await kept(), false, 'it keeps no tokens');
  // What an earlier version has kept is forgotten at the next visit.
  await page.evaluate((token) => {
    const { queries } = JSON.parse(localStorage.getItem('graphiql:queries'));
    localStorage.setItem('graphiql:queries', JSON.stringify({ queries: queries.map((query) => ({ ...query, headers: token })) }));
  }, token);
  assert.equal(await kept(), true);
  await page.reload();
  await ready(page);
  assert.equal(await kept(), false);
});

test('a refusal that is no JSON is shown as it is', limit, async (t) => {
  const { page } = await visit(t, browser);
  await ready(page);
  await page.route('**/graphql', (route) => route.fulfill({ status: 401, contentType: 'text/plain', body: 'who are you?' }));
  await run(page, '{ agentStateCount }');
  await response(page, /401 Unauthorized: who are you\?/);
});

test('the first steps work one after the other, by pressing Run', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  assert.deepEqual(await page.getByRole('tab').allInnerTexts(), ['CreateThread', 'AddMessage', 'ReadThread', 'FollowMessages', 'EditMessage', 'CleanUp']);
  const { threadId } = JSON.parse(await text(page, 'variables'));
  assert.match(threadId, /^first-steps-[0-9a-f]{8}$/);
  await step(page, 'CreateThread', new RegExp(`"threadId": "${threadId}"`));
  await execute(page);
  await response(page, /ALREADY_EXISTS/);
  await step(page, 'AddMessage', /"seq": 2/);
  await step(page, 'ReadThread', /"text": "Be brief\."[^]*"text": "Where do you keep this\?"/);
  await step(page, 'FollowMessages');
  await state(page, 'FollowMessages', 'live');
  // It goes on beside the next tab, whose message it shows.
  await step(page, 'AddMessage', /"seq": 3/);
  await stream(page, 'FollowMessages').getByText('"seq":3').waitFor();
  await add(threadId, 'from another client');
  await stream(page, 'FollowMessages').getByText('from another client').waitFor();
  await step(page, 'EditMessage', /"text": "Be brief, and kind\."/);
  await step(page, 'CleanUp', new RegExp(`"deletedThreadId": "${threadId}"`));
  await state(page, 'FollowMessages', 'over');
  assert.equal((await events(page, 'FollowMessages')).length, 2);
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('a subscription ends by Stop, by a new run, and with its tab', limit, async (t) => {
  const id = thread(t);
  await add(id, 'first');
  const { page, seen } = await visit(t, browser);
  await ready(page);
  await page.getByRole('tab', { name: 'FollowMessages' }).click();
  await run(page, `subscription One { messageAdded(threadId: "${id}") { text } }`);
  await state(page, 'One', 'live');
  await execute(page);
  await state(page, 'One', 'over');
  await execute(page);
  await state(page, 'One', 'live');
  assert.equal(await page.locator('.stream').count(), 1);
  await page.getByRole('tab', { name: 'ReadThread' }).click();
  await add(id, 'beside');
  await stream(page, 'One').getByText('beside').waitFor();
  await stream(page, 'One').getByRole('button', { name: 'Stop' }).click();
  await state(page, 'One', 'over');
  await page.getByRole('tab', { name: 'One' }).click();
  await execute(page);
  await state(page, 'One', 'live');
  await page.locator('.graphiql-tab', { hasText: 'One' }).getByLabel('Close Tab').click();
  await stream(page, 'One').waitFor({ state: 'detached' });
  const sent = seen.frames.filter(({ type }) => type === 'subscribe');
  assert.equal(sent.length, 3);
  assert.deepEqual(await trouble({ page, seen }), none);
});

// A cursor as a variable, as in the first steps; written out, under other names and in a fragment; and none at all.
for (const [how, operation, resumes] of [
  ['a variable', 'subscription Live($after: String) { messageAdded(threadId: "ID", after: $after) { text cursor } }', true],
  ['written out', 'subscription Live { new: messageAdded(threadId: "ID", after: "AFTER") { ...Told } } fragment Told on Message { text at: cursor }', true],
  ['missing', 'subscription Live { messageAdded(threadId: "ID") { text } }', false],
]) {
  test(`a server is killed, and behind its restart ${resumes ? 'nothing is missing' : 'the page says what may be'}: the cursor is ${how}`, limit, async (t) => {
    const REDIS_URL = await redis(t);
    const [here, there] = [await serve(t, { REDIS_URL }), await serve(t, { REDIS_URL })];
    const id = `resume-${randomUUID()}`;
    const { addMessage } = await add(id, 'message 0', there.base);
    const { page } = await visit(t, browser, { base: here.base });
    await ready(page);
    await run(page, operation.replace('ID', id).replace('AFTER', addMessage.message.cursor));
    await state(page, 'Live', 'live');
    const log = stream(page, 'Live');
    // Nothing tells a reader when a subscription stands that has no cursor, so this adds messages until one is there.
    let count = 0;
    do await add(id, `message ${++count}`, there.base);
    while (!(await log.locator('.event').first().waitFor({ timeout: 300 }).then(() => true, () => false)));
    await log.getByText(`message ${count}`).waitFor();
    const before = (await events(page, 'Live')).length;
    for (let round = 1; round <= 2; round++) {
      await here.kill();
      await state(page, 'Live', 'lost');
      for (let i = 0; i < 5; i++) await add(id, `message ${++count}`, there.base);
      await here.start();
      await state(page, 'Live', 'live');
      if (!resumes) {
        await log.getByText('What happened in between is not here').waitFor();
        return;
      }
      await add(id, `message ${++count}`, there.base);
      await log.getByText(`"message ${count}"`).waitFor();
      await response(page, new RegExp(`"message ${count}"`));
    }
    const texts = (await events(page, 'Live')).map((line) => line.match(/message \d+/)[0]);
    assert.deepEqual(texts, Array.from({ length: before + 12 }, (_, i) => `message ${count - before - 11 + i}`));
    await log.getByText('nothing is missed').first().waitFor();
  });
}

test('tabs are kept, and the first steps come back beside them', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  const tabs = () => page.getByRole('tab').allInnerTexts();
  const six = await tabs();
  await page.reload();
  await ready(page);
  assert.deepEqual(await tabs(), six, 'a reload adds none');
  for (const name of six.slice(0, 5)) {
    // Tabs move when one of them goes, and a click on one that moves may be taken for the beginning of a drag.
    const tab = page.getByRole('tab', { name });
    for (let tries = 0; tries < 5 && (await tab.count()) > 0; tries++) {
      await tab.getByLabel('Close Tab').click();
      await tab.waitFor({ state: 'detached', timeout: 3_000 }).catch(() => {});
    }
    assert.equal(await tab.count(), 0, `${name} is closed`);
  }
  await type(page, '.graphiql-query-editor', 'query Mine { agentStateCount }');
  await page.getByRole('tab', { name: 'Mine' }).waitFor();
  const stored = () => page.waitForFunction(() => {
    const { tabs } = JSON.parse(localStorage.getItem('graphiql:tabState'));
    return tabs.length === 1 && tabs[0].title === 'Mine' && localStorage.getItem('graphiql:query').includes('Mine');
  });
  await stored();
  await page.reload();
  await ready(page);
  assert.deepEqual(await tabs(), ['Mine']);
  assert.equal(await text(page, 'query'), 'query Mine { agentStateCount }');
  await page.getByRole('button', { name: 'First steps' }).click();
  assert.deepEqual(await tabs(), ['Mine', ...six]);
  await page.getByRole('button', { name: 'First steps' }).click();
  assert.deepEqual(await tabs(), ['Mine', ...six], 'and not once more');
  assert.match(await text(page, 'query'), /# 1\. Create a thread/);
  await step(page, 'CreateThread', /"threadId": "first-steps-/);
  await step(page, 'CleanUp', /deletedThreadId/);
  assert.deepEqual(await trouble({ page, seen }), none);
});

// As version 4 of GraphiQL kept them, at the same place.
test('the tabs of an earlier version stay', limit, async (t) => {
  const tab = { id: 'a', query: 'query Old { agentStateCount }', variables: null, headers: null, operationName: 'Old', title: 'Old', hash: null, response: null };
  const { page } = await visit(t, browser, {
    prepare: (page) => page.addInitScript((tab) => {
      localStorage.setItem('graphiql:tabState', JSON.stringify({ tabs: [tab], activeTabIndex: 0 }));
      localStorage.setItem('graphiql:query', tab.query);
    }, tab),
  });
  await ready(page);
  assert.deepEqual(await page.getByRole('tab').allInnerTexts(), ['Old']);
});

test('dialogs, menus and hints keep to the policy', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  for (const dialog of ['Open settings dialog', 'Open short keys dialog']) {
    await page.getByLabel(dialog).click();
    await page.locator('.graphiql-dialog').waitFor();
    await page.keyboard.press('Escape');
  }
  await type(page, '.graphiql-query-editor', 'query One { agentStateCount } query Two { agentStateCount }');
  await page.getByRole('tab', { name: 'One' }).waitFor();
  await page.keyboard.press('Control+Enter');
  await response(page, /"agentStateCount"/);
  await execute(page);
  await page.getByRole('menuitem', { name: 'Two' }).click();
  await page.getByLabel('Prettify query').click();
  await page.waitForFunction(() => window.__MONACO.editor.getModels()[0].getLineCount() > 5);
  await page.locator('.graphiql-query-editor .view-line span span', { hasText: 'agentStateCount' }).first().hover();
  await page.locator('.monaco-hover:not(.hidden)').getByText('Query.agentStateCount').waitFor();
  await page.locator('.graphiql-query-editor .view-lines').click();
  for (const [keys, part] of [['F1', '.quick-input-widget'], ['Control+F', '.find-widget.visible']]) {
    await page.keyboard.press(keys);
    await page.locator(part).first().waitFor();
    await page.keyboard.press('Escape');
  }
  await page.locator('.graphiql-query-editor .view-lines').click({ button: 'right' });
  await page.getByText('Run Operation').first().waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+End');
  await page.keyboard.type(' { hea');
  await page.locator('.suggest-widget.visible').getByText('health').first().waitFor();
  // The menu of the right button lies in a shadow root, with its own style sheets.
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('style')].filter(({ textContent }) => !textContent.includes('data-scroll-locked')).length), 0);
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('a mistake in an operation and in variables is shown as it is typed', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  await type(page, '.graphiql-query-editor', 'query Wrong($id: ID!) { agentState(threadId: $id) { nothing } }');
  await page.locator('.graphiql-query-editor .squiggly-error').first().waitFor();
  await type(page, '.graphiql-editor-tool', '{"id": ["a"]}');
  await page.locator('.graphiql-editor-tool .squiggly-error').first().waitFor();
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('numbers keep their digits', limit, async (t) => {
  const id = thread(t);
  await ask('mutation ($input: CreateAgentStateInput!) { createAgentState(input: $input) { agentState { version } } }', { input: { threadId: id } });
  const { page } = await visit(t, browser);
  await ready(page);
  await run(page, `mutation { updateAgentState(input: { threadId: "${id}", metadata: { n: 18446744073709551615 } }) { agentState { metadata } } }`);
  await response(page, /"n": 18446744073709551615/);
});

test('the policy stops what would go elsewhere, and this test sees it', limit, async (t) => {
  const visitor = await visit(t, browser);
  await ready(visitor.page);
  const refused = await visitor.page.evaluate(() => fetch('https://elsewhere.example/').then(() => 'sent', () => 'refused'));
  assert.equal(refused, 'refused');
  const { policy, console } = await trouble(visitor);
  assert.deepEqual(policy, ['connect-src https://elsewhere.example/']);
  assert.notDeepEqual(console, []);
});

for (const [kept, file, said] of [['nowhere', false, /gone when it ends; set REDIS_HOST/], ['in a file', true, /saved to EMBEDDED_FILE/]]) {
  test(`the notice tells that the embedded Redis is kept ${kept}`, limit, async (t) => {
    const server = await serve(t, file ? { EMBEDDED_FILE: fileFor(t) } : {});
    const { page } = await visit(t, browser, { base: server.base });
    await page.locator('#notice').waitFor();
    const text = await page.locator('#notice p').innerText();
    assert.match(text, said);
    const { redis_status: redis } = await (await fetch(`${server.base}/health`)).json();
    assert.equal(text, redis.warnings.join(' '));
  });
}

test('the notice stays away once it is dismissed', limit, async (t) => {
  const { page } = await visit(t, browser, { prepare: healthOf('EMBEDDED') });
  const notice = page.locator('#notice');
  await notice.waitFor();
  assert.match(await notice.innerText(), /in the memory of this process/);
  await page.getByLabel('Dismiss this notice').click();
  assert.equal(await notice.isVisible(), false);
  await page.reload();
  await ready(page);
  await page.waitForLoadState('networkidle');
  assert.equal(await notice.isVisible(), false);
});

test('there is no notice in front of a Redis that keeps data', limit, async (t) => {
  const { page } = await visit(t, browser, { prepare: healthOf('STANDALONE') });
  await ready(page);
  await page.waitForLoadState('networkidle');
  assert.equal(await page.locator('#notice').isVisible(), false);
});

// `make screenshots` keeps what is seen, in docs/img.
for (const [name, width, height] of [['desktop', 1280, 800], ['tablet', 768, 1024], ['phone', 360, 780]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`all of it fits into a ${name} in ${colorScheme}`, limit, async (t) => {
      const server = await serve(t, {});
      const { page } = await visit(t, browser, { base: server.base, viewport: { width, height }, colorScheme });
      await ready(page);
      await page.locator('#notice').waitFor();
      await fits(page, width, height);
      await page.getByLabel('Dismiss this notice').click();
      await step(page, 'CreateThread', /"version": 1/);
      await step(page, 'FollowMessages');
      await state(page, 'FollowMessages', 'live');
      for (let seq = 2; seq < 4; seq++) {
        await step(page, 'AddMessage', new RegExp(`"seq": ${seq}`));
        await stream(page, 'FollowMessages').getByText(`"seq":${seq}`).waitFor();
      }
      await page.mouse.move(0, 0);
      await fits(page, width, height);
      for (const part of ['body', '.graphiql-container', '.graphiql-sessions']) {
        const colour = await page.locator(part).evaluate((element) => getComputedStyle(element).backgroundColor);
        const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
        if (alpha > 0.5) assert.equal((red + green + blue) / 3 < 128, colorScheme === 'dark', `${part} is ${colour}`);
      }
      const { SCREENSHOTS } = process.env;
      if (SCREENSHOTS) writeFileSync(join(SCREENSHOTS, `playground-${name}-${colorScheme}.png`), small(await page.screenshot()));
    });
  }
}

async function fits(page, width, height) {
  const [across, down] = await page.evaluate(() => [document.body.scrollWidth, document.body.scrollHeight]);
  assert.deepEqual([across, down], [width, height], 'the page does not scroll');
  for (const part of ['#notice button', '.graphiql-execute-button', '.graphiql-query-editor .monaco-editor', '.result-window', '.links', '.stream']) {
    const box = await page.locator(part).first().boundingBox({ timeout: 100 }).catch(() => null);
    if (!box) continue; // the notice that is dismissed, the log that is not there yet
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, `${part} is inside: ${JSON.stringify(box)}`);
    if (/editor|result/.test(part)) assert.ok(box.width >= 220 && box.height >= 110, `${part} is large enough: ${box.width} × ${box.height}`);
  }
}

test('editors follow the system from light to dark', limit, async (t) => {
  const { page } = await visit(t, browser, { colorScheme: 'light' });
  await ready(page);
  const dark = () => page.waitForFunction(() => document.querySelector('.monaco-editor').classList.contains('vs-dark'));
  await page.emulateMedia({ colorScheme: 'dark' });
  await dark();
});

// What axe finds in GraphiQL itself, which this page cannot mend, and why it can be lived with.
const known = {
  // A tab holds two buttons, one that opens it and one that closes it: Tab and Enter reach both.
  'nested-interactive': 'role="tab"',
};

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing serious in ${colorScheme}`, limit, async (t) => {
    const server = await serve(t, { REDIS_URL: await redis(t) });
    const { page } = await visit(t, browser, { base: server.base, colorScheme });
    await ready(page);
    await step(page, 'CreateThread', /"version": 1/);
    await step(page, 'FollowMessages');
    await state(page, 'FollowMessages', 'live');
    await step(page, 'AddMessage', /"seq": 2/);
    await stream(page, 'FollowMessages').getByText('"seq":2').waitFor();
    await judge(page);
    await page.getByRole('button', { name: 'Headers' }).click();
    await page.getByLabel('Show Documentation Explorer').click();
    await judge(page);
    await page.getByLabel('Open settings dialog').click();
    await page.locator('.graphiql-dialog').waitFor();
    await judge(page);
  });
}

async function judge(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  const found = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => ({ id, nodes: nodes.filter(({ html }) => !known[id] || !html.includes(known[id])) }))
    .filter(({ nodes }) => nodes.length > 0);
  assert.deepEqual(found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`), []);
}

// Packed: Monaco and its workers are three quarters of it.
const budget = 1_400_000;

test('a first visit stays within its budget', limit, async (t) => {
  const { page } = await visit(t, browser, { path: 'health' });
  const sizes = new Map();
  page.on('response', (answer) => {
    const { pathname } = new URL(answer.url());
    if (!answer.fromServiceWorker() && /^\/(assets|$)/.test(pathname)) sizes.set(pathname, Number(answer.headers()['content-length']));
  });
  await page.goto(`${origin()}/`);
  await ready(page);
  await page.waitForLoadState('networkidle');
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  assert.ok(total < budget, `${total} bytes: ${JSON.stringify([...sizes])}`);
  assert.ok(total > 500_000, 'it was counted');
  for (const late of ['prettier', 'editor-worker']) assert.ok(![...sizes.keys()].some((name) => name.includes(late)), `${late} is not loaded before it is needed`);
});

test('without JavaScript the page says so', limit, async (t) => {
  const { page } = await visit(t, browser, { javaScriptEnabled: false });
  const why = page.locator('noscript p').first();
  assert.match(await why.innerText(), /needs JavaScript/);
  assert.equal(await why.isVisible(), true);
  assert.equal(await page.locator('#loading').isVisible(), false);
});

test('a script that does not load is not waited for', limit, async (t) => {
  const { page } = await visit(t, browser, { prepare: (page) => page.route('**/assets/view-app-tsx-*.js', (route) => route.abort()) });
  await page.getByText('The playground could not start: one of its scripts did not load.').waitFor();
});
