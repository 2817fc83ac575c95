package langchain

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

func newID() string { return "made" }

func parse(tb testing.TB, raw string) *store.Message {
	tb.Helper()
	p, err := Parse(json.RawMessage(raw), newID)
	require.NoError(tb, err, raw)
	require.NotNil(tb, p.Message, raw)
	return p.Message
}

// sources are messages in all forms, the format in which they come back as they were, and how the others say them: "" where they cannot.
var sources = []struct {
	name, raw    string
	format       Format
	stored       store.MessageType
	text         string
	others       map[Format]string
	cannot       map[Format]string
	mustBeShort  bool
	isConstructs bool
}{
	{
		name:   "python human",
		raw:    `{"type":"human","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"human","name":null,"id":"m1"}}`,
		format: Python, stored: store.Human, text: "hi", mustBeShort: true,
		others: map[Format]string{
			JavaScript: `{"type":"human","data":{"content":"hi","id":"m1"}}`,
			Flat:       `{"type":"human","content":"hi","id":"m1"}`,
			OpenAI:     `{"role":"user","content":"hi"}`,
		},
	},
	{
		name: "python ai of an older version",
		raw: `{"type":"ai","data":{"content":"","additional_kwargs":{},"response_metadata":{"model":"m","p":0.1234567890123456789},"type":"ai","name":null,"id":"m1","example":false,
			"tool_calls":[{"name":"search","args":{"n":12345678901234567890},"id":"c1","type":"tool_call"}],"invalid_tool_calls":[],
			"usage_metadata":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_token_details":{"cache_read":1}}}}`,
		format: Python, stored: store.AI,
		others: map[Format]string{
			JavaScript: `{"type":"ai","data":{"content":"","id":"m1","example":false,"response_metadata":{"model":"m","p":0.1234567890123456789},
				"tool_calls":[{"name":"search","args":{"n":12345678901234567890},"id":"c1","type":"tool_call"}],
				"usage_metadata":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_token_details":{"cache_read":1}}}}`,
		},
		cannot: map[Format]string{OpenAI: "response_metadata"},
	},
	{
		name: "python tool",
		raw: `{"type":"tool","data":{"content":[{"type":"text","text":"found"}],"additional_kwargs":{},"response_metadata":{},"type":"tool","name":"search","id":null,
			"tool_call_id":"c1","artifact":null,"status":"success"}}`,
		format: Python, stored: store.Tool, text: "found", mustBeShort: true,
		others: map[Format]string{
			JavaScript: `{"type":"tool","data":{"content":[{"type":"text","text":"found"}],"id":"made","name":"search","tool_call_id":"c1","status":"success"}}`,
			OpenAI:     `{"role":"tool","content":[{"type":"text","text":"found"}],"name":"search","tool_call_id":"c1"}`,
		},
	},
	{
		name: "an artifact",
		raw: `{"type":"tool","data":{"content":"x","additional_kwargs":{},"response_metadata":{},"type":"tool","name":null,"id":"m1",
			"tool_call_id":"c1","artifact":{"rows":[1,2.50]},"status":"error"}}`,
		format: Python, stored: store.Tool, text: "x",
		others: map[Format]string{Flat: `{"type":"tool","content":"x","id":"m1","tool_call_id":"c1","artifact":{"rows":[1,2.50]},"status":"error"}`},
		cannot: map[Format]string{OpenAI: "status"},
	},
	{
		name:   "python chat",
		raw:    `{"type":"chat","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"chat","name":null,"id":"m1","role":"critic"}}`,
		format: Python, stored: store.Chat, text: "hi",
		others: map[Format]string{
			JavaScript: `{"type":"generic","data":{"content":"hi","id":"m1","role":"critic"}}`,
			OpenAI:     `{"role":"critic","content":"hi"}`,
		},
	},
	{
		name:   "javascript generic",
		raw:    `{"type":"generic","data":{"content":"hi","role":"critic","additional_kwargs":{},"response_metadata":{}}}`,
		format: JavaScript, stored: store.Chat, text: "hi",
		others: map[Format]string{Python: `{"type":"chat","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"chat","name":null,"id":"made","role":"critic"}}`},
	},
	{
		name:   "a chunk",
		raw:    `{"type":"AIMessageChunk","data":{"content":"h","additional_kwargs":{},"response_metadata":{},"type":"AIMessageChunk","name":null,"id":"m1","tool_call_chunks":[{"name":"s","args":"{\"a","id":"c","index":0}]}}`,
		format: Python, stored: store.AI, text: "h",
		others: map[Format]string{JavaScript: `{"type":"ai","data":{"content":"h","id":"m1","tool_call_chunks":[{"name":"s","args":"{\"a","id":"c","index":0}]}}`},
		cannot: map[Format]string{OpenAI: "tool_call_chunks"},
	},
	{
		name:   "javascript ai",
		raw:    `{"type":"ai","data":{"content":"a","tool_calls":[{"name":"s","args":{},"id":"c1","type":"tool_call","extras":{"x":1}}],"invalid_tool_calls":[],"additional_kwargs":{},"response_metadata":{},"id":"m1"}}`,
		format: JavaScript, stored: store.AI, text: "a",
		others: map[Format]string{Flat: `{"type":"ai","content":"a","id":"m1","tool_calls":[{"name":"s","args":{},"id":"c1","type":"tool_call","extras":{"x":1}}]}`},
		cannot: map[Format]string{Python: "tool_calls[0].extras", OpenAI: "tool_calls[0].extras"},
	},
	{
		name:   "a constructor",
		raw:    `{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi","additional_kwargs":{},"response_metadata":{},"more":null,"id":"m1"}}`,
		stored: store.Human, text: "hi", isConstructs: true,
		others: map[Format]string{
			JavaScript: `{"type":"human","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"more":null,"id":"m1"}}`,
			Python:     `{"type":"human","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"more":null,"type":"human","name":null,"id":"m1"}}`,
			OpenAI:     `{"role":"user","content":"hi"}`,
		},
	},
	{
		name:   "a constructor of python",
		raw:    `{"lc":1,"type":"constructor","id":["langchain","schema","messages","ChatMessage"],"kwargs":{"content":"hi","role":"critic","type":"chat"}}`,
		stored: store.Chat, text: "hi", isConstructs: true,
		others: map[Format]string{
			JavaScript: `{"type":"generic","data":{"content":"hi","id":"made","role":"critic"}}`,
			Python:     `{"type":"chat","data":{"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"chat","name":null,"id":"made","role":"critic"}}`,
		},
	},
	{
		name: "flat", raw: `{"type":"ai","content":"hi","id":"m1","name":"bot","more":null}`, format: Flat, stored: store.AI, text: "hi",
		others: map[Format]string{JavaScript: `{"type":"ai","data":{"content":"hi","id":"m1","name":"bot","more":null}}`, OpenAI: `{"role":"assistant","content":"hi","name":"bot"}`},
	},
	{
		name: "a role", raw: `{"role":"user","content":"hi"}`, format: Flat, stored: store.Human, text: "hi",
		others: map[Format]string{OpenAI: `{"role":"user","content":"hi"}`, JavaScript: `{"type":"human","data":{"content":"hi","id":"made"}}`},
	},
	{
		name: "a role of LangChain with an id", raw: `{"role":"ai","content":"hi","id":"m1"}`, format: Flat, stored: store.AI, text: "hi",
		others: map[Format]string{OpenAI: `{"role":"assistant","content":"hi"}`},
	},
	{
		name:   "openai calls",
		raw:    `{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{ \"q\": 1.50 }"}},{"id":"c2","type":"function","function":{"name":"t","arguments":"{broken"}}]}`,
		format: OpenAI, stored: store.AI,
		others: map[Format]string{
			JavaScript: `{"type":"ai","data":{"content":"","id":"made","tool_calls":[{"name":"s","args":{"q":1.50},"id":"c1","type":"tool_call"}],
				"invalid_tool_calls":[{"name":"t","args":"{broken","id":"c2","error":null,"type":"invalid_tool_call"}]}}`,
		},
	},
	{
		name: "openai developer", raw: `{"role":"developer","content":"be nice"}`, format: OpenAI, stored: store.System, text: "be nice",
		others: map[Format]string{JavaScript: `{"type":"system","data":{"content":"be nice","id":"made","additional_kwargs":{"__openai_role__":"developer"}}}`},
	},
	{
		name: "a developer of LangChain", raw: `{"type":"system","data":{"content":"be nice","id":"m1","additional_kwargs":{"__openai_role__":"developer"}}}`, format: JavaScript,
		stored: store.System, text: "be nice", others: map[Format]string{OpenAI: `{"role":"developer","content":"be nice"}`},
	},
	{
		name: "openai refusal", raw: `{"role":"assistant","content":null,"refusal":"no","annotations":[]}`, format: OpenAI, stored: store.AI,
		others: map[Format]string{Flat: `{"type":"ai","content":"","id":"made","additional_kwargs":{"refusal":"no"},"annotations":[]}`},
	},
	{
		name: "blocks", raw: `{"type":"human","content":["a",{"type":"image","base64":"x"},{"type":"non_standard","value":{"k":[null]}}]}`, format: Flat, stored: store.Human, text: "a",
		others: map[Format]string{JavaScript: `{"type":"human","data":{"content":["a",{"type":"image","base64":"x"},{"type":"non_standard","value":{"k":[null]}}],"id":"made"}}`},
		cannot: map[Format]string{OpenAI: "content[0]"},
	},
	{
		name: "an unknown type", raw: `{"type":"event","data":{"what":{"x":1},"content":7,"id":5,"name":null}}`, format: Python, stored: store.Other,
		others: map[Format]string{JavaScript: `{"type":"event","data":{"what":{"x":1},"content":7,"id":5,"name":null}}`},
		cannot: map[Format]string{Flat: "the type event", OpenAI: "the type event"},
	},
	{
		name: "an unknown flat type", raw: `{"type":"event","content":"x","tool_calls":5}`, format: Flat, stored: store.Other, text: "x",
		cannot: map[Format]string{JavaScript: "the type event"},
	},
	{
		name: "more around it", raw: `{"type":"human","data":{"content":"x"},"saved_at":1e400}`, format: JavaScript, stored: store.Human, text: "x",
		cannot: map[Format]string{Flat: "saved_at"},
	},
	{
		name: "a function", raw: `{"role":"function","name":"f","content":"1"}`, format: OpenAI, stored: store.Function, text: "1",
		others: map[Format]string{JavaScript: `{"type":"function","data":{"content":"1","id":"made","name":"f"}}`},
	},
	{
		name: "openai with an id", raw: `{"role":"assistant","content":null,"id":"m1","tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{ \"q\": 1.50 }"}}]}`,
		format: OpenAI, stored: store.AI,
		others: map[Format]string{JavaScript: `{"type":"ai","data":{"content":"","id":"m1","tool_calls":[{"name":"s","args":{"q":1.50},"id":"c1","type":"tool_call"}]}}`},
	},
	{
		name: "a role of OpenAI with an id", raw: `{"role":"user","content":"hi","id":"m1"}`, format: OpenAI, stored: store.Human, text: "hi",
		others: map[Format]string{Flat: `{"role":"user","content":"hi","id":"m1"}`, JavaScript: `{"type":"human","data":{"content":"hi","id":"m1"}}`},
	},
	{
		name: "a type and its role", raw: `{"type":"system","role":"developer","content":"x"}`, format: Flat, stored: store.System, text: "x",
		others: map[Format]string{OpenAI: `{"role":"developer","content":"x"}`},
	},
	{
		name: "a chat message in the role of the user", raw: `{"type":"chat","role":"user","content":"x"}`, format: Flat, stored: store.Chat, text: "x",
		others: map[Format]string{JavaScript: `{"type":"generic","data":{"content":"x","id":"made","role":"user"}}`, OpenAI: `{"role":"user","content":"x"}`},
	},
	{
		name: "a chat message in the role of a tool", raw: `{"type":"generic","data":{"content":"x","role":"tool"}}`, format: JavaScript, stored: store.Chat, text: "x",
		cannot: map[Format]string{OpenAI: "the role tool"},
	},
	{
		name: "a role beside another type", raw: `{"type":"human","data":{"content":"x","role":"tool"}}`, format: JavaScript, stored: store.Human, text: "x",
		cannot: map[Format]string{Flat: "role", OpenAI: "role"},
	},
	{
		name: "no tool calls", raw: `{"role":"assistant","content":"hi","tool_calls":null}`, format: OpenAI, stored: store.AI, text: "hi",
		others: map[Format]string{Flat: `{"role":"assistant","content":"hi","tool_calls":null}`},
	},
	{
		name: "openai calls with fields of LangChain", stored: store.AI, format: OpenAI,
		raw:    `{"role":"assistant","content":"","response_metadata":{"m":1},"tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{ }"}}]}`,
		others: map[Format]string{Flat: `{"role":"assistant","content":"","response_metadata":{"m":1},"tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{ }"}}]}`},
	},
	{
		name: "javascript with a null", raw: `{"type":"tool","data":{"content":"x","tool_call_id":"c1","artifact":null}}`, format: JavaScript, stored: store.Tool, text: "x",
		others: map[Format]string{
			Python: `{"type":"tool","data":{"content":"x","tool_call_id":"c1","artifact":null}}`,
			Flat:   `{"type":"tool","content":"x","id":"made","tool_call_id":"c1"}`,
		},
	},
	{
		name: "javascript generic with a null", raw: `{"type":"generic","data":{"content":"x","role":"critic","name":null}}`, format: JavaScript, stored: store.Chat, text: "x",
		others: map[Format]string{Python: `{"type":"chat","data":{"content":"x","additional_kwargs":{},"response_metadata":{},"type":"chat","name":null,"id":"made","role":"critic"}}`},
	},
	{
		name: "a python chunk of a call without a name yet", format: Python, stored: store.AI,
		raw: `{"type":"AIMessageChunk","data":{"content":"","additional_kwargs":{},"response_metadata":{},"type":"AIMessageChunk","name":null,"id":"r1",
			"tool_calls":[{"name":"","args":{},"id":null,"type":"tool_call"},{"name":"s","args":{},"id":"","type":"tool_call"}],"invalid_tool_calls":[],"usage_metadata":null,
			"tool_call_chunks":[{"name":null,"args":"{\"a","id":null,"index":0,"type":"tool_call_chunk"}],"chunk_position":null}}`,
		cannot: map[Format]string{OpenAI: "tool_call_chunks", JavaScript: "tool_calls[0] without a name or an id"},
	},
	{
		name: "a developer with more", raw: `{"role":"developer","content":"x","additional_kwargs":{"a":1}}`, format: Flat, stored: store.System, text: "x",
		others: map[Format]string{JavaScript: `{"type":"system","data":{"content":"x","id":"made","additional_kwargs":{"a":1,"__openai_role__":"developer"}}}`},
		cannot: map[Format]string{OpenAI: "additional_kwargs.a"},
	},
	{
		name: "a flat developer", raw: `{"type":"developer","content":"x"}`, format: Flat, stored: store.System, text: "x",
		others: map[Format]string{OpenAI: `{"role":"developer","content":"x"}`},
	},
	{
		name: "a null role and no name", raw: `{"type":"human","content":"x","role":null,"name":""}`, format: Flat, stored: store.Human, text: "x",
		others: map[Format]string{JavaScript: `{"type":"human","data":{"content":"x","id":"made","name":""}}`},
	},
	{
		name: "a custom tool call of OpenAI", raw: `{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"shell","input":"ls {"}}]}`, format: OpenAI, stored: store.AI,
		cannot: map[Format]string{JavaScript: "tool_calls[0].type", Python: "tool_calls[0].type", Flat: "tool_calls[0].type"},
	},
	{
		name: "more in a call of OpenAI", raw: `{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{}","strict":true}}]}`, format: OpenAI, stored: store.AI,
		cannot: map[Format]string{JavaScript: "tool_calls[0].function.strict", Python: "tool_calls[0].function.strict", Flat: "tool_calls[0].function.strict"},
	},
	{
		name: "more in a broken call of OpenAI", raw: `{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{","strict":true}}]}`, format: OpenAI, stored: store.AI,
		cannot: map[Format]string{JavaScript: "tool_calls[0].function.strict", Python: "tool_calls[0].function.strict", Flat: "tool_calls[0].function.strict"},
	},
	{
		name: "more in an invalid call", raw: `{"type":"ai","content":"","invalid_tool_calls":[{"name":"a","args":"{","id":"c","error":null,"type":"invalid_tool_call","more":3}]}`, format: Flat, stored: store.AI,
		cannot: map[Format]string{OpenAI: "invalid_tool_calls[0].more"},
	},
	{
		name: "a call of another type", raw: `{"type":"ai","content":"","tool_calls":[{"name":"a","args":{},"id":"c","type":"server"}]}`, format: Flat, stored: store.AI,
		cannot: map[Format]string{JavaScript: "tool_calls[0].type", Python: "tool_calls[0].type", OpenAI: "tool_calls[0].type"},
	},
	{
		name: "the calls twice", format: Flat, stored: store.AI,
		raw: `{"type":"ai","content":"","additional_kwargs":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"a","arguments":"{ \"x\": 1 }"}}]},
			"tool_calls":[{"name":"a","args":{"x":1},"id":"c","type":"tool_call"}]}`,
		others: map[Format]string{OpenAI: `{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{\"x\":1}"}}]}`},
	},
	{
		name: "other calls among the additional fields", format: Flat, stored: store.AI,
		raw: `{"type":"ai","content":"","additional_kwargs":{"tool_calls":[{"id":"other","type":"function","function":{"name":"a","arguments":"{}"}}]},
			"tool_calls":[{"name":"a","args":{},"id":"c","type":"tool_call"}]}`,
		cannot: map[Format]string{OpenAI: "additional_kwargs.tool_calls"},
	},
	{
		name: "arguments that readers would see differently", format: OpenAI, stored: store.AI,
		raw: `{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"s","arguments":"{\"a\":1,\"a\":2}"}},{"id":"c2","type":"function","function":{"name":"s","arguments":"{\"a\":\"\\ud800\"}"}}]}`,
		others: map[Format]string{JavaScript: `{"type":"ai","data":{"content":"","id":"made","invalid_tool_calls":[
			{"name":"s","args":"{\"a\":1,\"a\":2}","id":"c1","error":null,"type":"invalid_tool_call"},{"name":"s","args":"{\"a\":\"\\ud800\"}","id":"c2","error":null,"type":"invalid_tool_call"}]}}`},
	},
	{
		name: "an item of OpenAI's responses", format: Flat, stored: store.Human, text: "hi",
		raw:    `{"type":"message","role":"user","content":"hi"}`,
		others: map[Format]string{JavaScript: `{"type":"human","data":{"content":"hi","id":"made","type":"message"}}`},
		cannot: map[Format]string{Python: "type", OpenAI: "type"},
	},
	{
		name: "more around a constructor", stored: store.Human, text: "hi", isConstructs: true,
		raw:    `{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi"},"more":1}`,
		cannot: map[Format]string{JavaScript: "more", Python: "more", Flat: "more", OpenAI: "more"},
	},
}

