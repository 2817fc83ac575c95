package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is wrong is named with its place.
func TestOldDocumentsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	whole := oldText("one", 0)
	for name, c := range map[string]struct{ from, to, place, why string }{
		"another id":           {`"thread_id": "one"`, `"thread_id": "two"`, "thread_id", "not the id"},
		"no id":                {`"thread_id": "one",`, ``, "thread_id", "missing"},
		"an id that is a list": {`"thread_id": "one"`, `"thread_id": ["one"]`, "thread_id", "type ["},
		"no messages":          {`"messages"`, `"messages2"`, "messages2", "did not write"},
		"null messages":        {`"messages": [`, `"messages": null, "plan2": [`, "plan2", "did not write"},
		"repeated member":      {`"relevant": true`, `"relevant": true, "relevant": false`, "relevant", "duplicate"},
		"NaN":                  {`1e400`, `NaN`, "tool_calls[0].parameters.q", "not JSON"},
		"half a surrogate":     {`\u00e9`, `\ud800`, "messages[0].content", "surrogate"},
		"bad UTF-8":            {`\u00e9`, "\xff", "messages[0].content", "UTF-8"},
		"cut off":              {`"plan": [`, ``, "", "not JSON"},
		"content of a number":  {`"content": ""`, `"content": 17`, "messages[2].content", "neither"},
		"no content":           {`"content": "", `, ``, "messages[2].content", "missing"},
		"no type":              {`"message_type": "router", `, ``, "messages[2].message_type", "missing"},
		"type of null":         {`"router"`, `null`, "messages[2].message_type", "missing"},
		"metadata of a text":   {`"metadata": {}`, `"metadata": "x"`, "messages[2].metadata", "object"},
		"time of a number":     {`"timestamp": null`, `"timestamp": 17`, "messages[2].timestamp", "type"},
		"time of a text":       {`"timestamp": null`, `"timestamp": "noon"`, "messages[2].timestamp", "not a time"},
		"unknown member":       {`"metadata": {}`, `"metadata": {}, "name": "x"`, "messages[2].name", "did not write"},
		"tool without a name":  {`"tool": "search", `, ``, "tool_calls[0].tool", "missing"},
		"TTL of a fraction":    {`7200`, `7200.5`, "ttl_seconds", "type"},
		"created never":        {`2026-11-01T09:59:59.000001`, `2026-13-01T00:00:00`, "created_at", "not a time"},
		"something behind":     {`"ttl_seconds": 7200}`, `"ttl_seconds": 7200} {}`, "", "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(whole, c.from, c.to, 1)
			require.NotEqual(t, whole, text)
			_, err := parseOldThread("one", []byte(text), time.Hour)
			var wrong *OldDocumentError
			require.ErrorAs(t, err, &wrong)
			if name != "cut off" && name != "something behind" {
				assert.Equal(t, c.place, wrong.Place)
			}
			assert.Contains(t, wrong.Why, c.why)
		})
	}
	for _, id := range []string{`\u0000`, `\u2028`} { // by which no door of the API would find it
		var unquoted string
		require.NoError(t, json.Unmarshal([]byte(`"`+id+`"`), &unquoted))
		_, err := parseOldThread(unquoted, []byte(`{"thread_id": "`+id+`", "messages": [], "created_at": "2026-11-01T10:00"}`), time.Hour)
		require.ErrorContains(t, err, "255 bytes")
	}
}

// Where Python writes None, and where old versions wrote less, there is something to go by.
func TestOldDocumentsOfLess(t *testing.T) {
	t.Parallel()
	text := `{"thread_id": "one", "messages": [{"message_type": "human", "content": null, "timestamp": "2026-11-01 10:00:00"}, {"message_type": "x", "content": "y"}],
		"message_counts": null, "reduced_context": null, "relevant": null, "plan": [{"plan_id": null, "subtasks": null}],
		"tool_calls": [{"tool": "t"}], "created_at": null, "last_updated": null, "ttl_seconds": null}`
	got, err := parseOldThread("one", []byte(text), time.Hour)
	require.NoError(t, err)
	again, err := parseOldThread("one", []byte(text), time.Hour)
	require.NoError(t, err)
	assert.Equal(t, got, again, "a repetition gives the same")
	assert.Equal(t, "2026-11-01T10:00:00Z", got.created.Format(time.RFC3339Nano))
	assert.Equal(t, got.created, got.updated)
	assert.Equal(t, time.Hour, got.ttl)
	assert.Contains(t, got.elements[0], `"content":"",`)
	assert.Contains(t, got.plan, `"subtasks":[]`)
	assert.Contains(t, got.toolCalls, `"parameters":{}`)
	assert.Len(t, got.ids, 2)

	long, err := parseOldThread("one", []byte(strings.Replace(text, `"ttl_seconds": null`, `"ttl_seconds": 9999999999`, 1)), time.Hour)
	require.NoError(t, err)
	assert.Equal(t, 365*24*time.Hour, long.ttl)
}

// FuzzOldDocument: whatever lies there, it is refused with a place or becomes a thread whose messages can be read.
func FuzzOldDocument(f *testing.F) {
	f.Add([]byte(oldText("one", 2)))
	for _, seed := range []string{
		`{}`, `[]`, `null`, `"x"`, `1`, `{"thread_id":"one","messages":[],"created_at":"2026-11-01T10:00Z"}`,
		`{"thread_id":"one","messages":[null],"created_at":"2026-11-01T10:00Z"}`,
		`{"thread_id":"one","messages":[{"message_type":"","content":[]}],"plan":[null],"tool_calls":[null],"created_at":"2026-11-01T10:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		thread, err := parseOldThread("one", text, time.Hour)
		if err != nil {
			var wrong *OldDocumentError
			require.ErrorAs(t, err, &wrong)
			require.NotEmpty(t, wrong.Why)
			return
		}
		require.True(t, json.Valid(text))
		total := 0
		for _, n := range thread.counts {
			total += n
		}
		require.Len(t, thread.elements, total)
		for i, element := range thread.elements {
			e, err := parseElement(element)
			require.NoError(t, err)
			require.Equal(t, thread.ids[i], e.id)
			require.Equal(t, i+1, e.seq)
			m, err := e.message("", "one", "e")
			require.NoError(t, err)
			require.True(t, json.Valid(m.Content))
		}
		in := recordReader{values: map[string]string{"plan": thread.plan, "toolcalls": thread.toolCalls}}
		in.list("plan", &[]Plan{})
		in.list("toolcalls", &[]ToolExecution{})
		require.NoError(t, in.err)
	})
}
