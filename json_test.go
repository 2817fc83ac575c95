package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jsonTexts are JSON values with what readers like to spoil.
var jsonTexts = map[string]string{
	"64-bit numbers":        `[9223372036854775807,-9223372036854775808,18446744073709551615,9007199254740993]`,
	"more than 64 bits":     `[12345678901234567890123456789012345678901234567890]`,
	"more than 17 digits":   `[0.1234567890123456789,3.14159265358979323846264338327950288]`,
	"a point that is empty": `[1.0,-0.0,0.10,100.00]`,
	"exponents":             `[1e400,1E+5,-2.50e-7,1e-400]`,
	"nulls":                 `{"a":null,"b":[null,[null]],"c":{"d":null}}`,
	"nothing in it":         `[[],{},"",[[]],[{}],{"":""}]`,
	"unicode":               `["äöü","日本語","👩‍👩‍👧","\ud83d\ude00","\u0000","\u001f","\u007f","\ufeff","\u2028\u2029"]`,
	"markup":                `{"<a href='x'>&amp;</a>":"<script>&</script>"}`,
	"escapes":               `["\"\\\/\b\f\n\r\t"]`,
	"booleans":              `[true,false]`,
	"like a number":         `["1.0","1e400","-0"]`,
	"keys of an object":     `{"__proto__":1,"constructor":2,"a.b":3,"$ref":4,"10":5,"9":6}`,
}

// same compares JSON values, numbers by their digits.
func same(tb testing.TB, want, got string, what ...any) {
	tb.Helper()
	assert.Equal(tb, decoded(tb, want), decoded(tb, got), what...)
}

func decoded(tb testing.TB, text string) any {
	tb.Helper()
	var value any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(tb, d.Decode(&value), text)
	return value
}

// TestJSONComesBackVerbatim writes JSON into every field that takes it, as a variable, and reads it from everywhere it shows.
func TestJSONComesBackVerbatim(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		for name, text := range jsonTexts {
			value, wrapped := json.RawMessage(text), json.RawMessage(`{"v":`+text+`}`)
			s.Must(t, `mutation($id: ID!, $m: MessageInput!, $v: JSON!, $o: JSON) {
				createAgentState(input: {threadId: $id, metadata: $o, messages: [$m]}) { agentState { version } }
				addToolCall(input: {threadId: $id, tool: "t", parameters: $v, toolResponse: $v}) { agentState { version } }
			}`, vars{"id": name, "v": value, "o": wrapped, "m": object{
				"messageId": "m", "type": "AI", "content": []any{wrapped, text}, "metadata": wrapped, "responseMetadata": wrapped,
				"toolCalls": []object{{"name": "n", "args": value}},
			}}, nil)

			var got struct {
				AgentState struct {
					Metadata  json.RawMessage
					ToolCalls []toolRun
					Messages  struct {
						Nodes []struct {
							Content, Metadata, ResponseMetadata json.RawMessage
							ToolCalls                           []struct{ Args json.RawMessage }
						}
					}
				}
			}
			s.Must(t, `query($id: ID!) { agentState(threadId: $id) { metadata toolCalls { parameters toolResponse }
				messages { nodes { content metadata responseMetadata toolCalls { args } } } } }`, vars{"id": name}, &got)
			a := got.AgentState
			m := a.Messages.Nodes[0]
			for _, one := range []json.RawMessage{a.ToolCalls[0].Parameters, a.ToolCalls[0].ToolResponse, m.ToolCalls[0].Args} {
				same(t, text, string(one), name)
			}
			for _, one := range []json.RawMessage{a.Metadata, m.Metadata, m.ResponseMetadata} {
				same(t, string(wrapped), string(one), name)
			}
			quoted, err := json.Marshal(text)
			require.NoError(t, err)
			same(t, `[`+string(wrapped)+`,`+string(quoted)+`]`, string(m.Content), name)
		}
	})
}

// TestJSONLiteralsKeepTheirDigits writes JSON within the document itself, where the parser reads it.
func TestJSONLiteralsKeepTheirDigits(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for literal, want := range map[string]string{
			`12345678901234567890`:                 `12345678901234567890`,
			`-9223372036854775809`:                 `-9223372036854775809`,
			`0.1234567890123456789`:                `0.1234567890123456789`,
			`1.0`:                                  `1.0`,
			`[1.0, {x: 1e400}]`:                    `[1.0,{"x":1e400}]`,
			`{a: {b: [1, 2.50, null], c: {}}}`:     `{"a":{"b":[1,2.50,null],"c":{}}}`,
			`[]`:                                   `[]`,
			`[[], {}, [[]], ""]`:                   `[[],{},[[]],""]`,
			`"<b>&\u2028\u00e4 \"\\\n"`:            `"<b>&\u2028ä \"\\\n"`,
			`"""a block "with quotes" and \ """`:   `"a block \"with quotes\" and \\ "`,
			`[true, false, null]`:                  `[true,false,null]`,
			`{nested: [{deep: [{deeper: 1.00}]}]}`: `{"nested":[{"deep":[{"deeper":1.00}]}]}`,
		} {
			for _, document := range []string{
				`mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: ` + literal + `}) { toolCall { parameters } } }`,
				`mutation($p: JSON! = ` + literal + `) { addToolCall(input: {threadId: "a", tool: "t", parameters: $p}) { toolCall { parameters } } }`,
			} {
				for range 2 { // the second time the document comes from the cache
					var got struct{ AddToolCall struct{ ToolCall toolRun } }
					s.Must(t, document, nil, &got)
					same(t, want, string(got.AddToolCall.ToolCall.Parameters), document)
				}
			}
		}
	})
}

// TestVariablesWithinJSONLiterals: a literal may hold variables, which is how people write content blocks.
func TestVariablesWithinJSONLiterals(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a")
	var got struct{ AddMessage struct{ Message message } }
	s.Must(t, `mutation($text: String!, $n: JSON) {
		addMessage(input: {threadId: "a", message: {type: HUMAN, content: [{type: "text", text: $text, n: $n}]}}) { message { content text } }
	}`, vars{"text": "hello", "n": json.RawMessage(`1.0`)}, &got)
	same(t, `[{"type":"text","text":"hello","n":1.0}]`, string(got.AddMessage.Message.Content))
	assert.Equal(t, "hello", got.AddMessage.Message.Text)
}

// TestMarkupIsNotEscaped looks at the bytes: an answer is no HTML.
func TestMarkupIsNotEscaped(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", human("<&>"))
		answer := s.Send(t, http.MethodPost, "/graphql", `{"query":"{ agentState(threadId: \"a\") { messages { nodes { content text } } } }"}`,
			"Content-Type", "application/json")
		assert.Contains(t, answer.Body, `"content":"<&>"`)
	})
}

// TestKeysOfJSONMayBeInAnyOrder: the same message with its keys in another order is the same message.
func TestKeysOfJSONMayBeInAnyOrder(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for i, metadata := range []string{`{"a":1,"b":[1.0,{"c":2,"d":3}]}`, `{ "b" : [1.0, {"d":3,"c":2}], "a" : 1 }`} {
			var got struct{ AddMessage struct{ Duplicate bool } }
			s.Must(t, `mutation($m: MessageInput!) { addMessage(input: {threadId: "a", message: $m}) { duplicate } }`, vars{"m": object{
				"messageId": "m", "type": "HUMAN", "content": "x", "metadata": json.RawMessage(metadata),
			}}, &got)
			assert.Equal(t, i == 1, got.AddMessage.Duplicate)
		}
	})
}
