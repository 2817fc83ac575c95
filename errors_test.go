package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// failure is what an error must look like. The extensions are all there are beside the code.
type failure struct {
	document   string
	variables  vars
	code       string
	path       []any
	extensions map[string]any
}

func (f failure) check(tb testing.TB, s *server) {
	tb.Helper()
	_, errs, status := s.Do(patient(tb), f.document, f.variables)
	require.Len(tb, errs, 1, f.document)
	f.matches(tb, errs[0])
	assert.Equal(tb, http.StatusOK, status)
}

func (f failure) matches(tb testing.TB, err gqltest.Error) {
	tb.Helper()
	assert.Equal(tb, f.code, err.Code(), "%s: %s", f.document, err.Message)
	assert.Equal(tb, f.path, err.Path, f.document)
	assert.Len(tb, err.Extensions, len(f.extensions)+1, "%v", err.Extensions)
	for name, value := range f.extensions {
		assert.EqualValues(tb, value, err.Extensions[name], "%s: %s", f.document, name)
	}
	assert.Regexp(tb, `(?s)^[A-Z].*\.$`, err.Message, "a sentence")
}

// TestErrorsOfThreads provokes the errors that tell something about a thread.
func TestErrorsOfThreads(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", human("m1"))
		absent := failure{code: "NOT_FOUND", extensions: map[string]any{"threadId": "absent"}}
		for name, mutation := range map[string]string{
			"updateAgentState": `updateAgentState(input: {threadId: "absent"}) { agentState { version } }`,
			"deleteAgentState": `deleteAgentState(input: {threadId: "absent"}) { deletedThreadId }`,
			"addMessage":       `addMessage(input: {threadId: "absent", message: {type: AI, content: ""}}) { duplicate }`,
			"addMessages":      `addMessages(input: {threadId: "absent", messages: [{type: AI, content: ""}]}) { duplicate }`,
			"setContext":       `setContext(input: {threadId: "absent", context: ""}) { agentState { version } }`,
			"setRelevance":     `setRelevance(input: {threadId: "absent", relevant: true}) { agentState { version } }`,
			"addPlan":          `addPlan(input: {threadId: "absent", subtasks: ["x"]}) { plan { planId } }`,
			"addToolCall":      `addToolCall(input: {threadId: "absent", tool: "t", parameters: 1}) { toolCall { toolId } }`,
			"extendTtl":        `extendTtl(input: {threadId: "absent", ttlSeconds: 1}) { ttl { ttlSeconds } }`,
		} {
			absent.document, absent.path = `mutation { `+mutation+` }`, []any{name}
			absent.check(t, s)
		}
		for _, f := range []failure{
			{
				document: `mutation { createAgentState(input: {threadId: "a"}) { agentState { version } } }`,
				code:     "ALREADY_EXISTS", path: []any{"createAgentState"},
				extensions: map[string]any{"threadId": "a"},
			},
			{
				document: `mutation { addMessage(input: {threadId: "a", message: {messageId: "m1", type: AI, content: ""}}) { duplicate } }`,
				code:     "ALREADY_EXISTS", path: []any{"addMessage"},
				extensions: map[string]any{"threadId": "a", "messageId": "m1"},
			},
			{
				document: `mutation { createAgentState(input: {threadId: "b", messages: [
					{messageId: "m", type: AI, content: ""} {messageId: "m", type: AI, content: "x"}
				]}) { agentState { version } } }`,
				code: "ALREADY_EXISTS", path: []any{"createAgentState"},
				extensions: map[string]any{"threadId": "b", "messageId": "m"},
			},
			{
				document: `mutation { setContext(input: {threadId: "a", context: "", expectedVersion: 7}) { agentState { version } } }`,
				code:     "CONFLICT", path: []any{"setContext"},
				extensions: map[string]any{"threadId": "a", "currentVersion": 1},
			},
			{
				document: `mutation { addMessage(input: {threadId: "b", createIfMissing: true, expectedVersion: 7, message: {type: AI, content: ""}}) {
					duplicate } }`,
				code: "CONFLICT", path: []any{"addMessage"},
				extensions: map[string]any{"threadId": "b", "currentVersion": 0},
			},
		} {
			f.check(t, s)
		}
		assert.False(t, exists(t, s, "b"))
	})
}

