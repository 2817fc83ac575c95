package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// oddIDs are ids in which no character has a meaning.
var oddIDs = []string{
	"a:b{c}*", "{", "}", "{}", "{a}b", "::", ":", "*", "?", "[a-z]", `\`, `\\`, "a b", " ", "'", `"`, "%", "%3A", "$1", "../..", "-", "(x", "[x", "<&>",
	"é", "日本語", "👩‍👩‍👧", "\U0010FFFF", "\uFFFD", "\uFEFF", "\u00a0", "e\u0301", "\u202e", strings.Repeat("x", 255), strings.Repeat("é", 127) + "x",
	strings.Repeat("👩", 63), "0", "null", "true", "-1", "1e3",
}

// TestIDsHaveNoMeaning takes odd ids for everything that has one through writing, reading, lists, streams and deletion.
func TestIDsHaveNoMeaning(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for _, id := range oddIDs {
			s.Must(t, `mutation($id: ID!, $name: String!) {
				createAgentState(input: {threadId: $id, messages: [
					{messageId: $id, type: TOOL, content: "x", name: $name, toolCallId: $id, toolCalls: [{id: $id, name: $name, args: {}}]}
				]}) { agentState { version } }
				addToolCall(input: {threadId: $id, planId: $id, tool: $name, parameters: {}}) { agentState { version } }
				updateAgentState(input: {threadId: $id, plan: [{planId: $id, subtasks: [$name]}]}) { agentState { version } }
			}`, vars{"id": id, "name": id}, nil)
		}
		assert.ElementsMatch(t, oddIDs, idsOf(t, s, "first: 1000").Nodes)
		for _, id := range oddIDs {
			var got struct {
				AgentState struct {
					ThreadID  string
					Plan      []plan
					ToolCalls []toolRun
				}
				Message struct {
					ThreadID, MessageID, Cursor, Name, ToolCallID string
					ToolCalls                                     []struct{ ID, Name string }
				}
			}
			s.Must(t, `query($id: ID!) {
				agentState(threadId: $id) { threadId plan { planId subtasks } toolCalls { planId tool } }
				message(threadId: $id, messageId: $id) { threadId messageId cursor name toolCallId toolCalls { id name } }
			}`, vars{"id": id}, &got)
			assert.Equal(t, id, got.AgentState.ThreadID)
			assert.Equal(t, []plan{{PlanID: id, Subtasks: []string{id}}}, got.AgentState.Plan)
			require.Len(t, got.AgentState.ToolCalls, 1)
			assert.Equal(t, id, *got.AgentState.ToolCalls[0].PlanID)
			assert.Equal(t, id, got.AgentState.ToolCalls[0].Tool)
			assert.Equal(t, []string{id, id, id, id}, []string{got.Message.ThreadID, got.Message.MessageID, got.Message.Name, got.Message.ToolCallID})
			assert.Equal(t, id, got.Message.ToolCalls[0].ID)
			stream := gqltest.Transports[2].Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": got.Message.Cursor})
			assert.Equal(t, add(t, s, id, human("live"))[0].Cursor, nextMessage(t, stream).Cursor)
			stream.Close()
			drop(t, s, id)
		}
		assert.Empty(t, idsOf(t, s, "").Nodes)
	})
}

// TestIDsMayBeNumbers: GraphQL takes an Int for an ID.
func TestIDsMayBeNumbers(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Must(t, `mutation { createAgentState(input: {threadId: 7}) { agentState { version } } }`, nil, nil)
	s.Must(t, `mutation($id: ID!) { setContext(input: {threadId: $id, context: "x"}) { agentState { version } } }`, vars{"id": 7}, nil)
	assert.Equal(t, "7", read(t, s, "7", `threadId`).ThreadID)
}

// TestIDsAreIdentities: what caches normalise by is one for each object, whatever the names are, and stays the same.
func TestIDsAreIdentities(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		seen := map[string]string{}
		for _, names := range [][2]string{{"a", "b"}, {"a", "b:c"}, {"a:b", "c"}, {"b", "a"}, {"AgentState", "a"}, {"Message", "a"}, {"a b", "c"}, {"ab", "c"}, {"a", "bc"}} {
			if !exists(t, s, names[0]) {
				create(t, s, names[0])
			}
			add(t, s, names[0], human(names[1]))
			var got struct {
				AgentState thread
				Message    message
				Recent     []thread
			}
			s.Must(t, `query($t: ID!, $m: ID!) {
				agentState(threadId: $t) { id messages(last: 1) { nodes { id } } } message(threadId: $t, messageId: $m) { id }
				recent: recentAgentStates(limit: 1) { id }
			}`, vars{"t": names[0], "m": names[1]}, &got)
			assert.Equal(t, got.Message.ID, got.AgentState.Messages.Nodes[0].ID, "the same from everywhere")
			assert.Equal(t, got.AgentState.ID, got.Recent[0].ID)
			for id, what := range map[string]string{got.AgentState.ID: "thread " + names[0], got.Message.ID: fmt.Sprint("message ", names)} {
				if there, ok := seen[id]; ok {
					assert.Equal(t, what, there, "one id for two objects")
				}
				seen[id] = what
			}
		}
		assert.Len(t, seen, 7+9, "seven threads and nine messages")
	})
}
