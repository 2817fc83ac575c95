package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersionCountsChanges runs one document with every mutation: they happen in its order, and each counts once.
func TestVersionCountsChanges(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		type payload struct {
			AgentState thread
			Message    message
			Messages   []message
			Duplicate  bool
			Duplicates int
			TTL        struct{ TTLSeconds int }
		}
		var got map[string]payload
		s.Must(t, `mutation {
			a: createAgentState(input: {threadId: "a", messages: [{messageId: "m1", type: HUMAN, content: "1"}, {type: AI, content: "2"}]}) { ...s }
			b: addMessage(input: {threadId: "a", message: {messageId: "m3", type: HUMAN, content: "3"}}) { ...t message { seq } duplicate }
			c: addMessages(input: {threadId: "a", messages: [{type: HUMAN, content: "4"}, {type: AI, content: "5"}]}) { messages { seq } duplicates agentState { version } }
			d: addMessage(input: {threadId: "a", message: {messageId: "m3", type: HUMAN, content: "3"}}) { ...t message { seq } duplicate }
			e: setContext(input: {threadId: "a", context: "x"}) { agentState { version } }
			f: setRelevance(input: {threadId: "a", relevant: false}) { agentState { version } }
			g: addPlan(input: {threadId: "a", subtasks: ["x"]}) { agentState { version } }
			h: addToolCall(input: {threadId: "a", tool: "t", parameters: {}}) { agentState { version } }
			i: extendTtl(input: {threadId: "a", ttlSeconds: 60}) { ttl { ttlSeconds } }
			j: updateAgentState(input: {threadId: "a"}) { agentState { version messages { totalCount } } }
			k: deleteAgentState(input: {threadId: "a"}) { deletedThreadId }
			l: addMessage(input: {threadId: "a", createIfMissing: true, message: {type: HUMAN, content: "6"}}) { ...t message { seq } }
		}
		fragment s on CreateAgentStatePayload { agentState { version } } fragment t on AddMessagePayload { agentState { version } }`, nil, &got)
		for name, version := range map[string]int{"a": 1, "b": 2, "c": 3, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7, "j": 8, "l": 1} {
			assert.Equal(t, version, got[name].AgentState.Version, name)
		}
		assert.Equal(t, 3, got["b"].Message.Seq)
		assert.False(t, got["b"].Duplicate)
		assert.Equal(t, []int{4, 5}, seqs(got["c"].Messages))
		assert.True(t, got["d"].Duplicate)
		assert.Equal(t, 3, got["d"].Message.Seq, "the stored message")
		assert.Equal(t, 60, got["i"].TTL.TTLSeconds)
		assert.Equal(t, 5, got["j"].AgentState.Messages.TotalCount)
		assert.Equal(t, 1, got["l"].Message.Seq, "a thread made anew starts anew")
	})
}

// TestFailedMutationStopsNothing: those behind it in the document still happen.
func TestFailedMutationStopsNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	data, errs, status := s.Do(patient(t), `mutation {
		a: setContext(input: {threadId: "a", context: "x"}) { agentState { version } }
		b: createAgentState(input: {threadId: "a"}) { agentState { version } }
	}`, nil)
	assert.Equal(t, 200, status)
	require.Len(t, errs, 1)
	assert.Equal(t, "NOT_FOUND", errs[0].Code())
	assert.Equal(t, []any{"a"}, errs[0].Path)
	assert.JSONEq(t, `null`, string(data), "the payload is not nullable, so null goes up to data")
	assert.True(t, exists(t, s, "a"))
}

func TestCreateWithoutAnID(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		var got struct {
			A, B struct{ AgentState json.RawMessage }
		}
		s.Must(t, `mutation { a: createAgentState(input: {}) { ...all } b: createAgentState(input: {}) { ...all } }
			fragment all on CreateAgentStatePayload { agentState { threadId version context relevant plan { planId } toolCalls { toolId } metadata ttlSeconds
				messageCounts { total human ai system tool other } } }`, nil, &got)
		var a, b thread
		require.NoError(t, json.Unmarshal(got.A.AgentState, &a))
		require.NoError(t, json.Unmarshal(got.B.AgentState, &b))
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, a.ThreadID, "a UUIDv7")
		assert.Less(t, a.ThreadID, b.ThreadID, "ids made later sort later")
		assert.JSONEq(t, `{"threadId": "`+a.ThreadID+`", "version": 1, "context": "", "relevant": false, "plan": [], "toolCalls": [], "metadata": {},
			"ttlSeconds": 2592000, "messageCounts": {"total": 0, "human": 0, "ai": 0, "system": 0, "tool": 0, "other": 0}}`, string(got.A.AgentState))
	})
}

