package rest

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

func TestWholeNumber(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "-5": -5, "3600.0": 3600, "3600.000": 3600, "3.6e3": 3600, "1E2": 100, "+7": 7,
		"99999999999999999999": math.MaxInt,
	} {
		n, ok := wholeNumber(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, n, text)
	}
	padded, ok := wholeNumber(" 3600 ")
	assert.True(t, ok)
	assert.Equal(t, 3600, padded)
	for _, text := range []string{"", " ", "x", "1.5", "1.", ".0", "0x10", "1_000", "NaN", "inf", "1e999", "1.5e0", "1e-1", "--1"} {
		_, ok := wholeNumber(text)
		assert.False(t, ok, text)
	}
}

func TestSameJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1.10}`, `{"a":1.1}`, true},
		{`{"a":1,"b":[{}]}`, `{"b":[{}],"a":1.0}`, true},
		{`{"big":12345678901234567890}`, `{"big":12345678901234567000}`, true}, // what JavaScript makes of it
		{``, `{}`, true},
		{`{}`, ``, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":null}`, `{}`, false},
		{`{"a":"1"}`, `{"a":1}`, false},
		{`[1,2]`, `[2,1]`, false},
	} {
		assert.Equal(t, c.same, sameJSON(json.RawMessage(c.a), json.RawMessage(c.b)), "%s %s", c.a, c.b)
	}
}

func TestTimestamps(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T14:03:07.123456+00:00": "2026-11-22T14:03:07.123456Z", "2026-11-22T14:03:07Z": "2026-11-22T14:03:07Z",
		"2026-11-22T16:03:07.5+02:00": "2026-11-22T14:03:07.5Z", "2026-11-22T14:03:07.123456": "2026-11-22T14:03:07.123456Z",
		"2026-11-22 14:03:07": "2026-11-22T14:03:07Z", "2026-11-22t14:03z": "2026-11-22T14:03:00Z", "2026-11-22T14:03:07.123456789Z": "2026-11-22T14:03:07.123456Z",
	} {
		var f form
		got := f.asTime(at("body"), quoted(text))
		require.NoError(t, f.err(), text)
		assert.Equal(t, want, got.Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{"", "today", "2026-11-22", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z"} {
		var f form
		f.asTime(at("body"), quoted(text))
		assert.Error(t, f.err(), text)
	}
}

// FuzzBody sends anything as a body: it is an object or one problem with a place and a type, and never a panic. What is taken for an
// object is JSON by everybody's reading.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"message_type":"human","content":"x","metadata":{"a":[1.10,null]}}`, `{"a":1,"a":2}`, `[1]`, `{"a":NaN}`, ``, ` `, `{} {}`,
		"{\"\xff\":1}", `{"a":"\ud800"}`, strings.Repeat("[", 200), `{"plan":[{"plan_id":"p","subtasks":["s"]}],"tool_calls":[{"tool_id":"t","tool":"x"}]}`,
		`{"messages":[{"message_type":"mine","content":"","timestamp":"2020-01-01T00:00:00"}],"ttl_seconds":"5","relevant":"yes"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		object, wrong := parseObject(text)
		if wrong != nil {
			assert.NotEmpty(t, wrong.Loc)
			assert.NotEmpty(t, wrong.Type)
			assert.NotEmpty(t, wrong.Msg)
			assert.Nil(t, object)
			return
		}
		require.True(t, json.Valid(text))
		c := &call{r: httptest.NewRequest(http.MethodPut, "/", nil)}
		c.Limits.MessageBytes, c.Limits.ContextBytes = 1000, 1000
		d := c.document(object)
		m := c.message(at("body"), object)
		if c.err() != nil {
			for _, p := range c.problems {
				assert.NotEmpty(t, p.Msg)
				assert.Equal(t, "body", p.Loc[0])
			}
			return
		}
		for _, m := range append(d.messages, m) { // what goes into the store comes out the same
			s := m.stored(func() string { return "new" })
			assert.True(t, json.Valid(s.Content))
			assert.True(t, s.Metadata == nil || s.Metadata[0] == '{' && json.Valid(s.Metadata))
			assert.True(t, m.is(s))
			var a answer
			if s.Metadata == nil {
				s.Metadata = json.RawMessage("{}")
			}
			a.message(s)
			var back struct {
				Kind    string `json:"message_type"`
				Content string `json:"content"`
			}
			require.NoError(t, json.Unmarshal(a.buf, &back), string(a.buf))
			assert.Equal(t, m.kind, back.Kind)
			assert.Equal(t, m.content, back.Content)
		}
	})
}

// A message keeps the word that it came with, whichever it is.
func TestKindOf(t *testing.T) {
	for _, kind := range []string{"human", "ai", "system", "tool", "function", "chat", "other", "Human", "message_type", `"`} {
		s := message{kind: kind}.stored(func() string { return "id" })
		assert.Equal(t, kind, kindOf(s))
		assert.Equal(t, typeOf[kind] == "", s.ResponseMetadata != nil, kind)
	}
	for _, foreign := range []string{`{}`, `{"message_type":5}`, `{"message_type":null}`, `{"x":"message_type"}`, `{"message_type":""}`, `{"message_type":"a\nb"}`} {
		assert.Equal(t, "other", kindOf(&store.Message{Type: store.Other, ResponseMetadata: json.RawMessage(foreign)}), foreign)
	}
}
