package langchain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// someForms is how many messages a test makes of each form.
const someForms = 250

// maker makes messages as programs may have them, with what is hard to keep.
type maker struct{ *rand.Rand }

func (g maker) one(of ...string) string { return of[g.IntN(len(of))] }

func (g maker) chance(percent int) bool { return g.IntN(100) < percent }

func (g maker) json(depth int) json.RawMessage {
	n := 8
	if depth == 0 {
		n = 6
	}
	switch g.IntN(n) {
	case 0:
		return json.RawMessage(g.one("null", "true", "false"))
	case 1, 2:
		return json.RawMessage(g.one("9223372036854775807", "-9223372036854775809", "0.12345678901234567", "1.0", "1", "-0", "1e400", "1.10", "1E2"))
	case 6:
		list := []json.RawMessage{}
		for range g.IntN(3) {
			list = append(list, g.json(depth-1))
		}
		return mustEncode(list)
	case 7:
		return mustEncode(g.object(depth - 1))
	default:
		return text(g.text())
	}
}

func (g maker) text() string {
	return g.one("", "x", "two\nlines", "\u2028", "<b>&amp;", "\U0001F600", "\x00\x7f", `"\`, "null", "é")
}

func (g maker) object(depth int) object {
	o := object{}
	for range g.IntN(4) {
		o[g.one("a", "b", "", "__proto__", "constructor", "type", "id", "lc", "é")] = g.json(depth)
	}
	return o
}

// maybe sets a field, or leaves it out; now and then it is null.
func (g maker) maybe(o object, key string, percent int, value func() json.RawMessage) {
	switch {
	case !g.chance(percent):
	case g.chance(10):
		o[key] = json.RawMessage("null")
	default:
		o[key] = value()
	}
}

func (g maker) content() json.RawMessage {
	if g.chance(50) {
		return text(g.text())
	}
	blocks := []json.RawMessage{}
	for range g.IntN(3) {
		switch g.IntN(3) {
		case 0:
			blocks = append(blocks, text(g.text()))
		case 1:
			blocks = append(blocks, mustEncode(object{"type": text("text"), "text": text(g.text())}))
		default:
			block := g.object(2)
			block["type"] = text(g.one("image", "image_url", "non_standard", "tool_use"))
			blocks = append(blocks, mustEncode(block))
		}
	}
	return mustEncode(blocks)
}

func (g maker) id() json.RawMessage { return text(g.one("m1", "run-1", "é:{x}*")) }

func (g maker) usage() json.RawMessage {
	o := object{"input_tokens": json.RawMessage(g.one("1", "0", "1.5", "99999999999")), "output_tokens": json.RawMessage("2"), "total_tokens": json.RawMessage("3")}
	g.maybe(o, "input_token_details", 30, func() json.RawMessage { return mustEncode(g.object(1)) })
	return mustEncode(o)
}

// fields makes those of a message of LangChain.
func (g maker) fields(kind string) object {
	o := object{"content": g.content()}
	g.maybe(o, "id", 60, g.id)
	g.maybe(o, "name", 40, func() json.RawMessage { return text(g.one("", "ann", "é")) })
	g.maybe(o, "additional_kwargs", 40, func() json.RawMessage { return mustEncode(g.object(2)) })
	g.maybe(o, "response_metadata", 40, func() json.RawMessage { return mustEncode(g.object(2)) })
	g.maybe(o, g.one("more", "__proto__", "metadata", "example", "cache_control", "text", "data", "lc", "kwargs", "function_call"), 30, func() json.RawMessage { return g.json(2) })
	if kind != "chat" && kind != "generic" {
		g.maybe(o, "role", 5, func() json.RawMessage { return text(g.one("user", "assistant", "critic", "")) })
	}
	switch kind {
	case "ai":
		g.maybe(o, "usage_metadata", 40, g.usage)
		g.maybe(o, "tool_calls", 50, func() json.RawMessage {
			calls := []object{}
			for range g.IntN(3) {
				call := object{"name": text(g.one("search", "é")), "args": mustEncode(g.object(2))}
				g.maybe(call, "id", 90, g.id)
				g.maybe(call, "type", 80, func() json.RawMessage { return text("tool_call") })
				g.maybe(call, "extras", 20, func() json.RawMessage { return g.json(1) })
				calls = append(calls, call)
			}
			return mustEncode(calls)
		})
		g.maybe(o, "invalid_tool_calls", 30, func() json.RawMessage {
			call := object{"name": text("s"), "args": text(`{"q`)}
			g.maybe(call, "id", 80, g.id)
			g.maybe(call, "error", 60, func() json.RawMessage { return text("no JSON") })
			g.maybe(call, "type", 60, func() json.RawMessage { return text("invalid_tool_call") })
			return mustEncode([]object{call})
		})
	case "tool":
		o["tool_call_id"] = g.id()
		g.maybe(o, "status", 50, func() json.RawMessage { return text(g.one("success", "error")) })
		g.maybe(o, "artifact", 40, func() json.RawMessage { return g.json(2) })
	case "chat", "generic":
		o["role"] = text(g.one("critic", "user", "x\ny"))
	case "function":
		o["name"] = text("f")
	}
	return o
}

