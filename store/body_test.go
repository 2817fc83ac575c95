package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bodies are messages with everything that a body can hold.
func bodies() []*Message {
	text := func(s string) *string { return &s }
	failed := Failure
	return []*Message{
		{MessageID: "a", Type: Human, Content: json.RawMessage(`"plain"`)},
		{MessageID: "\"\\", Type: AI, Content: json.RawMessage(`"\"}],{\\"`), Name: text("a \"name\"\n\\"), Metadata: json.RawMessage(`{"a":{"b":[1,"]}",{}]},"\"":"\\\\"}`)},
		{MessageID: "é", Type: Tool, Content: json.RawMessage(`[{"type":"text","text":"[{"},[],"x",1.50,null,true]`), ToolCallID: text(""), Status: &failed},
		{
			MessageID: "c", Type: AI, Content: json.RawMessage(`12345678901234567890`), ResponseMetadata: json.RawMessage(`{}`),
			ToolCalls: []MessageToolCall{{ID: text("1"), Name: "f", Args: json.RawMessage(`{"a":[1]}`)}, {Name: "\"", Args: json.RawMessage(`"{"`)}, {ID: text(`\`), Args: json.RawMessage(`null`)}},
			Usage:     &Usage{InputTokens: 1, OutputTokens: -2, TotalTokens: 1 << 30},
			Timestamp: time.Date(2024, 1, 1, 1, 0, 0, 123456000, time.FixedZone("", 3600)),
		},
		{MessageID: "d", Type: Other, Content: json.RawMessage(`null`), ToolCalls: []MessageToolCall{{}}, Usage: &Usage{}},
	}
}

func TestABodyIsScanned(t *testing.T) {
	t.Parallel()
	for _, m := range bodies() {
		body, err := encodeBody(m)
		require.NoError(t, err)
		var scanned, decoded Message
		assert.True(t, scanBody([]byte(body), &scanned), body)
		require.NoError(t, json.Unmarshal([]byte(body), &decoded))
		decoded.MessageID, decoded.Type = "", "" // those of the element's head count
		assert.Equal(t, decoded, scanned, body)
	}
}

func TestABodyThatIsScannedLosesNothingToItsNeighbours(t *testing.T) {
	t.Parallel()
	var m Message
	require.NoError(t, decodeBody(`{"content":"a","additional_kwargs":{"b":1}}`, &m))
	m.Content = append(m.Content, "xxxxxxxx"...)
	assert.Equal(t, `{"b":1}`, string(m.Metadata))
}

func TestAnyOtherJSONIsDecoded(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Message{
		`{ "content" : "a" }`:                         {Content: json.RawMessage(`"a"`)},
		`{"content":"a","more":[1]}`:                  {Content: json.RawMessage(`"a"`)},
		`{"\u0063ontent":"a"}`:                        {Content: json.RawMessage(`"a"`)},
		`{"content":"a","name":null}`:                 {Content: json.RawMessage(`"a"`)},
		`{"name":"a","usage_metadata":null}`:          {Name: new("a")},
		`{"tool_calls":[{"name":"a","type":"call"}]}`: {ToolCalls: []MessageToolCall{{Name: "a"}}},
	} {
		var m Message
		require.NoError(t, decodeBody(body, &m), body)
		assert.Equal(t, want, m, body)
	}
	for _, body := range []string{``, `{`, `[]`, `"`, `{"content":"a"`, `{"content":"a"}}`, `{"content":"a",}`, `{"name":"\x"}`, `{"content":[}`, `{"timestamp":"yesterday"}`} {
		var m Message
		require.Error(t, decodeBody(body, &m), body)
	}
}

// What is scanned is what would have been decoded.
func FuzzBody(f *testing.F) {
	for _, m := range bodies() {
		body, err := encodeBody(m)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var scanned, decoded Message
		if !scanBody([]byte(body), &scanned) || json.Unmarshal([]byte(body), &decoded) != nil {
			return
		}
		again, err := encodeBody(&scanned)
		require.NoError(t, err, "parts of JSON are JSON")
		decoded.MessageID, decoded.Type = "", ""
		want, err := encodeBody(&decoded)
		require.NoError(t, err)
		require.JSONEq(t, want, again)
	})
}
