package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLimits goes to each limit, and one beyond: there nothing is written.
func TestLimits(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		text := func(n int) string { return strings.Repeat("x", n) }
		batch := func(n int) (messages []object) {
			for range n {
				messages = append(messages, object{"type": "AI", "content": ""})
			}
			return messages
		}
		const (
			add1    = `mutation($x: JSON!) { addMessage(input: {threadId: "a", message: {type: AI, content: $x}}) { duplicate } }`
			addN    = `mutation($x: [MessageInput!]!) { addMessages(input: {threadId: "a", messages: $x}) { duplicate } }`
			makeN   = `mutation($x: [MessageInput!]!) { createAgentState(input: {messages: $x}) { agentState { version } } }`
			context = `mutation($x: String!) { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`
			update  = `mutation($x: String!) { updateAgentState(input: {threadId: "a", context: $x}) { agentState { version } } }`
			meta    = `mutation($x: JSON!) { updateAgentState(input: {threadId: "a", metadata: $x}) { agentState { version } } }`
			makeM   = `mutation($x: JSON!) { createAgentState(input: {metadata: $x}) { agentState { version } } }`
		)
		object := func(n int) object { return object{"k": text(n - len(`{"k":""}`))} }
		for name, c := range map[string]struct {
			document, argument string
			fits, exceeds      any
			limit              int
		}{
			"message":             {add1, "input.message", text(1022), text(1023), 1024},
			"message of blocks":   {add1, "input.message", []string{text(1020)}, []string{text(1021)}, 1024},
			"batch":               {addN, "input.messages", batch(3), batch(4), 3},
			"batch of a creation": {makeN, "input.messages", batch(3), batch(4), 3},
			"context":             {context, "input.context", text(100), text(101), 100},
			"context of runes":    {context, "input.context", strings.Repeat("é", 50), "x" + strings.Repeat("é", 50), 100},
			"context in update":   {update, "input.context", text(100), text(101), 100},
			"metadata":            {meta, "input.metadata", object(80), object(81), 80},
			"metadata at first":   {makeM, "input.metadata", object(80), object(81), 80},
		} {
			s.Must(t, c.document, vars{"x": c.fits}, nil)
			before := dump(t, s)
			err := s.Fail(t, c.document, vars{"x": c.exceeds})
			assert.Equal(t, "LIMIT_EXCEEDED", err.Code(), name)
			assert.Equal(t, c.argument, err.Extensions["argument"], name)
			assert.EqualValues(t, c.limit, err.Extensions["limit"], name)
			assert.EqualValues(t, c.limit+1, err.Extensions["actual"], name)
			unchanged(t, s, before, name)
		}
	}, "MAX_MESSAGE_BYTES=1024", "MAX_BATCH_MESSAGES=3", "MAX_CONTEXT_BYTES=100", "MAX_METADATA_BYTES=80")
}

// TestFullThread: a thread takes no more messages than it may have, and refuses a batch as a whole.
func TestFullThread(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", numbered(1, 4)...)
		before := dump(t, s)
		err := s.Fail(t, addMessages, vars{"input": object{"threadId": "a", "messages": numbered(5, 2)}})
		failure{
			code: "LIMIT_EXCEEDED", path: []any{"addMessages"}, extensions: map[string]any{"threadId": "a", "limit": 5, "actual": 6},
		}.matches(t, err)
		unchanged(t, s, before, "beyond the limit")
		add(t, s, "a", human("m5"))
		assert.Equal(t, "LIMIT_EXCEEDED", s.Fail(t, addMessages, vars{"input": object{"threadId": "a", "messages": numbered(6, 1)}}).Code())
		add(t, s, "a", human("m5")) // sent again, it is no more
		err = s.Fail(t, `mutation($m: [MessageInput!]) { createAgentState(input: {threadId: "b", messages: $m}) { agentState { version } } }`, vars{"m": numbered(1, 6)})
		assert.Equal(t, "LIMIT_EXCEEDED", err.Code())
		assert.False(t, exists(t, s, "b"))
	}, "MAX_THREAD_MESSAGES=5")
}