// TestExpiredCursor reads from cursors that a thread cannot serve any more: of the one that had its id before, and of messages
// that were trimmed. The error says where to start again.
func TestExpiredCursor(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		remade := create(t, s, "remade", human("old")).Messages.Nodes[0].Cursor
		drop(t, s, "remade")
		create(t, s, "remade", numbered(1, 3)...)
		trimmed := create(t, s, "trimmed", numbered(1, 5)...).Messages.Nodes[0].Cursor
		add(t, s, "trimmed", numbered(6, 4)...)

		for id, c := range map[string]struct {
			cursor string
			want   []int
		}{"remade": {remade, []int{1, 2, 3}}, "trimmed": {trimmed, []int{5, 6, 7, 8, 9}}} {
			for _, arguments := range []string{"after: $c", "first: 2, after: $c", "types: [HUMAN], first: 1000, after: $c"} {
				err := s.Fail(t, `query($id: ID!, $c: String) { agentState(threadId: $id) { version messages(`+arguments+`) { nodes { seq } } } }`, vars{"id": id, "c": c.cursor})
				oldest, _ := err.Extensions["oldestCursor"].(string)
				failure{
					code: "CURSOR_EXPIRED", path: []any{"agentState", "messages"}, extensions: map[string]any{"threadId": id, "oldestCursor": oldest},
				}.matches(t, err)
				assert.Equal(t, c.want, seqs(read(t, s, id, fmt.Sprintf(`messages(first: 1000, after: %q) { nodes { seq } }`, oldest)).Messages.Nodes))
				for _, transport := range gqltest.Transports {
					stream := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": oldest})
					assert.Equal(t, c.want, seqs(nextMessages(t, stream, len(c.want))), transport.Name)
					stream.Close()
				}
			}
			for _, transport := range gqltest.Transports {
				err := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": c.cursor}).Failure(t)
				assert.Equal(t, "CURSOR_EXPIRED", err.Code(), transport.Name)
				assert.NotEmpty(t, err.Extensions["oldestCursor"], transport.Name)
			}
		}
	}, "MAX_THREAD_MESSAGES=5", "THREAD_OVERFLOW=trim")
}

// TestTrimmedThread looks at what is left of one: numbers go on, counts and ids are of what it holds.
func TestTrimmedThread(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", numbered(1, 5)...)
		assert.Equal(t, []int{6, 7}, seqs(add(t, s, "a", object{"messageId": "m6", "type": "AI", "content": "x"}, human("m7"))))
		got := read(t, s, "a", `messageCounts { total human ai } messages { nodes { seq } totalCount pageInfo { hasPreviousPage } }`)
		assert.Equal(t, upTo(3, 7), seqs(got.Messages.Nodes))
		assert.Equal(t, map[string]int{"total": 5, "human": 4, "ai": 1}, got.MessageCounts)
		assert.Equal(t, 5, got.Messages.TotalCount)
		assert.False(t, got.Messages.PageInfo.HasPreviousPage)
		var gone struct{ Message *message }
		s.Must(t, `{ message(threadId: "a", messageId: "m2") { seq } }`, nil, &gone)
		assert.Nil(t, gone.Message)
		assert.Equal(t, []int{8}, seqs(add(t, s, "a", human("m2"))), "a number is never used again")
	}, "MAX_THREAD_MESSAGES=5", "THREAD_OVERFLOW=trim")
}

// TestErrorsOfRequests provokes the errors of requests that are not executed.
func TestErrorsOfRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	for document, code := range map[string]string{
		`{ agentStateCount`:            "GRAPHQL_PARSE_FAILED",
		`{ agentStateCount(a: "\x") }`: "GRAPHQL_PARSE_FAILED",
		`{ nothing }`:                  "GRAPHQL_VALIDATION_FAILED",
		`{ agentState { version } }`:   "GRAPHQL_VALIDATION_FAILED",
		`mutation { addMessage(input: {threadId: "a", message: {type: ROBOT, content: ""}}) { duplicate } }`:  "GRAPHQL_VALIDATION_FAILED",
		`mutation { setContext(input: {threadId: "a", context: 1}) { agentState { version } } }`:              "GRAPHQL_VALIDATION_FAILED",
		`mutation { extendTtl(input: {threadId: "a", ttlSeconds: "1"}) { ttl { ttlSeconds } } }`:              "GRAPHQL_VALIDATION_FAILED",
		`mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: null}) { toolCall { tool } } }`: "GRAPHQL_VALIDATION_FAILED",
		`{ agentState(threadId: "a") }`: "GRAPHQL_VALIDATION_FAILED",
	} {
		data, errs, _ := s.Do(patient(t), document, nil)
		assert.Nil(t, data, document)
		require.NotEmpty(t, errs, document)
		assert.Equal(t, code, errs[0].Code(), document)
	}
	const query = `{ agentStateCount }`
	sum := sha256.Sum256([]byte(query))
	hash := hex.EncodeToString(sum[:])
	persisted := func(query string) gqltest.Answer {
		body := fmt.Sprintf(`{"query": %q, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": %q}}}`, query, hash)
		return s.Send(t, http.MethodPost, "/graphql", body, "Content-Type", "application/json")
	}
	unknown := persisted("").Errors(t)
	require.Len(t, unknown, 1)
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", unknown[0].Code())
	assert.Equal(t, "PersistedQueryNotFound", unknown[0].Message, "the text that Apollo's clients look for")
	for _, document := range []string{query, ""} {
		assert.JSONEq(t, `{"data": {"agentStateCount": 0}}`, persisted(document).Body)
	}
}

