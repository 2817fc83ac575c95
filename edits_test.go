package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

const (
	updateMessage  = `mutation($input: UpdateMessageInput!) { updateMessage(input: $input) { message { messageId seq type text name status metadata } agentState { version } } }`
	messageChanged = `subscription($id: ID!, $after: String) { messageChanged(threadId: $id, after: $after) { kind messageId seq throughSeq version cursor message { text } } }`
	truncate       = `mutation($id: ID!, $seq: Int!) { truncateMessages(input: {threadId: $id, afterSeq: $seq}) { deletedCount agentState { version } } }`
	deleteMessage  = `mutation($id: ID!, $message: ID!) { deleteMessage(input: {threadId: $id, messageId: $message}) { deletedMessageId agentState { version messageCounts { total } } } }`
)

// messageChange is an event of messageChanged.
type messageChange struct {
	Kind, Cursor string
	MessageID    *string
	Seq, Version int
	ThroughSeq   *int
	Message      *message
}

func nextEdit(tb testing.TB, stream *gqltest.Stream) string {
	tb.Helper()
	var got struct{ MessageChanged messageChange }
	e := stream.Next(tb)
	require.Empty(tb, e.Errors)
	require.NoError(tb, json.Unmarshal(e.Data, &got))
	c := got.MessageChanged
	text := fmt.Sprint(c.Kind, " ", c.Seq)
	if c.MessageID != nil {
		text += " " + *c.MessageID
	}
	if c.ThroughSeq != nil {
		text += fmt.Sprint(" to ", *c.ThroughSeq)
	}
	if c.Message != nil {
		text += " " + c.Message.Text
	}
	return text
}

func TestUpdateMessage(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", object{"messageId": "m1", "type": "TOOL", "content": "x", "name": "n", "status": "ERROR", "metadata": object{"big": json.Number("12345678901234567890")}})
		var got struct {
			UpdateMessage struct{ Message json.RawMessage }
		}
		for _, c := range []struct{ change, want string }{
			{`{"content": "y"}`, `{"messageId":"m1","seq":1,"type":"TOOL","text":"y","name":"n","status":"ERROR","metadata":{"big":12345678901234567890}}`},
			{`{"name": null, "status": "SUCCESS"}`, `{"messageId":"m1","seq":1,"type":"TOOL","text":"y","name":null,"status":"SUCCESS","metadata":{"big":12345678901234567890}}`},
			{`{"metadata": null, "status": null}`, `{"messageId":"m1","seq":1,"type":"TOOL","text":"y","name":null,"status":null,"metadata":{}}`},
			{`{}`, `{"messageId":"m1","seq":1,"type":"TOOL","text":"y","name":null,"status":null,"metadata":{}}`},
		} {
			input := vars{"threadId": "a", "messageId": "m1"}
			require.NoError(t, json.Unmarshal([]byte(c.change), &input))
			s.Must(t, updateMessage, vars{"input": input}, &got)
			assert.Equal(t, c.want, string(got.UpdateMessage.Message), c.change)
		}
		assert.Equal(t, 4, read(t, s, "a", "version").Version, "what changes nothing is no change")
		before := dump(t, s)
		for name, f := range map[string]failure{
			"no thread":   {variables: vars{"threadId": "none", "messageId": "m1"}, code: "NOT_FOUND", extensions: vars{"threadId": "none"}},
			"no message":  {variables: vars{"threadId": "a", "messageId": "m9"}, code: "NOT_FOUND", extensions: vars{"threadId": "a", "messageId": "m9"}},
			"conflict":    {variables: vars{"threadId": "a", "messageId": "m1", "content": "z", "expectedVersion": 1}, code: "CONFLICT", extensions: vars{"threadId": "a", "currentVersion": 4}},
			"null":        {variables: vars{"threadId": "a", "messageId": "m1", "content": nil}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.content"}},
			"a number":    {variables: vars{"threadId": "a", "messageId": "m1", "content": 7}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.content"}},
			"an empty id": {variables: vars{"threadId": "a", "messageId": "m1", "toolCallId": ""}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.toolCallId"}},
			"too large": {
				variables: vars{"threadId": "a", "messageId": "m1", "content": strings.Repeat("x", 256<<10)}, code: "LIMIT_EXCEEDED",
				extensions: vars{"argument": "input", "limit": 256 << 10, "actual": 256<<10 + 2},
			},
		} {
			t.Log(name)
			f.document, f.path, f.variables = updateMessage, []any{"updateMessage"}, vars{"input": f.variables}
			f.check(t, s)
		}
		assert.Equal(t, before, dump(t, s))
	})
}

func TestDeleteAndTruncate(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		stored := create(t, s, "a", numbered(1, 9)...).Messages.Nodes
		s.Must(t, deleteMessage, vars{"id": "a", "message": "m4"}, nil)
		failure{
			document: deleteMessage, variables: vars{"id": "a", "message": "m4"}, code: "NOT_FOUND", path: []any{"deleteMessage"},
			extensions: vars{"threadId": "a", "messageId": "m4"},
		}.check(t, s)
		var cut struct{ TruncateMessages struct{ DeletedCount int } }
		s.Must(t, truncate, vars{"id": "a", "seq": 7}, &cut)
		assert.Equal(t, 2, cut.TruncateMessages.DeletedCount)
		version := read(t, s, "a", "version").Version
		s.Must(t, truncate, vars{"id": "a", "seq": 7}, &cut)
		assert.Equal(t, 0, cut.TruncateMessages.DeletedCount)
		assert.Equal(t, version, read(t, s, "a", "version").Version, "nothing was behind it")
		assert.Equal(t, 10, add(t, s, "a", human("m8"))[0].Seq, "numbers are never used again, ids may be")

		got := read(t, s, "a", "messageCounts { total human } messages(last: 50) { totalCount nodes { seq messageId } }")
		assert.Equal(t, []int{1, 2, 3, 5, 6, 7, 10}, seqs(got.Messages.Nodes))
		assert.Equal(t, [3]int{7, 7, 7}, [3]int{got.MessageCounts["total"], got.MessageCounts["human"], got.Messages.TotalCount})
		for _, c := range []struct {
			arguments string
			want      []int
		}{
			{fmt.Sprintf("first: 2, after: %q", stored[2].Cursor), []int{5, 6}},
			{fmt.Sprintf("first: 2, after: %q", stored[3].Cursor), []int{5, 6}}, // of the message that is gone
			{fmt.Sprintf("last: 2, before: %q", stored[4].Cursor), []int{2, 3}},
			{fmt.Sprintf("first: 5, after: %q", stored[8].Cursor), []int{10}},
		} {
			assert.Equal(t, c.want, seqs(read(t, s, "a", "messages("+c.arguments+") { nodes { seq } }").Messages.Nodes), c.arguments)
		}
		failure{
			document: truncate, variables: vars{"id": "a", "seq": -1}, code: "BAD_USER_INPUT", path: []any{"truncateMessages"},
			extensions: vars{"argument": "input.afterSeq"},
		}.check(t, s)
	})
}

