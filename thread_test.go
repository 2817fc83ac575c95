package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/gqltest"
)

// vars are the variables of an operation, object a value in them.
type (
	vars   = map[string]any
	object = map[string]any
)

// thread is an AgentState as tests read it. What was not selected is zero.
type thread struct {
	ID, ThreadID, Context  string
	ChangeCursor           string
	MessageCursor          string
	Version, TTLSeconds    int
	Relevant               bool
	Messages               page
	MessageCounts          map[string]int
	Plan                   []plan
	ToolCalls              []toolRun
	Metadata               json.RawMessage
	CreatedAt, LastUpdated time.Time
	ExpiresAt              time.Time
}

type plan struct {
	PlanID    string
	Subtasks  []string
	CreatedAt time.Time
}

type toolRun struct {
	ToolID, Tool             string
	PlanID                   *string
	Parameters, ToolResponse json.RawMessage
	CreatedAt                time.Time
}

type page struct {
	Nodes []message
	Edges []struct {
		Cursor string
		Node   message
	}
	PageInfo   pageInfo
	TotalCount int
}

type pageInfo struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
}

type message struct {
	ID, ThreadID, MessageID, Cursor, Type, Text string
	Seq                                         int
	Content, Metadata, ResponseMetadata         json.RawMessage
	Timestamp                                   time.Time
}

// human is the input of a message; id is the messageId and the text.
func human(id string) object {
	return object{"messageId": id, "type": "HUMAN", "content": id}
}

// numbered are n of them, named m<from> and so on.
func numbered(from, n int) []object {
	messages := make([]object, n)
	for i := range messages {
		messages[i] = human(fmt.Sprintf("m%d", from+i))
	}
	return messages
}

// create makes a thread with messages.
func create(tb testing.TB, s *server, id string, messages ...object) thread {
	tb.Helper()
	var got struct{ CreateAgentState struct{ AgentState thread } }
	s.Must(tb, `mutation($input: CreateAgentStateInput!) { createAgentState(input: $input) { agentState {
		id threadId version createdAt lastUpdated ttlSeconds expiresAt changeCursor messages(last: 1000) { nodes { messageId seq cursor } }
	} } }`, vars{"input": object{"threadId": id, "messages": messages}}, &got)
	return got.CreateAgentState.AgentState
}

const addMessages = `mutation($input: AddMessagesInput!) { addMessages(input: $input) {
	messages { messageId seq cursor } duplicate duplicates agentState { version }
} }`

// add adds messages to a thread, and gives them as they are stored.
func add(tb testing.TB, s *server, id string, messages ...object) []message {
	tb.Helper()
	var got struct{ AddMessages struct{ Messages []message } }
	s.Must(tb, addMessages, vars{"input": object{"threadId": id, "messages": messages}}, &got)
	return got.AddMessages.Messages
}

// drop deletes a thread.
func drop(tb testing.TB, s *server, id string) {
	tb.Helper()
	s.Must(tb, `mutation($id: ID!) { deleteAgentState(input: {threadId: $id}) { deletedThreadId } }`, vars{"id": id}, nil)
}

// read reads a selection of a thread; nil where there is none.
func read(tb testing.TB, s *server, id, selection string) *thread {
	tb.Helper()
	var got struct{ AgentState *thread }
	s.Must(tb, `query($id: ID!) { agentState(threadId: $id) { `+selection+` } }`, vars{"id": id}, &got)
	return got.AgentState
}

// dump gives all there is of a server's threads, to see that nothing was written.
func dump(tb testing.TB, s *server) string {
	tb.Helper()
	var got json.RawMessage
	s.Must(tb, `{ agentStateCount agentStates(first: 1000) { nodes { ...state } } }`+stateFragment, nil, &got)
	return string(got)
}

// unchanged compares with an earlier dump.
func unchanged(tb testing.TB, s *server, before, what string) {
	tb.Helper()
	if now := dump(tb, s); now != before {
		assert.Fail(tb, "something was written", "%s: before %.1000s\nnow %.1000s", what, before, now)
	}
}

// seqs gives the numbers of messages.
func seqs(messages []message) []int {
	numbers := make([]int, len(messages))
	for i, m := range messages {
		numbers[i] = m.Seq
	}
	return numbers
}

// upTo are the numbers from from to n.
func upTo(from, n int) []int {
	numbers := []int{}
	for i := from; i <= n; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

const (
	messageAdded = `subscription($id: ID!, $after: String) { messageAdded(threadId: $id, after: $after) {
		messageId seq cursor text
	} }`
	stateChanged = `subscription($id: ID!) { agentStateChanged(threadId: $id) { kind version agentState { threadId version context } } }`
)

// nextMessage takes a message from a subscription to messageAdded.
func nextMessage(tb testing.TB, stream *gqltest.Stream) message {
	tb.Helper()
	var got struct{ MessageAdded message }
	stream.Data(tb, &got)
	return got.MessageAdded
}

// nextMessages takes n of them.
func nextMessages(tb testing.TB, stream *gqltest.Stream, n int) []message {
	tb.Helper()
	messages := make([]message, n)
	for i := range messages {
		messages[i] = nextMessage(tb, stream)
	}
	return messages
}

// change is an AgentStateChange.
type change struct {
	Kind       string
	Version    int
	AgentState *thread
}

func nextChange(tb testing.TB, stream *gqltest.Stream) change {
	tb.Helper()
	var got struct{ AgentStateChanged change }
	stream.Data(tb, &got)
	return got.AgentStateChanged
}

// patient gives a context for what must end soon.
func patient(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), gqltest.Patience)
	tb.Cleanup(cancel)
	return ctx
}