func TestSources(t *testing.T) {
	t.Parallel()
	for _, c := range sources {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, c.raw)
			assert.Equal(t, c.stored, m.Type)
			assert.Equal(t, c.text, m.Text())
			if c.mustBeShort {
				assert.Less(t, len(m.Source), 70, "%s", m.Source)
			}
			m = throughTheStore(t, m)
			if !c.isConstructs {
				assert.Equal(t, normalText(t, c.raw), render(t, m, c.format))
			}
			for format, want := range c.others {
				assert.Equal(t, normalText(t, want), render(t, m, format), format)
			}
			for format, field := range c.cannot {
				_, err := Render(m, format)
				var cannot *CannotSayError
				require.ErrorAs(t, err, &cannot, format)
				assert.Equal(t, field, cannot.Field, format)
			}
		})
	}
}

// throughTheStore gives a message as it is read again.
func throughTheStore(tb testing.TB, m *store.Message) *store.Message {
	tb.Helper()
	body, err := json.Marshal(m)
	require.NoError(tb, err)
	var again store.Message
	require.NoError(tb, json.Unmarshal(body, &again))
	for _, o := range []*json.RawMessage{&again.Metadata, &again.ResponseMetadata} {
		if *o == nil {
			*o = json.RawMessage("{}")
		}
	}
	return &again
}

