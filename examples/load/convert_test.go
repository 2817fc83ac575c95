package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConvert compares the very text, not JSON values: numbers must keep their digits.
func TestConvert(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	call := func(call string) string { return `{"role":"assistant","content":null,"tool_calls":[` + call + `]}` }
	arguments := func(arguments string) string {
		return call(`{"id":"c","type":"function","function":{"name":"f","arguments":` + arguments + `}}`)
	}
	converted := func(args string) string {
		return `{"messageId":"","type":"AI","content":"","toolCalls":[{"id":"c","name":"f","args":` + args + `}]}`
	}
	for name, tc := range map[string]struct{ in, want string }{
		"system":    {`{"role":"system","content":"Be brief."}`, `{"messageId":"","type":"SYSTEM","content":"Be brief."}`},
		"developer": {`{"role":"developer","content":"Be brief."}`, `{"messageId":"","type":"SYSTEM","content":"Be brief.","metadata":{"__openai_role__":"developer"}}`},
		"user":      {`{"role":"user","content":"<b> & 🍜","name":"Noor"}`, `{"messageId":"","type":"HUMAN","content":"<b> & 🍜","name":"Noor"}`},
		"assistant": {`{"role":"assistant","content":"Yes."}`, `{"messageId":"","type":"AI","content":"Yes."}`},
		"tool":      {`{"role":"tool","content":"{\"a\":1.50}","tool_call_id":"c","name":"f"}`, `{"messageId":"","type":"TOOL","content":"{\"a\":1.50}","name":"f","toolCallId":"c"}`},
		"function":  {`{"role":"function","content":null,"name":"f"}`, `{"messageId":"","type":"FUNCTION","content":"","name":"f"}`},

		"assistant without content": {`{"role":"assistant"}`, `{"messageId":"","type":"AI","content":""}`},
		"nulls are absent":          {`{"role":"assistant","content":"a","name":null,"tool_calls":null}`, `{"messageId":"","type":"AI","content":"a"}`},
		"blocks":                    {`{"role":"user","content":[{"type":"text","text":"a","n":1.0},"b"]}`, `{"messageId":"","type":"HUMAN","content":[{"type":"text","text":"a","n":1.0},"b"]}`},
		"extras": {
			`{"role":"assistant","content":"a","refusal":null,"audio":{"id":9007199254740993,"gain":0.10000000000000001},"function_call":{"name":"f","arguments":"{}"}}`,
			`{"messageId":"","type":"AI","content":"a","metadata":{"audio":{"id":9007199254740993,"gain":0.10000000000000001},"function_call":{"name":"f","arguments":"{}"},"refusal":null}}`,
		},
		"fields of another role": {
			`{"role":"user","content":"a","tool_call_id":"c","tool_calls":[]}`,
			`{"messageId":"","type":"HUMAN","content":"a","metadata":{"tool_call_id":"c","tool_calls":[]}}`,
		},

		"two calls": {
			call(`{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"function":{"name":"g","arguments":"{}"}}`),
			`{"messageId":"","type":"AI","content":"","toolCalls":[{"id":"c1","name":"f","args":{}},{"id":null,"name":"g","args":{}}]}`,
		},
		"call with an empty id": {call(`{"id":"","function":{"name":"g","arguments":"{}"}}`), `{"messageId":"","type":"AI","content":"","toolCalls":[{"id":null,"name":"g","args":{}}]}`},
		"call with extras": {
			call(`{"id":"c","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}`),
			`{"messageId":"","type":"AI","content":"","toolCalls":[{"id":"c","name":"f","args":{}}],"metadata":{"tool_calls":[{"id":"c","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}]}}`,
		},
		"function with extras": {
			call(`{"id":"c","function":{"name":"f","arguments":"{}","strict":true}}`),
			`{"messageId":"","type":"AI","content":"","toolCalls":[{"id":"c","name":"f","args":{}}],"metadata":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}","strict":true}}]}}`,
		},
		"custom call": {
			call(`{"id":"c","type":"custom","custom":{"name":"sql","input":"SELECT 1"}}`),
			`{"messageId":"","type":"AI","content":"","toolCalls":[{"id":"c","name":"sql","args":"SELECT 1"}],"metadata":{"tool_calls":[{"id":"c","type":"custom","custom":{"name":"sql","input":"SELECT 1"}}]}}`,
		},

		"arguments with exact numbers":   {arguments(`"{\"n\": 18446744073709551615, \"x\": 0.12345678901234567, \"y\": 1.10, \"z\": 1e400}"`), converted(`{"n":18446744073709551615,"x":0.12345678901234567,"y":1.10,"z":1e400}`)},
		"arguments that are a list":      {arguments(`"[1, 2]"`), converted(`[1,2]`)},
		"arguments that are an object":   {arguments(`{"a":1.0}`), converted(`{"a":1.0}`)},
		"arguments that are empty":       {arguments(`""`), converted(`""`)},
		"arguments that are null":        {arguments(`null`), converted(`{}`)},
		"arguments that are absent":      {call(`{"id":"c","function":{"name":"f"}}`), converted(`{}`)},
		"arguments with the text null":   {arguments(`"null"`), converted(`"null"`)},
		"arguments that break off":       {arguments(`"{\"a\": 1"`), converted(`"{\"a\": 1"`)},
		"arguments with something more":  {arguments(`"{} {}"`), converted(`"{} {}"`)},
		"arguments with a repeated key":  {arguments(`"{\"a\":1,\"a\":2}"`), converted(`"{\"a\":1,\"a\":2}"`)},
		"arguments with half a pair":     {arguments(`"{\"a\":\"\\ud800\"}"`), converted(`"{\"a\":\"\\ud800\"}"`)},
		"arguments that are too deep":    {arguments(`"` + deep + `"`), converted(`"` + deep + `"`)},
		"arguments that are deep enough": {arguments(`"` + deep[1:len(deep)-1] + `"`), converted(deep[1 : len(deep)-1])},
	} {
		t.Run(name, func(t *testing.T) {
			var fields map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(tc.in), &fields))
			m, err := convert(fields)
			require.NoError(t, err)
			got, err := encode(m)
			require.NoError(t, err)
			assert.Equal(t, tc.want, string(got))
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"no role":                {`{"content":"a"}`, `role must be one of assistant, developer, function, system, tool, user, not ""`},
		"another role":           {`{"role":"narrator","content":"a"}`, `not "narrator"`},
		"a role of another kind": {`{"role":1}`, "role must be a string"},
		"a user without content": {`{"role":"user","content":null}`, "content is missing"},
		"a number as content":    {`{"role":"user","content":1}`, "content must be a string, a list or null"},
		"a number as name":       {`{"role":"user","content":"a","name":1}`, "name must be a string"},
		"a tool without its id":  {`{"role":"tool","content":"a"}`, "needs the tool_call_id"},
		"a nameless function":    {`{"role":"function","content":"a"}`, "needs its name"},
		"calls without a list":   {`{"role":"assistant","tool_calls":{}}`, "tool_calls must be a list of objects"},
		"a call that is null":    {`{"role":"assistant","tool_calls":[null]}`, "tool_calls[0]: function.name is missing"},
		"a call without a name":  {`{"role":"assistant","tool_calls":[{"function":{"arguments":"{}"}}]}`, "tool_calls[0]: function.name is missing"},
		"a function as a text":   {`{"role":"assistant","tool_calls":[{"function":"f"}]}`, "tool_calls[0]: function must be an object"},
		"a custom without input": {`{"role":"assistant","tool_calls":[{"type":"custom","custom":{"name":"f"}}]}`, "tool_calls[0]: custom.input is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			var fields map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(tc.in), &fields))
			_, err := convert(fields)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMessageID(t *testing.T) {
	assert.Equal(t, "tour-7", messageID("tour", 7))
	long := strings.Repeat("x", maxIDBytes-2)
	assert.Equal(t, long+"-9", messageID(long, 9))
	assert.Equal(t, "message-10", messageID(long, 10), "the server takes no longer ids")
}
