package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asking is an AI message that asks for tool calls, and answering a TOOL message.
func asking(id string, calls ...string) *Message {
	m := speak(AI, id, "")
	for _, c := range calls {
		args, _ := json.Marshal(map[string]string{"of": c}) // texts always can be encoded
		m.ToolCalls = append(m.ToolCalls, MessageToolCall{ID: &c, Name: "tool", Args: args})
	}
	return m
}

func answering(id, call string) *Message {
	m := speak(Tool, id, "done")
	m.ToolCallID = &call
	return m
}

func TestPendingToolCalls(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		trap := answering("trap", "c2")
		trap.Content = json.RawMessage(`[{"type":"x","tool_call_id":"c9","tool_calls":[]}]`)
		noID := asking("a0")
		noID.ToolCalls = []MessageToolCall{{Name: "tool", Args: json.RawMessage("{}")}}
		for name, c := range map[string]struct {
			messages []*Message
			want     []string
		}{
			"none":                 {numbered(1, 3), nil},
			"one":                  {[]*Message{asking("a1", "c1")}, []string{"c1 of a1"}},
			"answered":             {[]*Message{asking("a1", "c1"), answering("t1", "c1")}, nil},
			"some of them":         {[]*Message{asking("a1", "c1", "c2", "c3"), answering("t1", "c2")}, []string{"c1 of a1", "c3 of a1"}},
			"of two":               {[]*Message{asking("a1", "c1"), say("h", "x"), asking("a2", "c2")}, []string{"c1 of a1", "c2 of a2"}},
			"asked again":          {[]*Message{asking("a1", "c1"), answering("t1", "c1"), asking("a2", "c1")}, []string{"c1 of a2"}},
			"an id within":         {[]*Message{asking("a1", "c2", "c9"), trap}, []string{"c9 of a1"}},
			"without id":           {[]*Message{noID}, nil},
			"an odd id":            {[]*Message{asking("a1", `"\é`), answering("t1", `"\é`), asking("a2", "c2")}, []string{"c2 of a2"}},
			"a text that looks so": {[]*Message{say("h", `"tool_calls":[`), speak(AI, "a", `"tool_calls":[{"id":"c1"}]`)}, nil},
			"answer ahead of it":   {[]*Message{answering("t1", "c1"), asking("a1", "c1")}, []string{"c1 of a1"}},
		} {
			mustCreate(t, th, name, c.messages...)
			state, err := th.Get(t.Context(), name, Read{PendingToolCalls: true})
			require.NoError(t, err, name)
			var got []string
			for _, p := range state.PendingToolCalls {
				got = append(got, p.ID+" of "+p.MessageID)
				assert.Equal(t, asking("", p.ID).ToolCalls[0].Args, p.Args, name)
			}
			assert.Equal(t, c.want, got, name)
		}
		mustEdit(t, th, "answered", Remove("t1"))
		states, err := th.GetMany(t.Context(), []string{"answered", "none", "one"}, Read{PendingToolCalls: true})
		require.NoError(t, err)
		assert.Equal(t, [3]int{1, 0, 1}, [3]int{len(states[0].PendingToolCalls), len(states[1].PendingToolCalls), len(states[2].PendingToolCalls)})
	})
}

// A call is looked for among messages; how many places between them are empty does not matter.
func TestPendingBehindManyMessages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for name, c := range map[string]struct {
			behind int // how many messages come behind the call
			change []Step
			want   int
		}{
			"just among them":   {pendingMessages - 1, nil, 1},
			"too far":           {pendingMessages, nil, 0},
			"of those few left": {pendingMessages + 200, []Step{TruncateAfter(11)}, 1},
			"one went":          {pendingMessages, []Step{Remove("m7")}, 1},
			"all went":          {pendingMessages + 200, []Step{TruncateAfter(1)}, 1},
			"the call too":      {3, []Step{TruncateAfter(0)}, 0},
		} {
			mustCreate(t, th, name, asking("a1", "c1"))
			for from := 1; from <= c.behind; from += 400 {
				mustAppend(t, th, name, numbered(from, min(400, c.behind-from+1))...)
			}
			if c.change != nil {
				mustEdit(t, th, name, c.change...)
			}
			state, err := th.Get(t.Context(), name, Read{PendingToolCalls: true})
			require.NoError(t, err, name)
			assert.Len(t, state.PendingToolCalls, c.want, name)
		}
	})
}

func TestWholeToolCalls(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		//             1           2                      3                      4                      5           6                 7                      8
		mustCreate(t, th, "one", say("h1", "x"), asking("a1", "c1", "c2"), answering("t1", "c1"), answering("t2", "c2"), say("h2", "x"), asking("a2", "c3"), answering("t3", "c3"), speak(AI, "a3", "x"))
		for _, c := range []struct {
			r    Range
			want string
			more bool
		}{
			{Range{Last: 1}, "a3", true},
			{Range{Last: 2}, "a2 t3 a3", true},
			{Range{Last: 3}, "a2 t3 a3", true},
			{Range{Last: 4}, "h2 a2 t3 a3", true},
			{Range{Last: 5}, "a1 t1 t2 h2 a2 t3 a3", true},
			{Range{Last: 6}, "a1 t1 t2 h2 a2 t3 a3", true},
			{Range{Last: 8}, "h1 a1 t1 t2 h2 a2 t3 a3", false},
			{Range{First: 1}, "h1", true},
			{Range{First: 2}, "h1 a1 t1 t2", true},
			{Range{First: 3}, "h1 a1 t1 t2", true},
			{Range{First: 6}, "h1 a1 t1 t2 h2 a2 t3", true},
			{Range{First: 8}, "h1 a1 t1 t2 h2 a2 t3 a3", false},
		} {
			key := MessagesOf(c.r, nil)
			key.Whole = true
			state, err := th.Get(t.Context(), "one", Read{Pages: []PageKey{key}})
			require.NoError(t, err)
			page := state.Pages[key]
			assert.Equal(t, c.want, strings.Join(messageIDs(page.Messages), " "), "%+v", c.r)
			assert.Equal(t, c.more, page.HasNext || page.HasPrev, "%+v", c.r)
		}
		// Far apart, with others between; and what has no counterpart makes no page longer.
		messages := []*Message{answering("stray", "none"), asking("a1", "c1", "lost")}
		messages = append(messages, numbered(1, 300)...)
		mustCreate(t, th, "two", append(messages, answering("t1", "c1"))...)
		for r, want := range map[Range]int{{Last: 1}: 302, {Last: 302}: 302, {First: 1}: 1, {First: 2}: 303, {First: 300}: 303} {
			key := MessagesOf(r, nil)
			key.Whole = true
			state, err := th.Get(t.Context(), "two", Read{Pages: []PageKey{key}})
			require.NoError(t, err)
			assert.Len(t, state.Pages[key].Messages, want, fmt.Sprint(r))
		}
	})
}