func normalText(tb testing.TB, raw string) string {
	tb.Helper()
	n, err := normal(json.RawMessage(raw))
	require.NoError(tb, err)
	return string(n)
}

func render(tb testing.TB, m *store.Message, format Format) string {
	tb.Helper()
	raw, err := Render(m, format)
	require.NoError(tb, err, format)
	return normalText(tb, string(raw))
}

// What other forms say of a message is a message again, and says the same.
func TestTranslationsMeanTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range sources {
		m := parse(t, c.raw)
		for _, format := range []Format{Python, JavaScript, Flat, OpenAI} {
			raw, err := Render(m, format)
			if err != nil {
				continue
			}
			again := parse(t, string(raw))
			if m.Type != store.Chat || format != OpenAI { // which has no chat messages, but their roles
				assert.Equal(t, m.Type, again.Type, "%s %s", c.name, format)
			}
			assert.Equal(t, m.Text(), again.Text(), "%s %s", c.name, format)
			assert.Len(t, again.ToolCalls, len(m.ToolCalls), "%s %s", c.name, format)
		}
	}
}

// testdata/stored.ndjson has bodies of messages as they were once stored, and their sources. A patch is read against what the fields of the API
// give in its form, so that a change of this makes other sources of messages that are stored already.
func TestStoredSourcesStay(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/stored.ndjson")
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	n := 0
	for lines := json.NewDecoder(file); ; n++ {
		var was struct {
			Name         string
			Body, Source json.RawMessage
		}
		err := lines.Decode(&was)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var m store.Message
		require.NoError(t, json.Unmarshal(was.Body, &m))
		_, source, err := sourceOf(&m)
		require.NoError(t, err, was.Name)
		assert.Equal(t, string(was.Source), string(source), was.Name)
	}
	assert.NotZero(t, n)
}

