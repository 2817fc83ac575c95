package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// marker stands for what a conversation says, or for a secret. It must never be in the log.
const marker = "xyzzy-plugh"

// addresses are the keys of input whose strings say which thing is meant, and not what is in it.
var addresses = []string{
	"threadId", "messageId", "type", "status", "id", "toolCallId", "planId", "toolId", "timestamp", "createdAt",
	"threadIdPattern", "lastUpdatedAfter", "lastUpdatedBefore", "newThreadId", "reducer", "role",
}

// marked gives a value of JSON with the marker in each string that is content, and how many there are.
func marked(value any, key string) (any, int) {
	n := 0
	switch value := value.(type) {
	case string:
		if slices.Contains(addresses, key) {
			return value, 0
		}
		return marker + value, 1
	case []any:
		for i, element := range value {
			var more int
			value[i], more = marked(element, key)
			n += more
		}
	case map[string]any:
		for name, element := range value {
			var more int
			value[name], more = marked(element, name)
			n += more
		}
	}
	return value, n
}

// confidences are all mutations, with the marker in their content. They run in this order.
func confidences(tb testing.TB) (list []operation) {
	tb.Helper()
	total := 0
	for _, o := range operations {
		if !strings.HasPrefix(o.document, "mutation") {
			continue
		}
		raw, err := json.Marshal(o.variables)
		require.NoError(tb, err)
		var variables map[string]any
		require.NoError(tb, json.Unmarshal(raw, &variables))
		_, n := marked(variables, "")
		total += n
		list = append(list, operation{o.field, o.document, variables})
	}
	require.Greater(tb, total, 15, "the marker is where content is")
	return list
}

// silent requires that the log has entries that match, and the marker nowhere.
func silent(tb testing.TB, s *server, entries ...string) {
	tb.Helper()
	log := s.log.String()
	for _, entry := range entries {
		assert.Contains(tb, log, entry, "what is looked for would be logged")
	}
	at := strings.Index(log, marker)
	if at >= 0 {
		assert.Fail(tb, "the log tells what it must not", "%s", log[max(0, at-500):min(len(log), at+500)])
	}
}

// TestTheLogTellsNothingOfMessages drives every mutation at LOG_LEVEL=info: well, badly, and with a Redis that breaks off in the middle,
// refuses, holds something else than it should, and is away.
func TestTheLogTellsNothingOfMessages(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	proxy := redistest.NewProxy(t, own.Addr())
	environ := append(at(proxy.Addr()), "LOG_LEVEL=info")
	s, rdb := start(t, environ...), own.Client()
	ctx := patient(t)
	list := confidences(t)
	// all sends every mutation after a preparation, and tells how many have failed for want of Redis; the last one deletes the thread.
	all := func(prepare func()) (failed int) {
		for _, o := range list {
			prepare()
			_, errs, _ := s.Do(ctx, o.document, o.variables)
			if len(errs) > 0 && errs[0].Code() == "UNAVAILABLE" {
				failed++
			}
		}
		return failed
	}
	nothing := func() {}

	for _, o := range list {
		s.Must(t, o.document, o.variables, nil)
	}
	misuse(t, s, list)
	silent(t, s, `"msg":"listening"`)

	// Each that has content reaches Redis, and its answer does not come back.
	assert.GreaterOrEqual(t, all(func() { proxy.CutAfterRequest(redistest.Contains(marker)) }), 6)
	proxy.CutAfterRequest(func([]byte) bool { return false })
	silent(t, s, "redis is unavailable")

	require.NoError(t, rdb.ConfigSet(context.Background(), "maxmemory", "1").Err())
	// Redis 7 refuses every transaction, Redis 8 and Valkey only what would grow them: the creation, and what follows finds no thread.
	assert.Positive(t, all(nothing), "a full Redis refuses what would grow it")
	require.NoError(t, rdb.ConfigSet(context.Background(), "maxmemory", "0").Err())
	silent(t, s, "OOM")

	require.NoError(t, rdb.FlushAll(context.Background()).Err())
	create(t, s, "all", human("m1"))
	record := recordKey(t, rdb, strings.TrimPrefix(environ[2], "REDIS_KEY_PREFIX="), "all")
	require.NoError(t, rdb.HSet(context.Background(), record, "plan", "{", "toolcalls", "{"+marker, "metadata", marker).Err())
	_, errs, _ := s.Do(ctx, `query Damaged { agentState(threadId: "all") { plan { planId } toolCalls { tool } metadata } }`, nil)
	require.NotEmpty(t, errs)
	assert.Equal(t, "INTERNAL_SERVER_ERROR", errs[0].Code())
	silent(t, s, "internal error", `"operation":"query Damaged"`)

	own.Stop()
	assert.Equal(t, len(list), all(nothing))
	s.persisted(t, `query { a: agentState(threadId: "`+marker+`") { context } }`, true, nil)
	silent(t, s, "could not be kept")
}