func TestCreateIfMissing(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for i, c := range []struct{ arguments, want string }{
			{``, "NOT_FOUND"},
			{`createIfMissing: false`, "NOT_FOUND"},
			{`createIfMissing: false, expectedVersion: 0`, "NOT_FOUND"},
			{`createIfMissing: true, expectedVersion: 1`, "CONFLICT"},
			{`createIfMissing: true, expectedVersion: 0`, ""},
			{`createIfMissing: true, expectedVersion: 0`, "CONFLICT"}, // it exists by now
			{`createIfMissing: true`, ""},
			{`createIfMissing: true, expectedVersion: 2`, ""},
			{`expectedVersion: 2`, "CONFLICT"},
			{`expectedVersion: 3`, ""},
		} {
			for thread, one := range map[string]string{
				"one":  `addMessage(input: {threadId: "one", message: {type: AI, content: "x"}, ` + c.arguments + `}) { agentState { version } }`,
				"many": `addMessages(input: {threadId: "many", messages: [{type: AI, content: "x"}], ` + c.arguments + `}) { agentState { version } }`,
			} {
				if c.want == "" {
					s.Must(t, `mutation { `+one+` }`, nil, nil)
					continue
				}
				existed := exists(t, s, thread)
				assert.Equal(t, c.want, s.Fail(t, `mutation { `+one+` }`, nil).Code(), "%d: %s %s", i, thread, c.arguments)
				assert.Equal(t, existed, exists(t, s, thread), "a mutation that fails makes no thread")
			}
		}
		assert.Equal(t, 4, read(t, s, "one", `version`).Version)
		assert.Equal(t, 4, read(t, s, "many", `version`).Version)
	})
}

// TestExpectedVersion gives every mutation that takes one a version that is not the thread's, and then the one that is.
func TestExpectedVersion(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for i, mutation := range []string{
			`setContext(input: {threadId: "a", context: "x", expectedVersion: $v}) { agentState { version } }`,
			`setRelevance(input: {threadId: "a", relevant: true, expectedVersion: $v}) { agentState { version } }`,
			`addPlan(input: {threadId: "a", subtasks: ["x"], expectedVersion: $v}) { agentState { version } }`,
			`addToolCall(input: {threadId: "a", tool: "t", parameters: 1, expectedVersion: $v}) { agentState { version } }`,
			`updateAgentState(input: {threadId: "a", context: "y", expectedVersion: $v}) { agentState { version } }`,
			`addMessage(input: {threadId: "a", message: {type: AI, content: "x"}, expectedVersion: $v}) { agentState { version } }`,
			`addMessages(input: {threadId: "a", messages: [{type: AI, content: "x"}], expectedVersion: $v}) { agentState { version } }`,
			`deleteAgentState(input: {threadId: "a", expectedVersion: $v}) { deletedThreadId }`,
		} {
			document, current := `mutation($v: Int) { `+mutation+` }`, i+1
			before := dump(t, s)
			for _, wrong := range []int{0, current - 1, current + 1, 2147483647} {
				err := s.Fail(t, document, vars{"v": wrong})
				assert.Equal(t, "CONFLICT", err.Code(), mutation)
				assert.EqualValues(t, current, err.Extensions["currentVersion"], mutation)
				assert.Equal(t, "a", err.Extensions["threadId"])
			}
			unchanged(t, s, before, mutation)
			s.Must(t, document, vars{"v": current}, nil)
		}
		assert.False(t, exists(t, s, "a"))
	})
}

