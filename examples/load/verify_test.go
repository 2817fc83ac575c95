package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const verified = `{"thread_id":"a","form":"openai","messages":[
	{"role":"user","content":"zero"},
	{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"n\":9007199254740993,\"x\":1.50}"}}]},
	{"role":"tool","tool_call_id":"c","content":"two"},
	{"role":"assistant","content":"three","refusal":null},
	{"role":"user","content":"four","name":"Noor"}]}`

func TestVerify(t *testing.T) {
	args := func(args string) func(ms []map[string]any) []map[string]any {
		return func(ms []map[string]any) []map[string]any {
			ms[1]["toolCalls"] = []any{map[string]any{"id": "c", "name": "f", "args": json.RawMessage(args)}}
			return ms
		}
	}
	set := func(i int, field string, value any) func(ms []map[string]any) []map[string]any {
		return func(ms []map[string]any) []map[string]any {
			ms[i][field] = value
			return ms
		}
	}
	for name, tc := range map[string]struct {
		tamper func(ms []map[string]any) []map[string]any
		want   []string
	}{
		"equal":             {func(ms []map[string]any) []map[string]any { return ms }, nil},
		"keys in any order": {args(`{"x": 1.50, "n": 9007199254740993}`), nil},

		"a rounded integer": {args(`{"n":9007199254740992,"x":1.50}`), []string{`"a-1": sent toolCalls [{"args":{"n":9007199254740993,"x":1.50},"id":"c","name":"f"}], and read [{"args":{"n":9007199254740992,"x":1.50},"id":"c","name":"f"}]`}},
		"a lost zero":       {args(`{"n":9007199254740993,"x":1.5}`), []string{`"a-1": sent toolCalls `}},
		"a number as text":  {args(`{"n":"9007199254740993","x":1.50}`), []string{`"a-1": sent toolCalls `}},
		"other content":     {set(0, "content", "nought"), []string{`"a-0": sent content "zero", and read "nought"`}},
		"another type":      {set(0, "type", "AI"), []string{`"a-0": sent type "HUMAN", and read "AI"`}},
		"no name":           {set(4, "name", nil), []string{`"a-4": sent name "Noor", and read null`}},
		"a name":            {set(0, "name", "x"), []string{`"a-0": sent name null, and read "x"`}},
		"another call":      {set(2, "toolCallId", "d"), []string{`"a-2": sent toolCallId "c", and read "d"`}},
		"a call":            {set(0, "toolCalls", []any{map[string]any{}}), []string{`"a-0": sent toolCalls [], and read [{}]`}},
		"no metadata":       {set(3, "metadata", map[string]any{}), []string{`"a-3": sent metadata {"refusal":null}, and read {}`}},
		"metadata":          {set(0, "metadata", map[string]any{"x": 1}), []string{`"a-0": sent metadata {}, and read {"x":1}`}},
		"a status":          {set(2, "status", "ERROR"), []string{`"a-2": sent status null, and read "ERROR"`}},
		"response metadata": {set(0, "responseMetadata", map[string]any{"x": 1}), []string{`"a-0": sent responseMetadata {}, and read {"x":1}`}},
		"usage":             {set(0, "usage", map[string]any{"totalTokens": 1}), []string{`"a-0": sent usage null, and read {"totalTokens":1}`}},

		"a missing message": {func(ms []map[string]any) []map[string]any { return slices.Delete(ms, 3, 4) }, []string{`"a-3" is missing`}},
		"the last missing":  {func(ms []map[string]any) []map[string]any { return ms[:4] }, []string{`"a-4" is missing`}},
		"a message twice":   {func(ms []map[string]any) []map[string]any { return append(ms, ms[2]) }, []string{`"a-2" is there twice`}},
		"one of another's":  {func(ms []map[string]any) []map[string]any { return append(ms, map[string]any{"messageId": "b-0"}) }, []string{`"b-0" is there, and was not sent`}},
		"two in the wrong order": {func(ms []map[string]any) []map[string]any {
			ms[2], ms[3] = ms[3], ms[2]
			return ms
		}, []string{`"a-2" comes too late`}},
		"two differences": {func(ms []map[string]any) []map[string]any {
			ms[0]["content"] = ""
			return ms[:4]
		}, []string{`"a-0": sent content "zero", and read ""`, `"a-4" is missing`}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.tamper = tc.tamper
			got := loadInto(t, f.url, "-verify", write(t, strings.ReplaceAll(verified, "\n", "")))
			if len(tc.want) == 0 {
				require.NoError(t, got.err)
				assert.Contains(t, got.stdout, "everything reads back equal")
				return
			}
			require.EqualError(t, got.err, plural(len(tc.want), "difference")+" between what was sent and what the server has")
			assert.NotContains(t, got.stdout, "equal")
			for _, want := range tc.want {
				assert.Contains(t, got.stderr, `load: thread "a": message `+want)
			}
		})
	}
}

func TestVerifyOfAThreadThatIsGone(t *testing.T) {
	f := newFake(t)
	convs, err := readAll(strings.NewReader(talk("a", 15)), "")
	require.NoError(t, err)
	c := newClient(f.url, 1)
	defer c.close()
	d, err := verify(t.Context(), c, convs[0])
	require.NoError(t, err)
	assert.Equal(t, 15, d.n)
	require.Len(t, d.lines, maxShown+1)
	assert.Equal(t, `message "a-9" is missing`, d.lines[9])
	assert.Equal(t, "… and 5 more", d.lines[10])
}

func TestThreadStopsWithoutAWayOn(t *testing.T) {
	f := newFake(t)
	const endless = `{"data":{"agentState":{"messages":{"nodes":[],"pageInfo":{"hasNextPage":true,"endCursor":%s}}}}}`
	for _, cursor := range []string{"null", `"same"`} {
		f.before = func(_ int, w http.ResponseWriter) bool { return answer(http.StatusOK, fmt.Sprintf(endless, cursor))(w) }
		c := newClient(f.url, 1)
		_, err := verify(t.Context(), c, conversation{threadID: "a"})
		c.close()
		assert.ErrorContains(t, err, "gives no way to them")
	}
}

func TestExcerpts(t *testing.T) {
	long := strings.Repeat("ä", 200)
	a, b := excerpts(long+"1"+long, long+"2"+long)
	assert.Regexp(t, `^…ä{9,10}1ä+…$`, a)
	assert.Regexp(t, `^…ä{9,10}2ä+…$`, b)
	assert.Less(t, len(a), 100)
	a, b = excerpts(long, "")
	assert.Regexp(t, `^"ä+…$`, a)
	assert.Equal(t, `""`, b)
	a, b = excerpts(long, long+long)
	assert.Regexp(t, `ä"$`, a)
	assert.NotEqual(t, a, b)
}