// TestPageOfAnotherOriginCannotWrite posts as a browser does from another page.
func TestPageOfAnotherOriginCannotWrite(t *testing.T) {
	t.Parallel()
	s := start(t)
	const body = `{"query": "mutation { createAgentState(input: {threadId: \"a\"}) { agentState { version } } }"}`
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		got := s.Send(t, http.MethodPost, "/graphql", body, append([]string{"Content-Type", "application/json"}, headers...)...)
		assert.Equal(t, http.StatusForbidden, got.Status, headers)
		assert.Equal(t, "FORBIDDEN", got.Errors(t)[0].Code(), headers)
	}
	assert.False(t, exists(t, s, "a"))
	got := s.Send(t, http.MethodPost, "/graphql", body, "Content-Type", "application/json", "Origin", s.URL, "Sec-Fetch-Site", "same-origin")
	assert.Equal(t, http.StatusOK, got.Status)
	assert.True(t, exists(t, s, "a"))
}

// TestInternalErrorsTellNothing damages records in Redis. The client gets an id, and the log has the cause under it.
func TestInternalErrorsTellNothing(t *testing.T) {
	t.Parallel()
	environ := at(sharedRedis(t).Addr())
	s := start(t, environ...)
	rdb, prefix := sharedRedis(t).Client(), strings.TrimPrefix(environ[2], "REDIS_KEY_PREFIX=")
	ctx := context.Background()
	const all = `query($id: ID!) { agentState(threadId: $id) { version plan { planId } messages { nodes { seq } } } }`
	for name, c := range map[string]struct {
		damage   func(record string) error
		document string
		cause    string
	}{
		"a number that is none": {func(r string) error { return rdb.HSet(ctx, r, "version", "secret").Err() }, all, "version"},
		"a list that is none":   {func(r string) error { return rdb.HSet(ctx, r, "plan", "{secret").Err() }, all, "plan"},
		"a foreign message": {func(r string) error {
			return rdb.LSet(ctx, strings.Replace(r, ":t:", ":m:", 1), 0, "secret").Err()
		}, all, "malformed"},
		"a key of another type": {func(r string) error {
			return rdb.Del(ctx, r).Err()
		}, `mutation($id: ID!) { addMessage(input: {threadId: $id, createIfMissing: true, message: {type: AI, content: ""}}) { message { seq } } }`, "WRONGTYPE"},
	} {
		create(t, s, name, human("m1"))
		record := recordKey(t, rdb, prefix, name)
		require.NoError(t, c.damage(record))
		if c.cause == "WRONGTYPE" {
			require.NoError(t, rdb.Set(ctx, record, "secret", 0).Err())
		}
		err := s.Fail(t, c.document, vars{"id": name})
		assert.Equal(t, "INTERNAL_SERVER_ERROR", err.Code(), name)
		assert.Len(t, err.Extensions, 2, name)
		id, _ := err.Extensions["errorId"].(string)
		require.NotEmpty(t, id, name)
		shown, _ := json.Marshal(err)
		for _, inner := range []string{"secret", "malformed", "WRONGTYPE", "redis", "store", prefix, "strconv", ".go", "lua"} {
			assert.NotContains(t, strings.ToLower(string(shown)), strings.ToLower(inner), name)
		}
		logged := s.log.entries(t, "errorId", id)
		require.Len(t, logged, 1, name)
		assert.Equal(t, "ERROR", logged[0]["level"])
		assert.Contains(t, []any{"query {agentState}", "mutation {addMessage}"}, logged[0]["operation"], name)
		assert.Contains(t, logged[0]["error"], c.cause, name)
	}
}
