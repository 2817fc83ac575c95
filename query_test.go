package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAbsentThreadIsNull: a query gives null where a mutation gives NOT_FOUND.
func TestAbsentThreadIsNull(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "there")
		var got json.RawMessage
		s.Must(t, `{
			agentState(threadId: "a") { version } agentStateExists(threadId: "a") agentStateTtl(threadId: "a") { ttlSeconds }
			noThread: message(threadId: "a", messageId: "m") { seq } noMessage: message(threadId: "there", messageId: "m") { seq }
			exists: agentStateExists(threadId: "there")
		}`, nil, &got)
		assert.JSONEq(t, `{
			"agentState": null, "agentStateExists": false, "agentStateTtl": null, "noThread": null, "noMessage": null, "exists": true
		}`, string(got))
	})
}

// TestMessageFields writes a message with everything, and reads it back by its id as it was given.
func TestMessageFields(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", fullMessage, object{"messageId": "bare", "type": "AI", "content": ""})
		const query = `query($m: ID!) { message(threadId: "a", messageId: $m) {
			threadId messageId seq type content text name toolCalls { id name args } toolCallId status metadata responseMetadata
			usage { inputTokens outputTokens totalTokens } timestamp
		} }`
		var got struct{ Message json.RawMessage }
		s.Must(t, query, vars{"m": "m1"}, &got)
		assert.JSONEq(t, `{
			"threadId": "a", "messageId": "m1", "seq": 1, "type": "TOOL", "content": ["a", {"type": "text", "text": "b"}], "text": "ab",
			"name": "n", "toolCalls": [{"id": "c1", "name": "search", "args": {"q": 1}}, {"id": null, "name": "idless", "args": [null, []]}],
			"toolCallId": "c0", "status": "SUCCESS", "metadata": {"k": 1}, "responseMetadata": {"r": true},
			"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "timestamp": "2024-02-29T22:59:59.123456Z"
		}`, string(got.Message), "the time in UTC, cut to microseconds")

		s.Must(t, query, vars{"m": "bare"}, &got)
		var bare map[string]any
		require.NoError(t, json.Unmarshal(got.Message, &bare))
		arrived := bare["timestamp"]
		delete(bare, "timestamp")
		assert.Equal(t, map[string]any{
			"threadId": "a", "messageId": "bare", "seq": 2.0, "type": "AI", "content": "", "text": "", "name": nil, "toolCalls": []any{},
			"toolCallId": nil, "status": nil, "metadata": map[string]any{}, "responseMetadata": map[string]any{}, "usage": nil,
		}, bare)
		assert.Equal(t, read(t, s, "a", `createdAt`).CreatedAt.Format("2006-01-02T15:04:05.000000Z"), arrived, "the time of its arrival")
	})
}

func exists(tb testing.TB, s *server, id string) bool {
	tb.Helper()
	var got struct{ AgentStateExists bool }
	s.Must(tb, `query($id: ID!) { agentStateExists(threadId: $id) }`, vars{"id": id}, &got)
	return got.AgentStateExists
}

// TestTextOfContent reads the text of contents in all their forms.
func TestTextOfContent(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for content, want := range map[string]string{
			`"plain"`:   "plain",
			`[]`:        "",
			`["a","b"]`: "ab",
			`[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"b"}]`: "ab",
			`[{"text":"no type"},{"type":"reasoning","text":"hidden"},{"type":"text","text":5}]`:                   "no type",
		} {
			var got struct{ AddMessage struct{ Message message } }
			s.Must(t, `mutation($c: JSON!) { addMessage(input: {threadId: "a", message: {type: AI, content: $c}}) { message { text content } } }`,
				vars{"c": json.RawMessage(content)}, &got)
			assert.Equal(t, want, got.AddMessage.Message.Text, content)
			same(t, content, string(got.AddMessage.Message.Content))
		}
	})
}

// TestQueriesByGET: queries may come by GET, mutations may not.
func TestQueriesByGET(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a b")
	got := s.Send(t, "GET", `/graphql?query=query($id:ID!){agentStateExists(threadId:$id)}&variables={"id":"a%20b"}`, "")
	assert.Equal(t, 200, got.Status)
	assert.JSONEq(t, `{"data": {"agentStateExists": true}}`, got.Body)
	got = s.Send(t, "GET", `/graphql?query=mutation{deleteAgentState(input:{threadId:"a%20b"}){deletedThreadId}}`, "")
	assert.Equal(t, 405, got.Status)
	assert.True(t, exists(t, s, "a b"))
}
