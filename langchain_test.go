package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const addLangChain = `mutation($input: AddLangChainMessagesInput!) { addLangChainMessages(input: $input) {
	messages { messageId seq type text toolCalls { id name args } } duplicates agentState { version }
} }`

// addForms adds messages in forms of LangChain.
func addForms(tb testing.TB, s *server, id, reducer string, messages ...string) (stored []message, duplicates int) {
	tb.Helper()
	raw := make([]json.RawMessage, len(messages))
	for i, m := range messages {
		raw[i] = json.RawMessage(m)
	}
	var got struct {
		AddLangChainMessages struct {
			Messages   []message
			Duplicates int
		}
	}
	s.Must(tb, addLangChain, vars{"input": vars{"threadId": id, "messages": raw, "createIfMissing": true, "reducer": reducer}}, &got)
	return got.AddLangChainMessages.Messages, got.AddLangChainMessages.Duplicates
}

// inForm reads messages in a form.
func inForm(tb testing.TB, s *server, id, format string) []json.RawMessage {
	tb.Helper()
	var got struct {
		AgentState struct{ LangChainMessages []json.RawMessage }
	}
	s.Must(tb, fmt.Sprintf(`query($id: ID!) { agentState(threadId: $id) { langChainMessages(format: %s, last: 1000) } }`, format), vars{"id": id}, &got)
	return got.AgentState.LangChainMessages
}

func texts(raw []json.RawMessage) []string {
	all := make([]string, len(raw))
	for i, r := range raw {
		all[i] = string(r)
	}
	return all
}

func TestLangChainMessages(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		python := `{"data":{"additional_kwargs":{},"big":12345678901234567890,"content":"hi","id":"p1","name":null,"response_metadata":{},"type":"human","x":0.12345678901234567},"type":"human"}`
		openAI := `{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{ \"q\": 1 }","name":"s"},"id":"c1","type":"function"}]}`
		unknown := `{"data":{"what":[null]},"type":"event"}`
		withID := `{"content":null,"id":"o1","role":"assistant","tool_calls":[{"function":{"arguments":"{ \"q\": 1 }","name":"s"},"id":"c1","type":"function"}]}`
		addForms(t, s, "ids", "APPEND", withID)
		assert.Equal(t, []string{withID}, texts(inForm(t, s, "ids", "OPENAI")))
		stored, _ := addForms(t, s, "a", "APPEND", python, openAI, unknown)
		assert.Equal(t, "HUMAN AI OTHER", fmt.Sprint(stored[0].Type, " ", stored[1].Type, " ", stored[2].Type))
		again, duplicates := addForms(t, s, "a", "APPEND", python)
		assert.Equal(t, 1, duplicates)
		assert.Equal(t, stored[:1], again)

		var page struct {
			AgentState struct{ P, J, O, F []json.RawMessage }
		}
		s.Must(t, `query($c: String) { agentState(threadId: "a") {
			p: langChainMessages(format: PYTHON, first: 1) j: langChainMessages(format: JAVASCRIPT, last: 1) o: langChainMessages(format: OPENAI, first: 1, after: $c)
		} }`, vars{"c": read(t, s, "a", "messages(first: 1) { nodes { cursor } }").Messages.Nodes[0].Cursor}, &page)
		assert.Equal(t, []string{python, unknown, openAI}, texts(append(append(page.AgentState.P, page.AgentState.J...), page.AgentState.O...)))
		failure{
			document: `{ agentState(threadId: "a") { langChainMessages(format: OPENAI) } }`, code: "BAD_USER_INPUT", path: []any{"agentState", "langChainMessages"},
			extensions: vars{"argument": "format", "threadId": "a", "messageId": "p1"},
		}.check(t, s)

		// What is changed comes changed, and the rest of it as it was.
		s.Must(t, updateMessage, vars{"input": vars{"threadId": "a", "messageId": "p1", "content": "new"}}, nil)
		var first struct {
			AgentState struct{ P []json.RawMessage }
		}
		s.Must(t, `{ agentState(threadId: "a") { p: langChainMessages(format: PYTHON, first: 1) } }`, nil, &first)
		assert.JSONEq(t, `{"data":{"additional_kwargs":{},"content":"new","big":12345678901234567890,"id":"p1","name":null,"response_metadata":{},"type":"human","x":0.12345678901234567},"type":"human"}`, string(first.AgentState.P[0]))

		// What would be lost by a change, or make the message unreadable, is refused.
		addForms(t, s, "a", "APPEND", `{"type":"tool","content":"x","tool_call_id":"c1","id":"t1"}`,
			`{"role":"assistant","content":null,"id":"c1","tool_calls":[{"id":"c","type":"custom","custom":{"name":"s","input":"x"}}]}`)
		for argument, change := range map[string]vars{
			"input.toolCallId": {"threadId": "a", "messageId": "t1", "toolCallId": nil},
			"input":            {"threadId": "a", "messageId": "c1", "metadata": vars{"a": 1}},
		} {
			_, errs, _ := s.Do(patient(t), updateMessage, vars{"input": change})
			require.Len(t, errs, 1, argument)
			assert.Equal(t, "BAD_USER_INPUT", errs[0].Code(), errs[0].Message)
			assert.Equal(t, argument, errs[0].Extensions["argument"], errs[0].Message)
		}

		// The limit is of what is sent, however much of it is kept twice.
		large := fmt.Sprintf(`{"role":"assistant","content":null,"id":"large","tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{ \"q\": \"%s\" }"}}]}`, strings.Repeat("x", 200<<10))
		addForms(t, s, "large", "APPEND", large)
		assert.JSONEq(t, large, texts(inForm(t, s, "large", "OPENAI"))[0])
		s.Must(t, updateMessage, vars{"input": vars{"threadId": "large", "messageId": "large", "content": "new"}}, nil)

		before := dump(t, s)
		for place, bad := range map[string]string{
			"messages[1].tool_calls[0].args":               `{"type":"ai","content":"","tool_calls":[{"name":"s","id":"c"}]}`,
			"messages[1].data.content":                     `{"type":"human","data":{"content":7}}`,
			"messages[1]":                                  `"hello"`,
			"messages[1].tool_call_id":                     `{"role":"tool","content":""}`,
			"messages[1].tool_calls[0].function.arguments": `{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"s"}}]}`,
		} {
			_, errs, _ := s.Do(patient(t), addLangChain, vars{"input": vars{"threadId": "a", "messages": []json.RawMessage{json.RawMessage(python), json.RawMessage(bad)}}})
			require.Len(t, errs, 1, bad)
			assert.Equal(t, "BAD_USER_INPUT", errs[0].Code())
			assert.Equal(t, "input."+place, errs[0].Extensions["argument"])
			assert.Contains(t, errs[0].Message, place)
		}
		assert.Equal(t, before, dump(t, s), "nothing was stored")
	})
}