func TestForkAgentState(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const fork = `mutation($input: ForkAgentStateInput!) { forkAgentState(input: $input) { agentState {
			threadId version context ttlSeconds metadata messages(last: 50) { nodes { messageId seq } } } } }`
		create(t, s, "a", numbered(1, 5)...)
		s.Must(t, `mutation { updateAgentState(input: {threadId: "a", context: "c", metadata: {k: 1}, ttlSeconds: 100}) { agentState { version } } }`, nil, nil)
		var got struct{ ForkAgentState struct{ AgentState thread } }
		s.Must(t, fork, vars{"input": vars{"threadId": "a", "upToSeq": 3}}, &got)
		made := got.ForkAgentState.AgentState
		assert.NotEqual(t, "a", made.ThreadID)
		assert.Equal(t, []int{1, 2, 3}, seqs(made.Messages.Nodes))
		assert.Equal(t, thread{ThreadID: made.ThreadID, Version: 1, Context: "c", TTLSeconds: 100, Metadata: json.RawMessage(`{"k":1}`), Messages: made.Messages}, made)
		for name, f := range map[string]failure{
			"in use":     {variables: vars{"threadId": "a", "newThreadId": "a"}, code: "ALREADY_EXISTS", extensions: vars{"threadId": "a"}},
			"none":       {variables: vars{"threadId": "none"}, code: "NOT_FOUND", extensions: vars{"threadId": "none"}},
			"beyond":     {variables: vars{"threadId": "a", "upToSeq": 6}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.upToSeq"}},
			"below":      {variables: vars{"threadId": "a", "upToSeq": -1}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.upToSeq"}},
			"ttl":        {variables: vars{"threadId": "a", "ttlSeconds": 0}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.ttlSeconds"}},
			"metadata":   {variables: vars{"threadId": "a", "metadata": 1}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.metadata"}},
			"another id": {variables: vars{"threadId": "a", "newThreadId": ""}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.newThreadId"}},
		} {
			t.Log(name)
			f.document, f.path, f.variables = fork, []any{"forkAgentState"}, vars{"input": f.variables}
			f.check(t, s)
		}
	})
}

func TestPendingToolCalls(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		call := func(ids ...string) object {
			calls := make([]object, len(ids))
			for i, id := range ids {
				calls[i] = object{"id": id, "name": "search", "args": object{"q": id}}
			}
			return object{"messageId": "of " + strings.Join(ids, " "), "type": "AI", "content": "", "toolCalls": calls}
		}
		create(t, s, "a", human("q"), call("c1", "c2"), object{"type": "TOOL", "content": "done", "toolCallId": "c1"}, human("r"))
		create(t, s, "b", human("q"))
		var got struct {
			AgentStates struct{ Nodes []json.RawMessage }
		}
		s.Must(t, `{ agentStates { nodes { threadId pendingToolCalls { id name args messageId seq } } } }`, nil, &got)
		assert.Equal(t, `{"threadId":"b","pendingToolCalls":[]}`, string(got.AgentStates.Nodes[0]))
		assert.Equal(t, `{"threadId":"a","pendingToolCalls":[{"id":"c2","name":"search","args":{"q":"c2"},"messageId":"of c1 c2","seq":2}]}`, string(got.AgentStates.Nodes[1]))
		for arguments, want := range map[string][]int{
			"last: 1, wholeToolCalls: true": {4}, "last: 2, wholeToolCalls: true": {2, 3, 4}, "last: 2": {3, 4}, "first: 2, wholeToolCalls: true": {1, 2, 3},
		} {
			assert.Equal(t, want, seqs(read(t, s, "a", "messages("+arguments+") { nodes { seq } }").Messages.Nodes), arguments)
		}
		failure{
			document: `{ agentState(threadId: "a") { messages(types: [AI], wholeToolCalls: true) { totalCount } } }`, code: "BAD_USER_INPUT",
			path: []any{"agentState", "messages"}, extensions: vars{"argument": "wholeToolCalls"},
		}.check(t, s)
	})
}

func TestMessageChanged(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		begin := create(t, s, id, numbered(1, 5)...).ChangeCursor
		change := func(message, text string) {
			s.Must(t, updateMessage, vars{"input": vars{"threadId": id, "messageId": message, "content": text}}, nil)
		}
		change("m1", "one") // ahead of the subscription, and behind the cursor
		stream := transport.Subscribe(t, s.Client, messageChanged, vars{"id": id, "after": begin})
		assert.Equal(t, "UPDATED 1 m1 one", nextEdit(t, stream))
		change("m2", "two")
		s.Must(t, deleteMessage, vars{"id": id, "message": "m3"}, nil)
		add(t, s, id, human("m6")) // is none
		s.Must(t, truncate, vars{"id": id, "seq": 4}, nil)
		for _, want := range []string{"UPDATED 2 m2 two", "DELETED 3 m3", "TRUNCATED 4 to 6"} {
			assert.Equal(t, want, nextEdit(t, stream))
		}
		// A listener that comes back goes on where it was, and one of messages gets what is left.
		behind := read(t, s, id, "changeCursor").ChangeCursor
		change("m4", "four")
		again := transport.Subscribe(t, s.Client, messageChanged, vars{"id": id, "after": behind})
		assert.Equal(t, "UPDATED 4 m4 four", nextEdit(t, again))
		first := read(t, s, id, "messages(first: 1) { nodes { cursor } }").Messages.Nodes[0].Cursor
		messages := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": first})
		add(t, s, id, human("m7"))
		assert.Equal(t, []int{2, 4, 7}, seqs(nextMessages(t, messages, 3)))

		for after, code := range map[string]string{first: "BAD_USER_INPUT", "": "BAD_USER_INPUT"} {
			e := transport.Subscribe(t, s.Client, messageChanged, vars{"id": id, "after": after}).Next(t)
			require.Len(t, e.Errors, 1)
			assert.Equal(t, code, e.Errors[0].Code())
		}
		for range 101 { // ten at a time would need another mutation: each of these is one change of the thousand that are kept
			for i := range 10 {
				change("m4", fmt.Sprint(i))
			}
		}
		e := transport.Subscribe(t, s.Client, messageChanged, vars{"id": id, "after": begin}).Next(t)
		require.Len(t, e.Errors, 1)
		assert.Equal(t, "CURSOR_EXPIRED", e.Errors[0].Code())
		newest, _ := e.Errors[0].Extensions["newestCursor"].(string)
		resumed := transport.Subscribe(t, s.Client, messageChanged, vars{"id": id, "after": newest})
		change("m4", "last")
		assert.Equal(t, "UPDATED 4 m4 last", nextEdit(t, resumed))
		drop(t, s, id)
		assert.True(t, resumed.Next(t).Complete)
	})
}