// TestPlansAndToolRunsAreLimited in bytes, over all of a thread.
func TestPlansAndToolRunsAreLimited(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for _, c := range []struct {
			mutation string
			limit    int
		}{
			{`addPlan(input: {threadId: "a", subtasks: ["` + strings.Repeat("p", 200) + `"]}) { plan { planId } }`, 1000},
			{`addToolCall(input: {threadId: "a", tool: "t", parameters: "` + strings.Repeat("p", 200) + `"}) { toolCall { toolId } }`, 2000},
		} {
			for i := 0; ; i++ {
				require.Less(t, i, 10, "there is no limit")
				before := dump(t, s)
				_, errs, _ := s.Do(patient(t), `mutation { `+c.mutation+` }`, nil)
				if errs == nil {
					continue
				}
				assert.Equal(t, "LIMIT_EXCEEDED", errs[0].Code())
				assert.EqualValues(t, c.limit, errs[0].Extensions["limit"])
				assert.Greater(t, errs[0].Extensions["actual"], float64(c.limit))
				unchanged(t, s, before, "beyond the limit")
				assert.Greater(t, i, 1, "some must fit")
				break
			}
		}
	}, "MAX_PLAN_BYTES=1000", "MAX_TOOL_CALLS_BYTES=2000")
}

// TestRequestLimits: the size of a body and the tokens of a document.
func TestRequestLimits(t *testing.T) {
	t.Parallel()
	s := start(t, "MAX_REQUEST_BYTES=5000", "MAX_QUERY_TOKENS=100")
	body := func(size int) string {
		const head, tail = `{"query": "{ agentStateCount }", "pad": "`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	assert.Equal(t, http.StatusOK, s.Send(t, http.MethodPost, "/graphql", body(5000), "Content-Type", "application/json").Status)
	got := s.Send(t, http.MethodPost, "/graphql", body(5001), "Content-Type", "application/json")
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.Status)
	err := got.Errors(t)[0]
	assert.Equal(t, "LIMIT_EXCEEDED", err.Code())
	assert.EqualValues(t, 5000, err.Extensions["limit"])
	assert.EqualValues(t, 5001, err.Extensions["actual"])

	s.Must(t, `{`+strings.Repeat(" agentStateCount", 98)+` }`, nil, nil)
	err = s.Fail(t, `{`+strings.Repeat(" agentStateCount", 99)+` }`, nil)
	assert.Equal(t, "LIMIT_EXCEEDED", err.Code())
	assert.EqualValues(t, 100, err.Extensions["limit"], "there is no `actual`: the parser stops at the limit")
}

// TestDefaultLimits are those of the API: large things fit, and what is beyond does not.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a")
	for name, c := range map[string]struct {
		document string
		limit    int
		quotes   int
	}{
		"message":  {`mutation($x: JSON!) { addMessage(input: {threadId: "a", message: {type: AI, content: $x}}) { duplicate } }`, 256 << 10, 2},
		"context":  {`mutation($x: String!) { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`, 256 << 10, 0},
		"metadata": {`mutation($x: JSON!) { updateAgentState(input: {threadId: "a", metadata: $x}) { agentState { version } } }`, 64 << 10, len(`{"k":""}`)},
	} {
		value := func(n int) any {
			text := strings.Repeat("x", n-c.quotes)
			if name == "metadata" {
				return object{"k": text}
			}
			return text
		}
		s.Must(t, c.document, vars{"x": value(c.limit)}, nil)
		err := s.Fail(t, c.document, vars{"x": value(c.limit + 1)})
		assert.Equal(t, "LIMIT_EXCEEDED", err.Code(), name)
		assert.EqualValues(t, c.limit, err.Extensions["limit"], name)
	}
	add(t, s, "a", numbered(1, 500)...)
	err := s.Fail(t, addMessages, vars{"input": object{"threadId": "a", "messages": numbered(501, 501)}})
	assert.EqualValues(t, 500, err.Extensions["limit"])
	got := s.Send(t, http.MethodPost, "/graphql", fmt.Sprintf(`{"query": "{ agentStateCount }", "pad": %q}`, strings.Repeat("x", 2<<20)), "Content-Type", "application/json")
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.Status)
}