func TestMessagesOfTheAPI(t *testing.T) {
	t.Parallel()
	id, status := "c1", store.Failure
	m := &store.Message{
		MessageID: "m1", Type: store.Tool, Content: json.RawMessage(`"x"`), ToolCallID: &id, Status: &status, Metadata: json.RawMessage("{}"),
	}
	assert.JSONEq(t, `{"type":"tool","data":{"content":"x","additional_kwargs":{},"response_metadata":{},"type":"tool","name":null,"id":"m1","tool_call_id":"c1","artifact":null,"status":"error"}}`, render(t, m, Python))
	critic := "critic"
	chat := &store.Message{MessageID: "m1", Type: store.Chat, Name: &critic, Content: json.RawMessage(`"x"`)}
	assert.JSONEq(t, `{"type":"generic","data":{"content":"x","id":"m1","name":"critic","role":"critic"}}`, render(t, chat, JavaScript))
	_, err := Render(&store.Message{MessageID: "m1", Type: store.Other, Content: json.RawMessage(`"x"`)}, OpenAI)
	require.EqualError(t, err, "message m1 has the type other, which OPENAI cannot say")
	other := &store.Message{MessageID: "m1", Type: store.Other, Content: json.RawMessage(`"x"`)}
	assert.JSONEq(t, `{"type":"other","content":"x","id":"m1"}`, render(t, other, Flat))
	other.ToolCalls, other.Usage = []store.MessageToolCall{{ID: &id, Name: "s", Args: json.RawMessage(`{}`)}}, &store.Usage{TotalTokens: 1}
	assert.JSONEq(t, `{"type":"other","content":"x","id":"m1","tool_calls":[{"id":"c1","type":"tool_call","name":"s","args":{}}],
		"usage_metadata":{"input_tokens":0,"output_tokens":0,"total_tokens":1}}`, render(t, other, Flat))
}

