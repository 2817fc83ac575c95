package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// said is a message of a body.
func said(kind, content string) object { return object{"message_type": kind, "content": content} }

// A client may send back the whole of what it got, as Python and JavaScript write it, with what it has changed.
func TestRestPutTakesTheWholeDocumentBack(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		s.restState(t, "POST", of("a", "/messages"), `{"message_type": "human", "content": "hi", "metadata": {"n": 1.10, "big": 12345678901234567890, "l": [null, {"x": 1e2}]}}`)
		s.Must(t, `mutation { addPlan(input: {threadId: "a", subtasks: ["one", "two"]}) { plan { planId } } }`, nil, nil)
		s.Must(t, `mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: {x: 1.50}}) { toolCall { toolId } } }`, nil, nil)
		s.Must(t, addMessages, vars{"input": object{"threadId": "a", "messages": []object{{"type": "AI", "content": []string{"a", "b"}, "toolCalls": []object{{"id": "c", "name": "n", "args": object{}}}}}}}, nil)
		const times = `plan { planId subtasks createdAt } toolCalls { toolId tool parameters toolResponse createdAt } messages { nodes { messageId seq content } }`
		var before, after json.RawMessage
		s.Must(t, `{ agentState(threadId: "a") { `+times+` } }`, nil, &before)

		var whole map[string]any // numbers become float64, as in JavaScript
		require.NoError(t, json.Unmarshal([]byte(s.rest(t, "GET", of("a"), nil).Body), &whole))
		got := s.restState(t, "PUT", of("a"), whole)
		assert.Len(t, got.Messages, 2)
		s.Must(t, `{ agentState(threadId: "a") { `+times+` } }`, nil, &after)
		assert.Equal(t, string(before), string(after), "nothing has changed, be it what the document does not have")

		whole["messages"] = append(whole["messages"].([]any), said("tool", "new"), object{"message_type": "mine", "content": "newer", "timestamp": "2020-01-02 03:04:05.5", "metadata": object{"k": "v"}})
		whole["relevant"] = true
		whole["reduced_context"] = object{"context": "c"}
		whole["plan"] = []object{{"plan_id": "p", "subtasks": []string{}}}
		whole["tool_calls"] = []object{{"tool_id": "r", "tool": "search"}, {"tool_id": "r2", "plan_id": "p", "tool": "x", "parameters": []int{1}, "tool_response": "done"}}
		whole["ttl_seconds"] = 99_999_999 / 10
		got = s.restState(t, "PUT", of("a"), whole)
		require.Len(t, got.Messages, 4)
		assert.Equal(t, "mine", got.Messages[3].Type)
		assert.Equal(t, "2020-01-02T03:04:05.5Z", got.Messages[3].Timestamp.UTC().Format("2006-01-02T15:04:05.999Z"))
		assert.JSONEq(t, `{"k": "v"}`, string(got.Messages[3].Metadata))
		assert.True(t, got.Relevant)
		assert.Equal(t, "c", got.Reduced.Context)
		assert.Equal(t, []map[string]any{{"plan_id": "p", "subtasks": []any{}}}, got.Plan)
		assert.Equal(t, []map[string]any{
			{"tool_id": "r", "plan_id": nil, "tool": "search", "parameters": map[string]any{}, "tool_response": nil},
			{"tool_id": "r2", "plan_id": "p", "tool": "x", "parameters": []any{1.0}, "tool_response": "done"},
		}, got.ToolCalls)
		assert.Equal(t, 9_999_999, got.TTLSeconds)
		assert.Equal(t, got, s.restState(t, "GET", of("a"), nil))

		// The same once more, as after an answer that was lost, adds nothing.
		assert.Len(t, s.restState(t, "PUT", of("a"), whole).Messages, 4)
	})
}

// What is left out stays.
func TestRestPutOfParts(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a", "ttl_seconds": 500})
		s.restState(t, "PUT", of("a"), object{
			"messages": []object{said("human", "hi")}, "reduced_context": object{"context": "c"}, "relevant": "yes",
			"plan": []object{{"plan_id": "p", "subtasks": []string{"s"}}}, "tool_calls": []object{{"tool_id": "r", "tool": "t"}},
		})
		full := s.restState(t, "GET", of("a"), nil)
		for name, body := range map[string]object{
			"nothing": {}, "nulls": {"reduced_context": nil, "ttl_seconds": nil, "thread_id": nil}, "no context": {"reduced_context": object{}},
			"relevance": {"relevant": true}, "what is not the client's": {"created_at": "x", "last_updated": 5, "message_counts": nil, "unknown": object{}},
			"the messages": {"messages": []object{said("human", "hi")}},
		} {
			got := s.restState(t, "PUT", of("a"), body)
			assert.False(t, got.LastUpdated.Before(full.LastUpdated), name)
			got.LastUpdated = full.LastUpdated
			assert.Equal(t, full, got, name)
		}
		got := s.restState(t, "PUT", of("a"), object{"plan": []object{}, "tool_calls": []object{}})
		assert.Empty(t, got.Plan)
		assert.Empty(t, got.ToolCalls)
		assert.Equal(t, "c", got.Reduced.Context)
	})
}

