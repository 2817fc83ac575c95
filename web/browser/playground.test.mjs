// The playground in a real browser, against the real server at AGENTSTATE_URL. It writes only to threads of its own.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { add, ask, execute, launch, none, origin, ready, response, run, trouble, visit } from './page.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const limit = { timeout: 60_000 };

// A thread that is gone when the test is over.
function thread(t) {
  const id = `playground-test-${randomUUID()}`;
  t.after(() => ask('mutation ($id: ID!) { deleteAgentState(input: { threadId: $id }) { deletedThreadId } }', { id }));
  return id;
}

const healthOf = (mode) => (page) =>
  page.route('**/health', (route) => route.fulfill({ json: { status: 'ok', redis_status: { status: 'healthy', mode } } }));

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

test('a query runs by the keyboard', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  await page.locator('.graphiql-query-editor .CodeMirror').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('{ health { status } }');
  await execute(page);
  await response(page, /"health": \{\s*"status": "(OK|DEGRADED)"/);
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
  await page.locator('.graphiql-editor-tool:not(.hidden) .CodeMirror').last().click();
  await page.keyboard.insertText('{"Authorization": "Bearer of news"}');
  const request = page.waitForRequest((r) => r.url().endsWith('/graphql') && r.postData()?.includes('agentStateCount'));
  await run(page, '{ agentStateCount }');
  assert.equal((await request).headers().authorization, 'Bearer of news');
  await response(page, /"agentStateCount": \d/);
  await run(page, 'subscription { messageAdded(threadId: "there is none of this id") { seq } }');
  await response(page, /NOT_FOUND/);
  assert.deepEqual(seen.frames[0], { type: 'connection_init', payload: { Authorization: 'Bearer of news' } });
});

test('a refusal that is no JSON is shown as it is', limit, async (t) => {
  const { page } = await visit(t, browser);
  await ready(page);
  await page.route('**/graphql', (route) => route.fulfill({ status: 401, contentType: 'text/plain', body: 'who are you?' }));
  await run(page, '{ agentStateCount }');
  await response(page, /401 Unauthorized: who are you\?/);
});

test('the first steps run as they stand', limit, async (t) => {
  const id = thread(t);
  const { page, seen } = await visit(t, browser, {
    // The steps are the server's, on a thread of this test.
    prepare: (page) => page.route('**/assets/tour-*.graphql', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: (await answer.text()).replaceAll('"tour"', `"${id}"`) });
    }),
  });
  await ready(page);
  const step = async (name, pattern) => {
    await page.getByRole('tab', { name }).click();
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.keyboard.press('Control+End');
    await execute(page);
    if (pattern) await response(page, pattern);
  };
  assert.equal(await page.getByRole('tab').count(), 5);
  await step('CreateThread', new RegExp(`"threadId": "${id}"`));
  await step('CreateThread', /ALREADY_EXISTS/);
  await step('AddMessage', /"seq": 2/);
  await step('ReadThread', /"text": "Be brief\."/);
  await step('FollowMessages');
  // Nothing tells a reader when a subscription stands, so this adds messages until one is there.
  const arrived = response(page, /"messageAdded": \{[^]*"text": "over there"/).then(() => true);
  do await add(id, 'over there');
  while (!(await Promise.race([arrived, new Promise((resolve) => setTimeout(resolve, 200, false))])));
  await step('CleanupDryRun', /"dryRun": true/);
  await page.reload();
  await ready(page);
  assert.equal(await page.getByRole('tab').count(), 5, 'the tabs of the earlier visit, and not once more');
  assert.deepEqual(await trouble({ page, seen }), none);
});

test('dialogs, menus and hints keep to the policy', limit, async (t) => {
  const { page, seen } = await visit(t, browser);
  await ready(page);
  for (const dialog of ['Open settings dialog', 'Open short keys dialog']) {
    await page.getByLabel(dialog).click();
    await page.locator('.graphiql-dialog').waitFor();
    await page.keyboard.press('Escape');
  }
  await run(page, 'query One { agentStateCount } query Two { agentStateCount }');
  await response(page, /"agentStateCount"/);
  await page.locator('.graphiql-execute-button').click();
  await page.getByRole('menuitem', { name: 'Two' }).click();
  await page.locator('.graphiql-query-editor .cm-property').first().hover();
  await page.locator('.CodeMirror-info').waitFor();
  await page.locator('.graphiql-query-editor .CodeMirror').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(' { hea');
  await page.locator('.CodeMirror-hints').waitFor();
  assert.deepEqual(await trouble({ page, seen }), none);
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

test('the notice tells what /health tells', limit, async (t) => {
  const { redis_status: redis } = await (await fetch(`${origin()}/health`)).json();
  const { page } = await visit(t, browser);
  await ready(page);
  await page.waitForLoadState('networkidle');
  assert.equal(await page.locator('#notice').isVisible(), redis.mode === 'EMBEDDED');
});

test('the notice stays away once it is dismissed', limit, async (t) => {
  const { page } = await visit(t, browser, { prepare: healthOf('EMBEDDED') });
  const notice = page.locator('#notice');
  await notice.waitFor();
  assert.match(await notice.innerText(), /in memory only.*REDIS_HOST/s);
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

for (const [width, height] of [[390, 844], [820, 1180], [1440, 900]]) {
  test(`all of it fits into ${width} × ${height}`, limit, async (t) => {
    const { page } = await visit(t, browser, { viewport: { width, height }, prepare: healthOf('EMBEDDED') });
    await ready(page);
    await page.locator('#notice').waitFor();
    const [across, down] = await page.evaluate(() => [document.body.scrollWidth, document.body.scrollHeight]);
    assert.deepEqual([across, down], [width, height], 'the page does not scroll');
    for (const part of ['#notice button', '.graphiql-execute-button', '.graphiql-query-editor .CodeMirror', '.graphiql-response', '.links']) {
      const box = await page.locator(part).boundingBox();
      assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, `${part} is inside`);
      if (/editor|response/.test(part)) assert.ok(box.width >= 250 && box.height >= 150, `${part} is large enough: ${box.width} × ${box.height}`);
    }
  });
}

for (const [colorScheme, dark] of [['dark', true], ['light', false]]) {
  test(`colours follow a ${colorScheme} system`, limit, async (t) => {
    const { page } = await visit(t, browser, { colorScheme, prepare: healthOf('EMBEDDED') });
    await ready(page);
    for (const part of ['body', '#notice', '.graphiql-container']) {
      const colour = await page.locator(part).evaluate((element) => getComputedStyle(element).backgroundColor);
      const [red, green, blue] = colour.match(/\d+/g).map(Number);
      assert.equal((red + green + blue) / 3 < 128, dark, `${part} is ${colour}`);
    }
  });
}

test('without JavaScript the page says so', limit, async (t) => {
  const { page } = await visit(t, browser, { javaScriptEnabled: false });
  const why = page.locator('noscript p').first();
  assert.match(await why.innerText(), /needs JavaScript/);
  assert.equal(await why.isVisible(), true);
  assert.equal(await page.locator('#loading').isVisible(), false);
});

test('a script that does not load is not waited for', limit, async (t) => {
  const { page } = await visit(t, browser, { prepare: (page) => page.route('**/assets/graphiql-*.js', (route) => route.abort()) });
  await page.getByText('The playground could not start: one of its scripts did not load.').waitFor();
});