// What OpenAI does not know, and programs write into its messages all the same, is not stored twice.
func TestSourcesAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	for _, raw := range []string{
		`{"role":"critic","content":"` + long + `"}`,
		`{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"` + long + `"}}]}`,
		`{"role":"assistant","content":"` + long + `","response_metadata":{"a":1},"tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]}`,
		`{"role":"assistant","content":"` + long + `","refusal":"no","more":1}`,
	} {
		m := parse(t, raw)
		assert.Less(t, len(m.Source), 100, "%s", m.Source)
		_, source, err := sourceOf(throughTheStore(t, m))
		require.NoError(t, err)
		assert.Equal(t, normalText(t, raw), normalText(t, string(source)))
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for raw, path := range map[string]string{
		`5`: "", `[]`: "", `{}`: "", `{"content":"x"}`: "",
		`{"type":5,"data":{}}`:                                                         ".type",
		`{"type":"human","data":"x"}`:                                                  ".data",
		`{"type":"human","data":{}}`:                                                   ".data.content",
		`{"type":"human","data":{"content":7}}`:                                        ".data.content",
		`{"type":"human","data":{"content":["a",7]}}`:                                  ".data.content[1]",
		`{"type":"human","content":null}`:                                              ".content",
		`{"type":"human","content":"x","id":7}`:                                        ".id",
		`{"type":"human","content":"x","name":7}`:                                      ".name",
		`{"type":"function","content":"x","name":""}`:                                  ".name",
		`{"type":"human","content":"x","name":7,"status":7,"role":7}`:                  ".role",
		`{"type":"ai","content":"","tool_calls":[{"name":"","args":{},"id":"c"}]}`:     ".tool_calls[0].name",
		`{"role":"assistant","tool_calls":[{"id":"c","custom":{"name":"a"}}]}`:         ".tool_calls[0].custom.input",
		`{"role":"assistant","tool_calls":[{"id":"c","custom":5}]}`:                    ".tool_calls[0].custom",
		`{"role":7,"content":"x"}`:                                                     ".role",
		`{"role":"","content":"x"}`:                                                    ".role",
		`{"type":"tool","content":"x"}`:                                                ".tool_call_id",
		`{"role":"tool","content":"x"}`:                                                ".tool_call_id",
		`{"type":"chat","content":"x"}`:                                                ".role",
		`{"type":"function","content":"x"}`:                                            ".name",
		`{"type":"remove","data":{"content":""}}`:                                      ".data.id",
		`{"type":"ai","content":"","tool_calls":{}}`:                                   ".tool_calls",
		`{"type":"ai","content":"","tool_calls":[5]}`:                                  ".tool_calls[0]",
		`{"type":"ai","content":"","tool_calls":[{"name":"a","id":"c"}]}`:              ".tool_calls[0].args",
		`{"type":"ai","content":"","tool_calls":[{"name":"a","args":"{}","id":"c"}]}`:  ".tool_calls[0].args",
		`{"type":"ai","data":{"content":"","tool_calls":[{"args":{}}]}}`:               ".data.tool_calls[0].name",
		`{"type":"ai","content":"","tool_calls":[{"name":"a","args":{},"id":5}]}`:      ".tool_calls[0].id",
		`{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"a"}}]}`:       ".tool_calls[0].function.arguments",
		`{"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":""}}]}`: ".tool_calls[0].id",
		`{"role":"assistant","tool_calls":[{"id":"c","function":{"arguments":"{}"}}]}`: ".tool_calls[0].function.name",
		`{"type":"ai","content":"","invalid_tool_calls":[1]}`:                          ".invalid_tool_calls[0]",
		`{"type":"ai","content":"","usage_metadata":[]}`:                               ".usage_metadata",
		`{"type":"ai","content":"","additional_kwargs":"x"}`:                           ".additional_kwargs",
		`{"lc":1,"type":"constructor","id":[],"kwargs":{}}`:                            ".id",
		`{"lc":1,"type":"constructor","id":["a","Prompt"],"kwargs":{}}`:                ".id[1]",
		`{"lc":1,"type":"constructor","id":["a","HumanMessage"]}`:                      ".kwargs",
		`{"lc":1,"type":"constructor","id":["a","AIMessage"],"kwargs":{"content":1}}`:  ".kwargs.content",
	} {
		_, err := Parse(json.RawMessage(raw), newID)
		var wrong *InvalidError
		if assert.ErrorAs(t, err, &wrong, raw) {
			assert.Equal(t, path, wrong.Path, raw)
			assert.NotEmpty(t, wrong.Want)
		}
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"type":"remove","data":{"content":"","additional_kwargs":{},"response_metadata":{},"type":"remove","name":null,"id":"m1"}}`,
		`{"type":"remove","id":"m1"}`, `{"lc":1,"type":"constructor","id":["langchain","schema","messages","RemoveMessage"],"kwargs":{"id":"m1"}}`,
	} {
		p, err := Parse(json.RawMessage(raw), newID)
		require.NoError(t, err, raw)
		assert.Equal(t, Parsed{Remove: "m1"}, p)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	name, id := "ann", "c1"
	content := func(m *store.Message) { m.Content = json.RawMessage(`"new"`) }
	metadata := func(m *store.Message) { m.Metadata = json.RawMessage(`{"a":1}`) }
	for raw, c := range map[string]struct {
		change func(*store.Message)
		format Format
		want   string
	}{
		`{"type":"human","data":{"content":"a","kept":1,"additional_kwargs":{}}}`: {content, JavaScript, `{"type":"human","data":{"content":"new","kept":1,"additional_kwargs":{}}}`},
		`{"role":"user","content":"a","more":[1]}`:                                {content, OpenAI, `{"role":"user","content":"new","more":[1]}`},
		`{"type":"event","data":{"content":7,"x":1}}`:                             {content, JavaScript, `{"type":"event","data":{"content":"new","x":1}}`},
		`{"role":"critic","content":"a","more":1}`:                                {content, OpenAI, `{"role":"critic","content":"new","more":1}`},
		`{"role":"critic","content":"b"}`:                                         {content, Python, `{"type":"chat","data":{"type":"chat","role":"critic","content":"new","id":"made","name":null,"additional_kwargs":{},"response_metadata":{}}}`},
		// Where OpenAI has no place for the change, the message is one of LangChain's, whole.
		`{"role":"user","content":"a","more":17}`: {metadata, Flat, `{"type":"human","content":"a","id":"made","more":17,"additional_kwargs":{"a":1}}`},
		`{"role":"assistant","content":"","additional_kwargs":{"b":1},"tool_calls":[{"id":"c","type":"function","function":{"name":"s","arguments":"{}"}}]}`: {
			metadata, Flat, `{"type":"ai","content":"","id":"made","additional_kwargs":{"a":1},"tool_calls":[{"id":"c","type":"tool_call","name":"s","args":{}}]}`,
		},
		`{"role":"user","content":[{"type":"image","source":{}}],"more":17}`: {
			func(m *store.Message) { m.Name = &name }, OpenAI, `{"role":"user","content":[{"type":"image","source":{}}],"more":17,"name":"ann"}`,
		},
		`{"role":"system","content":"a"}`: {
			func(m *store.Message) { m.Metadata = json.RawMessage(`{"__openai_role__":"developer"}`) }, OpenAI, `{"role":"developer","content":"a"}`,
		},
		`{"type":"ai","content":"a","usage_metadata":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_token_details":{"x":1}}}`: {
			func(m *store.Message) { m.Usage = &store.Usage{InputTokens: 1, OutputTokens: 4, TotalTokens: 5} }, Flat,
			`{"type":"ai","content":"a","usage_metadata":{"input_tokens":1,"output_tokens":4,"total_tokens":5,"input_token_details":{"x":1}}}`,
		},
		`{"type":"event","content":"a","x":1}`: {
			func(m *store.Message) {
				m.ToolCalls = []store.MessageToolCall{{ID: &id, Name: "s", Args: json.RawMessage(`{}`)}}
			}, Flat, `{"type":"event","content":"a","x":1,"tool_calls":[{"id":"c1","type":"tool_call","name":"s","args":{}}]}`,
		},
	} {
		before := parse(t, raw)
		after := *before
		c.change(&after)
		require.NoError(t, Changed(before, &after), raw)
		assert.Equal(t, normalText(t, c.want), render(t, throughTheStore(t, &after), c.format), raw)
	}
}