// openAI makes a message with a role, of OpenAI or of those who write as it does.
func (g maker) openAI() object {
	role := g.one("system", "developer", "user", "assistant", "assistant", "assistant", "tool", "function", "critic")
	o := object{"role": text(role), "content": g.content()}
	g.maybe(o, "id", 20, g.id)
	g.maybe(o, "name", 20, func() json.RawMessage { return text("ann") })
	g.maybe(o, g.one("more", "__proto__", "metadata", "annotations", "data", "lc", "kwargs"), 20, func() json.RawMessage { return g.json(2) })
	g.maybe(o, "type", 5, func() json.RawMessage { return text(g.one("message", "item")) })
	switch role {
	case "assistant":
		if g.chance(30) {
			o["content"] = json.RawMessage("null")
		}
		if g.chance(10) {
			delete(o, "content")
		}
		for _, key := range openAIKwargs {
			g.maybe(o, key, 15, func() json.RawMessage { return g.json(1) })
		}
		g.maybe(o, "response_metadata", 10, func() json.RawMessage { return mustEncode(g.object(1)) })
		g.maybe(o, "additional_kwargs", 10, func() json.RawMessage { return mustEncode(g.object(1)) })
		g.maybe(o, "tool_calls", 60, func() json.RawMessage {
			calls := []object{}
			for range g.IntN(3) {
				call := object{"id": g.id(), "type": text("function"), "function": mustEncode(object{
					"name": text("s"), "arguments": text(g.one("", "{}", `{"a":1.50}`, `{ "b": [ null ] }`, `{"a":1,"a":2}`, `{"a`, `[1]`, string(mustEncode(g.object(2))))),
				})}
				g.maybe(call, "index", 20, func() json.RawMessage { return g.json(0) })
				if g.chance(10) {
					call = object{"id": g.id(), "type": text("custom"), "custom": mustEncode(object{"name": text("s"), "input": text(g.text())})}
				}
				calls = append(calls, call)
			}
			return mustEncode(calls)
		})
	case "tool":
		o["tool_call_id"] = g.id()
	case "function":
		o["name"] = text("f")
	}
	return o
}

// message makes a message of a form.
func (g maker) message(f form) json.RawMessage {
	kind := g.one("human", "ai", "ai", "system", "tool", "function", "chat", "event")
	switch f {
	case openAI, role:
		return mustEncode(g.openAI())
	case constructor:
		classes := map[string]string{"human": "HumanMessage", "ai": "AIMessage", "system": "SystemMessage", "tool": "ToolMessage", "function": "FunctionMessage", "chat": "ChatMessage", "event": "AIMessageChunk"}
		kwargs := g.fields(kind)
		return mustEncode(object{
			"lc": json.RawMessage("1"), "type": text("constructor"), "id": mustEncode([]string{"langchain_core", "messages", classes[kind]}),
			"kwargs": mustEncode(kwargs),
		})
	case python:
		o := g.fields(kind)
		o["type"] = text(kind)
		return mustEncode(object{"type": text(kind), "data": mustEncode(o)})
	case flat:
		o := g.fields(kind)
		o["type"] = text(kind)
		return mustEncode(o)
	default:
		if kind == "chat" {
			kind = "generic"
		}
		fields := g.fields(kind)
		g.maybe(fields, "type", 5, func() json.RawMessage { return text(g.one("message", "human")) })
		o := object{"type": text(kind), "data": mustEncode(fields)}
		g.maybe(o, "saved_at", 5, func() json.RawMessage { return g.json(1) })
		return mustEncode(o)
	}
}

// eachForm makes messages of all forms, the same each time.
func eachForm(t *testing.T, visit func(t *testing.T, g maker, raw json.RawMessage, m *store.Message)) {
	t.Parallel()
	for _, f := range []form{python, javaScript, flat, openAI, constructor} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(someForms) {
				g := maker{rand.New(rand.NewPCG(seed, 6))}
				raw := g.message(f)
				p, err := Parse(raw, newID)
				require.NoError(t, err, "seed %d: %s", seed, raw)
				visit(t, g, raw, throughTheStore(t, p.Message))
				if t.Failed() {
					t.Fatalf("seed %d: %s", seed, raw)
				}
			}
		})
	}
}