// TestSendingAgainIsSafe repeats messages: with the same content they are there already, with other content the id is taken.
func TestSendingAgainIsSafe(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		first := create(t, s, "a", numbered(1, 2)...).Messages.Nodes
		type payload struct {
			Messages   []message
			Duplicate  bool
			Duplicates int
			AgentState thread
		}
		send := func(messages []object, more object) payload {
			input := object{"threadId": "a", "messages": messages}
			for name, value := range more {
				input[name] = value
			}
			var got struct{ AddMessages payload }
			s.Must(t, addMessages, vars{"input": input}, &got)
			return got.AddMessages
		}
		again := send(numbered(1, 2), object{"expectedVersion": 77})
		assert.Equal(t, first, again.Messages, "the stored messages, whatever version was expected")
		assert.True(t, again.Duplicate)
		assert.Equal(t, 2, again.Duplicates)
		assert.Equal(t, 1, again.AgentState.Version, "nothing was changed")

		mixed := send([]object{human("m2"), human("m3"), human("m3"), human("m1")}, nil)
		assert.Equal(t, []int{2, 3, 3, 1}, seqs(mixed.Messages), "also twice in one batch")
		assert.False(t, mixed.Duplicate)
		assert.Equal(t, 3, mixed.Duplicates)
		assert.Equal(t, 2, mixed.AgentState.Version)

		before := dump(t, s)
		for name, other := range map[string]object{
			"content":   {"messageId": "m1", "type": "HUMAN", "content": "other"},
			"type":      {"messageId": "m1", "type": "AI", "content": "m1"},
			"name":      {"messageId": "m1", "type": "HUMAN", "content": "m1", "name": "n"},
			"metadata":  {"messageId": "m1", "type": "HUMAN", "content": "m1", "metadata": object{"x": 1}},
			"timestamp": {"messageId": "m1", "type": "HUMAN", "content": "m1", "timestamp": "2024-01-01T00:00:00Z"},
		} {
			err := s.Fail(t, addMessages, vars{"input": object{"threadId": "a", "messages": []object{human("new"), other}}})
			assert.Equal(t, "ALREADY_EXISTS", err.Code(), name)
			assert.Equal(t, "m1", err.Extensions["messageId"], name)
			assert.Equal(t, "a", err.Extensions["threadId"], name)
		}
		unchanged(t, s, before, "all or none")
	})
}

// TestUpdate sets everything, leaves everything out, and clears everything.
func TestUpdate(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", human("m1"))
		const selection = `context relevant metadata ttlSeconds plan { planId subtasks createdAt } toolCalls { toolId planId tool parameters toolResponse createdAt }`
		update := func(input string) string {
			var got struct {
				UpdateAgentState struct{ AgentState json.RawMessage }
			}
			s.Must(t, `mutation { updateAgentState(input: {threadId: "a", `+input+`}) { agentState { `+selection+` } } }`, nil, &got)
			return string(got.UpdateAgentState.AgentState)
		}
		set := update(`context: "c", relevant: true, metadata: {a: {b: 1.50}}, ttlSeconds: 77,
			plan: [{planId: "p1", subtasks: ["x", "y"], createdAt: "2024-05-06T07:08:09+02:00"}, {planId: "p2", subtasks: ["z"], createdAt: "2024-01-01T00:00:00Z"}],
			toolCalls: [{toolId: "r", planId: "no such plan", tool: "t", parameters: [1.0], toolResponse: {}, createdAt: "2024-01-01T00:00:00.5Z"}]`)
		assert.JSONEq(t, `{
			"context": "c", "relevant": true, "metadata": {"a": {"b": 1.50}}, "ttlSeconds": 77,
			"plan": [{"planId": "p1", "subtasks": ["x", "y"], "createdAt": "2024-05-06T05:08:09.000000Z"},
				{"planId": "p2", "subtasks": ["z"], "createdAt": "2024-01-01T00:00:00.000000Z"}],
			"toolCalls": [{"toolId": "r", "planId": "no such plan", "tool": "t", "parameters": [1.0], "toolResponse": {}, "createdAt": "2024-01-01T00:00:00.500000Z"}]
		}`, set)
		assert.Equal(t, set, update(``), "what is left out stays")
		assert.Equal(t, strings.Replace(set, `"c"`, `"d"`, 1), update(`context: "d"`), "also beside what is given")
		assert.JSONEq(t, `{"context": "", "relevant": false, "metadata": {}, "ttlSeconds": 2592000, "plan": [], "toolCalls": []}`,
			update(`context: null, relevant: null, metadata: null, ttlSeconds: null, plan: null, toolCalls: null`), "null clears")
		assert.JSONEq(t, `{"context": "", "relevant": false, "metadata": {}, "ttlSeconds": 2592000, "plan": [], "toolCalls": []}`,
			update(`context: "", metadata: {}, plan: [], toolCalls: []`))
		assert.Equal(t, 1, read(t, s, "a", `messageCounts { total }`).MessageCounts["total"], "messages are not touched")
	})
}