func TestAddMessagesReducer(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		say := func(id, text string) string { return fmt.Sprintf(`{"type":"human","content":%q,"id":%q}`, text, id) }
		remove := func(id string) string { return fmt.Sprintf(`{"type":"remove","content":"","id":%q}`, id) }
		all := func() string {
			text := ""
			for _, m := range read(t, s, "a", "messages(last: 100) { nodes { seq messageId text } }").Messages.Nodes {
				text += fmt.Sprint(m.Seq, " ", m.MessageID, " ", m.Text, "; ")
			}
			return text
		}
		addForms(t, s, "a", "ADD_MESSAGES", say("a", "1"), say("b", "2"), say("c", "3"))
		_, same := addForms(t, s, "a", "ADD_MESSAGES", say("b", "new"), say("c", "3"), say("d", "4"))
		assert.Equal(t, "1 a 1; 2 b new; 3 c 3; 4 d 4; ", all())
		assert.Equal(t, 1, same)
		version := read(t, s, "a", "version").Version
		stored, same := addForms(t, s, "a", "ADD_MESSAGES", say("b", "new"), say("d", "4"))
		assert.Equal(t, []int{2, 4}, seqs(stored))
		assert.Equal(t, 2, same)
		assert.Equal(t, version, read(t, s, "a", "version").Version)
		addForms(t, s, "a", "ADD_MESSAGES", remove("a"), say("e", "5"), remove("e"), remove("b"), say("b", "back"))
		assert.Equal(t, "2 b back; 3 c 3; 4 d 4; ", all())
		for _, f := range []failure{
			{variables: vars{"threadId": "a", "messages": []json.RawMessage{json.RawMessage(say("z", "x")), json.RawMessage(remove("a"))}, "reducer": "ADD_MESSAGES"}, code: "NOT_FOUND", extensions: vars{"threadId": "a", "messageId": "a"}},
			{variables: vars{"threadId": "a", "messages": []json.RawMessage{json.RawMessage(remove("b"))}}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.messages[0]"}},
			{variables: vars{"threadId": "a", "messages": []json.RawMessage{}}, code: "BAD_USER_INPUT", extensions: vars{"argument": "input.messages"}},
			{variables: vars{"threadId": "none", "messages": []json.RawMessage{json.RawMessage(say("a", "x"))}, "reducer": "ADD_MESSAGES"}, code: "NOT_FOUND", extensions: vars{"threadId": "none"}},
		} {
			f.document, f.path, f.variables = addLangChain, []any{"addLangChainMessages"}, vars{"input": f.variables}
			f.check(t, s)
		}
		addForms(t, s, "a", "ADD_MESSAGES", say("lost", "x"), remove("__remove_all__"), say("b", "anew"), say("f", "6"))
		assert.Equal(t, "5 b anew; 6 f 6; ", all())
	})
}

// TestConversations takes real conversations there and back, in every form that can say them; and REST takes back what it gives of them.
func TestConversations(t *testing.T) {
	const file = "../shared/data/conversations.ndjson"
	f, err := os.Open(file)
	if err != nil {
		t.Skip("there are no real conversations beside this project:", err)
	}
	defer f.Close()
	s := start(t, at(sharedRedis(t).Addr())...)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8<<20)
	conversations := 0
	for lines.Scan() {
		var c struct {
			ThreadID string            `json:"thread_id"`
			Messages []json.RawMessage `json:"messages"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		addForms(t, s, c.ThreadID, "APPEND", texts(c.Messages)...)
		sameMessages(t, c.Messages, inForm(t, s, c.ThreadID, "OPENAI"))
		for _, form := range []string{"PYTHON", "JAVASCRIPT", "FLAT"} {
			told := inForm(t, s, c.ThreadID, form)
			id := c.ThreadID + " " + form
			addForms(t, s, id, "ADD_MESSAGES", texts(told)...)
			sameMessages(t, told, inForm(t, s, id, form))
			require.Len(t, inForm(t, s, id, "OPENAI"), len(c.Messages))
		}
		s.restState(t, "PUT", of(c.ThreadID), s.rest(t, "GET", of(c.ThreadID), nil).Body)
		sameMessages(t, c.Messages, inForm(t, s, c.ThreadID, "OPENAI"))
		conversations++
	}
	require.NoError(t, lines.Err())
	assert.Equal(t, 60, conversations)
}

// sameMessages compares messages as JSON values.
func sameMessages(tb testing.TB, want, got []json.RawMessage) {
	tb.Helper()
	require.Len(tb, got, len(want))
	for i := range want {
		require.JSONEq(tb, string(want[i]), string(got[i]))
	}
}
