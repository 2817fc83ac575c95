//go:build linux

package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both kinds of the floor write the same, whatever a message holds.
func TestBothKindsWriteTheSame(t *testing.T) {
	for name, body := range map[string]string{
		"a text":         `{"id":"m","type":"HUMAN","content":"hello"}`,
		"escapes":        `{"id":"a\"}b","type":"HUMAN","content":"a \\ \" } ] , \\\\"}`,
		"blocks":         `{"id":"m","type":"AI","content":[{"type":"text","text":"a]}"},"b"],"additional_kwargs":{"x":[1,{"y":"}"}]}}`,
		"calls":          `{"id":"m","type":"AI","content":"","tool_calls":[{"id":null,"name":"f","args":{"a":[1,2,{"b":"\"]"}]}},{"id":"c","name":"g","args":1.50}]}`,
		"numbers around": `{"id":"m","type":"TOOL","content":"","tool_call_id":"c","status":"ERROR","usage_metadata":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}`,
		"a time":         `{"id":"m","type":"AI","content":"x","timestamp":"2026-11-22T14:03:07.120394Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			element := "7:1795356187120394:A:1:m" + body
			spliced, err := (&floor{splice: true}).appendMessage(nil, element, threadFields)
			require.NoError(t, err)
			decoded, err := (&floor{}).appendMessage(nil, element, threadFields)
			require.NoError(t, err)
			assert.True(t, json.Valid(spliced), string(spliced))
			assert.JSONEq(t, string(decoded), string(spliced))
			assert.Contains(t, string(spliced), `"seq":7,`)
			assert.Contains(t, string(spliced), `T14:`)
		})
	}
}

func TestMalformedElementsAreRefused(t *testing.T) {
	for _, element := range []string{"", "1:2:A:1", "1:2:A:x:m{}", "1:2:A:9:m{}", `1:2:A:1:m{"id":"m"`, `1:2:A:1:m[]`} {
		for _, f := range []*floor{{splice: true}, {}} {
			_, err := f.appendMessage(nil, element, threadFields)
			assert.Error(t, err, element)
		}
	}
}