// Messages that do not continue those of the thread are refused, and nothing of the body is done.
func TestRestPutNeverLosesMessages(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		var stored []object
		for i := range 60 { // more than are read with the thread
			stored = append(stored, object{"messageId": fmt.Sprint(i), "type": "HUMAN", "content": fmt.Sprint("m", i), "metadata": object{"i": i}})
		}
		add(t, s, "a", stored...)
		same := func(n int) (messages []object) {
			for i := range n {
				messages = append(messages, object{"message_type": "human", "content": fmt.Sprint("m", i), "metadata": object{"i": i}})
			}
			return messages
		}
		changed := func(at int, field string, value any) []object {
			messages := same(61)
			messages[at][field] = value
			return messages
		}
		before := dump(t, s)
		for name, messages := range map[string][]object{
			"none":                {},
			"the first":           same(59),
			"another content":     changed(3, "content", "x"),
			"another type":        changed(0, "message_type", "ai"),
			"other metadata":      changed(55, "metadata", object{"i": 7}),
			"no metadata":         changed(59, "metadata", nil),
			"another time":        changed(58, "timestamp", "2001-01-01T00:00:00Z"),
			"another id":          changed(57, "message_id", "58"),
			"in another order":    append([]object{said("human", "new")}, same(60)...),
			"a part of them only": append(same(30), said("human", "new")),
		} {
			got := s.rest(t, "PUT", of("a"), object{"messages": messages, "relevant": true, "reduced_context": object{"context": "x"}})
			assert.Equal(t, http.StatusConflict, got.Status, "%s: %.300s", name, got.Body)
			assert.Contains(t, detail(t, got), "The messages do not continue those of thread a", name)
			unchanged(t, s, before, name)
		}
		assert.Len(t, s.restState(t, "PUT", of("a"), object{"messages": append(same(60), said("ai", "new"))}).Messages, 61)
		// What is beyond a limit is refused ahead of everything else.
		before = dump(t, s)
		long := make([]object, 1000)
		for i := range long {
			long[i] = object{"plan_id": fmt.Sprint(i), "subtasks": []string{string(make([]byte, 0)), fmt.Sprintf("%0300d", i)}}
		}
		got := s.rest(t, "PUT", of("a"), object{"messages": append(append(same(60), said("ai", "new")), said("ai", "newer")), "plan": long})
		assert.Equal(t, http.StatusUnprocessableEntity, got.Status)
		assert.Contains(t, got.Body, "the size in bytes of all plans of a thread is limited to 262144")
		unchanged(t, s, before, "plan")
	})
}

// Clients that add to the same thread by PUT at once: each one that succeeds has added its message, and the others are told.
func TestRestConcurrentPuts(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.restState(t, "POST", "/redis/agent-state", object{"thread_id": "a"})
		const clients = 16
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				for { // as whoever is told of a conflict does
					var whole map[string]any
					if json.Unmarshal([]byte(s.Send(t, "GET", of("a"), "").Body), &whole) != nil {
						return // it is missing below
					}
					whole["messages"] = append(whole["messages"].([]any), said("human", fmt.Sprint(client)))
					got := s.Send(t, "PUT", of("a"), string(encode(t, object{"messages": whole["messages"]})), "Content-Type", "application/json")
					if got.Status == http.StatusOK {
						assert.Equal(t, len(whole["messages"].([]any)), strings.Count(got.Body, `"message_type"`), "nothing came in between")
						return
					}
					assert.Equal(t, http.StatusConflict, got.Status, got.Body)
				}
			})
		}
		all.Wait()
		got := s.restState(t, "GET", of("a"), nil)
		seen := make(map[string]bool)
		for _, m := range got.Messages {
			seen[m.Content] = true
		}
		assert.Len(t, got.Messages, clients)
		assert.Len(t, seen, clients)
	})
}