// TestPlansAndToolRunsAreAppended adds some one by one, beside what an update has set.
func TestPlansAndToolRunsAreAppended(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		var ids []string
		for i := range 3 {
			var got struct {
				AddPlan     struct{ Plan plan }
				AddToolCall struct{ ToolCall toolRun }
			}
			s.Must(t, fmt.Sprintf(`mutation { addPlan(input: {threadId: "a", subtasks: ["s%d", "<&>,[\"]"]}) { plan { planId subtasks createdAt } }
				addToolCall(input: {threadId: "a", planId: "p%d", tool: "t%d", parameters: %d}) { toolCall { toolId planId tool parameters toolResponse createdAt } } }`,
				i, i, i, i), nil, &got)
			ids = append(ids, got.AddPlan.Plan.PlanID)
			assert.Equal(t, []string{fmt.Sprintf("s%d", i), `<&>,["]`}, got.AddPlan.Plan.Subtasks)
			now := read(t, s, "a", `plan { planId subtasks createdAt } toolCalls { toolId planId tool parameters toolResponse createdAt }`)
			require.Len(t, now.Plan, i+1)
			require.Len(t, now.ToolCalls, i+1)
			assert.Equal(t, got.AddPlan.Plan, now.Plan[i], "behind the ones that are there")
			assert.Equal(t, got.AddToolCall.ToolCall, now.ToolCalls[i])
			assert.Equal(t, "null", string(now.ToolCalls[i].ToolResponse), "no answer yet")
		}
		assert.Less(t, ids[0], ids[1])
		assert.Less(t, ids[1], ids[2])
	})
}

func TestDelete(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", human("m1"))
		create(t, s, "b")
		var got struct {
			DeleteAgentState struct{ DeletedThreadID string }
		}
		s.Must(t, `mutation { deleteAgentState(input: {threadId: "a"}) { deletedThreadId } }`, nil, &got)
		assert.Equal(t, "a", got.DeleteAgentState.DeletedThreadID)
		assert.Nil(t, read(t, s, "a", `version`))
		assert.Equal(t, []string{"b"}, idsOf(t, s, "").Nodes)
		assert.Equal(t, "NOT_FOUND", s.Fail(t, `mutation { deleteAgentState(input: {threadId: "a"}) { deletedThreadId } }`, nil).Code())
		again := create(t, s, "a")
		assert.Empty(t, again.Messages.Nodes, "nothing is left of the thread that was there")
		assert.Equal(t, 1, again.Version)
	})
}

// TestOneValueStandsForAList where the type is a list, as GraphQL has it, in documents and in variables.
// https://spec.graphql.org/October2021/#sec-List.Input-Coercion
func TestOneValueStandsForAList(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a")
	one := object{"messageId": "m1", "type": "AI", "content": "x"}
	for _, c := range []struct {
		document  string
		variables vars
	}{
		{`mutation { addPlan(input: {threadId: "a", subtasks: "x"}) { plan { planId } } }`, nil},
		{`mutation($s: [String!]!) { addPlan(input: {threadId: "a", subtasks: $s}) { plan { planId } } }`, vars{"s": "x"}},
		{`mutation($i: AddPlanInput!) { addPlan(input: $i) { plan { planId } } }`, vars{"i": object{"threadId": "a", "subtasks": "x"}}},
		{`mutation($m: [MessageInput!]!) { addMessages(input: {threadId: "a", messages: $m}) { duplicate } }`, vars{"m": one}},
		{addMessages, vars{"input": object{"threadId": "a", "messages": one}}},
		{`query($t: [MessageType!]) { agentState(threadId: "a") { messages(types: $t) { totalCount } } }`, vars{"t": "AI"}},
	} {
		_, errs, _ := s.Do(patient(t), c.document, c.variables)
		assert.Empty(t, errs, "%s %v", c.document, c.variables)
	}
	wrong := object{"type": "ai", "content": "x"} // such a list of one is checked like any other
	_, errs, _ := s.Do(patient(t), addMessages, vars{"input": object{"threadId": "a", "messages": wrong}})
	if assert.Len(t, errs, 1) {
		assert.Equal(t, badUser, errs[0].Code(), errs[0].Message)
	}
	got := read(t, s, "a", `plan { subtasks } messages { totalCount }`)
	assert.Len(t, got.Plan, 3)
	assert.Equal(t, 1, got.Messages.TotalCount)
}