// What would make a message unreadable, or lose some of it, is refused, and nothing is changed.
func TestChangedRefuses(t *testing.T) {
	t.Parallel()
	before := parse(t, `{"type":"tool","data":{"type":"tool","content":"a","tool_call_id":"c"}}`)
	after := *before
	after.ToolCallID = nil
	var wrong *InvalidError
	require.ErrorAs(t, Changed(before, &after), &wrong)
	assert.Equal(t, ".data.tool_call_id", wrong.Path)

	before = parse(t, `{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"custom","custom":{"name":"a","input":"x"}}]}`)
	after = *before
	after.Metadata = json.RawMessage(`{"a":1}`)
	var cannot *CannotSayError
	require.ErrorAs(t, Changed(before, &after), &cannot)
	assert.Equal(t, "tool_calls[0].type", cannot.Field)
	assert.Equal(t, before.Source, after.Source)
}

func FuzzParse(f *testing.F) {
	for _, c := range sources {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) || strings.Contains(raw, `\ud`) {
			return
		}
		p, err := Parse(json.RawMessage(raw), newID)
		if err != nil || p.Message == nil {
			return
		}
		m := throughTheStore(t, p.Message)
		form, source, err := sourceOf(m)
		require.NoError(t, err)
		require.Equal(t, normalText(t, raw), normalText(t, string(source)), form)
		for _, format := range []Format{Python, JavaScript, Flat, OpenAI} {
			again, err := Render(m, format)
			if err == nil && form.isIn(format) {
				require.Equal(t, normalText(t, raw), normalText(t, string(again)))
			}
			if err == nil { // what one form gives, all take in
				_, err = Parse(again, newID)
				require.NoError(t, err, "%s %s", format, again)
			}
		}
	})
}