// misuse sends what is refused ahead of Redis, with the marker in it.
func misuse(t *testing.T, s *server, list []operation) {
	t.Helper()
	bad := func(document string, variables any) {
		t.Helper()
		_, errs, _ := s.Do(patient(t), document, variables)
		require.NotEmpty(t, errs, document)
	}
	for _, o := range list {
		input, _ := o.variables["input"].(map[string]any)
		with := func(name string, value any) vars {
			changed := vars{name: value}
			for key, value := range input {
				if key != name {
					changed[key] = value
				}
			}
			return vars{"input": changed}
		}
		bad(o.document, with("bogus", marker))
		bad(o.document, with("threadId", map[string]any{"secret": marker}))
		bad(o.document, vars{"input": marker})
		bad(o.document+" "+marker, o.variables)
		raw, err := json.Marshal(o.variables)
		require.NoError(t, err)
		params := url.Values{"query": {o.document}, "variables": {string(raw)}}
		got := s.Send(t, http.MethodGet, "/graphql?"+params.Encode(), "", "Content-Type", "application/json")
		assert.Equal(t, http.StatusMethodNotAllowed, got.Status, "a mutation by GET")
	}
	bad(addMessages, vars{"input": object{"threadId": "all", "messages": []object{{"type": "AI", "content": strings.Repeat(marker, 30_000)}}}})
	bad(`mutation { setContext(input: {threadId: "all", context: "`+marker+`", expectedVersion: 99}) { agentState { version } } }`, nil)
	s.Send(t, http.MethodPost, "/graphql", `{"query": "`+marker, "Content-Type", "application/json")
	s.Send(t, http.MethodPost, "/graphql", marker, "Content-Type", "text/"+marker)
	s.Send(t, http.MethodGet, "/"+marker+"?token="+marker, "", "Authorization", "Bearer "+marker, "Origin", "https://"+marker)

	for _, message := range []string{marker, `{"type":"` + marker + `"}`, `{"type":"connection_init","payload":{"token":"` + marker + `"}}`} {
		conn, response, err := websocket.Dial(patient(t), s.URL+"/graphql", &websocket.DialOptions{
			HTTPClient: s.HTTP, Subprotocols: []string{"graphql-transport-ws"},
		})
		require.NoError(t, err)
		if response.Body != nil {
			_ = response.Body.Close()
		}
		require.NoError(t, conn.Write(patient(t), websocket.MessageText, []byte(message)))
		_, _, _ = conn.Read(patient(t)) // its answer, or why it was closed
		_ = conn.CloseNow()             // the server may have closed it
	}
}

// TestTheLogTellsNoPassword: of Redis, taken or not.
func TestTheLogTellsNoPassword(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"a user it has not": append(at(sharedRedis(t).Addr()), "REDIS_USERNAME=nobody", "REDIS_PASSWORD="+marker),
		"nobody there":      {"REDIS_URL=redis://:" + marker + "@127.0.0.1:1/0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, append(environ, "LOG_LEVEL=info")...)
			_, errs, _ := s.Do(patient(t), `{ agentStateCount }`, nil)
			require.Len(t, errs, 1)
			assert.Contains(t, []string{"UNAVAILABLE", "INTERNAL_SERVER_ERROR"}, errs[0].Code())
			assert.NotContains(t, errs[0].Message, marker)
			assert.Equal(t, http.StatusServiceUnavailable, s.Send(t, http.MethodGet, "/readyz", "").Status)
			assert.NotContains(t, s.Send(t, http.MethodGet, "/health", "").Body, marker)
			silent(t, s, "not ready")
		})
	}
}