// meaning is what a message says, in whatever form. What says nothing is left out.
func meaning(t *testing.T, raw json.RawMessage, id string) string {
	t.Helper()
	m, err := read(mustNormal(t, raw))
	require.NoError(t, err, "%s", raw)
	calls := []string{}
	for _, c := range m.calls {
		extra := object{}
		for key, value := range c.extra {
			set(extra, key, nonNull(value))
		}
		calls = append(calls, fmt.Sprintf("%s %q %s %s", c.id, c.name, c.args, mustEncode(extra)))
	}
	invalid := []string{}
	for _, one := range m.invalidCalls {
		o, _ := asObject(one)
		delete(o, "type")
		for key, value := range o {
			if isNull(value) {
				delete(o, key)
			}
		}
		invalid = append(invalid, string(mustEncode(o)))
	}
	extra := object{}
	for _, others := range []object{m.extra, m.envelope} {
		for key, value := range others {
			if !isNull(value) && !isDefault(key, value) {
				extra[key] = value
			}
		}
	}
	if m.id != "" {
		id = m.id
	}
	if m.kind == kindTool && m.status == nil {
		m.status = text("success")
	}
	speaker := fmt.Sprint(m.kind)
	if m.kind == kindOther {
		speaker = m.typeName
	}
	if role, ok := asText(m.role); ok && m.kind == kindChat {
		speaker = role // OpenAI has no other word for it
		if k := kindOf(role); k != kindOther {
			speaker, m.role = fmt.Sprint(k), nil
		}
	}
	return fmt.Sprintln(speaker, id, string(m.content), string(m.name), string(m.role), calls, invalid, string(m.toolCallID), string(m.status),
		string(nonNull(m.artifact)), string(orNil(m.additionalKwargs)), string(orNil(m.responseMetadata)), string(m.usage), string(mustEncode(extra)))
}

func mustNormal(t *testing.T, raw json.RawMessage) json.RawMessage {
	t.Helper()
	n, err := normal(raw)
	require.NoError(t, err)
	return n
}

// What went in as one form comes out in it equal as JSON; and what any other form gives says all of it.
func TestFormsLoseNothing(t *testing.T) {
	eachForm(t, func(t *testing.T, _ maker, raw json.RawMessage, m *store.Message) {
		f, source, err := sourceOf(m)
		require.NoError(t, err)
		require.Equal(t, string(mustNormal(t, raw)), string(mustNormal(t, source)))
		want := meaning(t, raw, m.MessageID)
		for _, other := range []Format{Python, JavaScript, Flat, OpenAI} {
			again, err := Render(m, other)
			if f.isIn(other) {
				require.NoError(t, err)
				require.Equal(t, string(mustNormal(t, raw)), string(mustNormal(t, again)))
			}
			if err != nil {
				var cannot *CannotSayError
				require.ErrorAs(t, err, &cannot)
				continue
			}
			require.Equal(t, want, meaning(t, again, m.MessageID), "%s: %s", other, again)
		}
	})
}

// A changed message says in its own form, and in all others, what it was changed to, and what was not changed as before.
func TestChangedMessagesLoseNothing(t *testing.T) {
	eachForm(t, func(t *testing.T, g maker, raw json.RawMessage, m *store.Message) {
		after := *m
		what := g.one("content", "name", "metadata", "responseMetadata", "usage", "status", "toolCalls")
		switch what {
		case "content":
			after.Content = g.content()
		case "name":
			name := "new"
			after.Name = &name
		case "metadata":
			after.Metadata = mustEncode(g.object(1))
		case "responseMetadata":
			after.ResponseMetadata = mustEncode(g.object(1))
		case "usage":
			after.Usage = &store.Usage{InputTokens: 7, OutputTokens: 8, TotalTokens: 15}
		case "status":
			failed := store.Failure
			after.Status = &failed
		case "toolCalls":
			id := "new"
			after.ToolCalls = []store.MessageToolCall{{ID: &id, Name: "n", Args: json.RawMessage(`{"n":1.50}`)}}
		}
		if err := Changed(m, &after); err != nil {
			var cannot *CannotSayError
			require.ErrorAs(t, err, &cannot, "%s", what)
			return
		}
		f, source, err := sourceOf(&after)
		require.NoError(t, err)
		whole, err := read(source)
		require.NoError(t, err)
		if whole.form != f {
			return // what made it one of LangChain's forms is gone, and the rest is read as OpenAI's
		}
		whole.id = after.MessageID
		got := throughTheStore(t, whole.stored())
		got.Source = throughTheStore(t, &after).Source
		if m.Type == store.Other {
			assert.Equal(t, string(after.Content), string(whole.content))
			return // the rest is what its type makes of it
		}
		if string(after.Metadata) != string(got.Metadata) && strings.Contains(string(got.Metadata), roleKwarg) {
			return // a developer stays one, where the form says it otherwise
		}
		assert.Equal(t, throughTheStore(t, &after), got, "%s: %s", what, source)
		was, err := read(mustNormal(t, raw))
		require.NoError(t, err)
		for key, value := range was.extra {
			if !isNull(value) {
				assert.Equal(t, string(value), string(mustNormal(t, whole.extra[key])), "%s: %s", what, key)
			}
		}
	})
}
