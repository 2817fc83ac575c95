package langchain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// openAIRoles are the roles of OpenAI's chat completions.
var openAIRoles = map[kind]string{
	kindHuman: "user", kindAI: "assistant", kindSystem: "system", kindTool: "tool", kindFunction: "function",
}

// openAIParts are the types of the parts of a content that OpenAI knows.
// https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
var openAIParts = map[string]bool{"text": true, "image_url": true, "input_audio": true, "file": true, "refusal": true}

// openAI gives a message as OpenAI has it. It has no place for ids of messages, which are the API's own; everything else that it has
// none for cannot be said.
func (m *message) openAI() (object, error) {
	if err := m.openAICannot(); err != nil {
		return nil, err
	}
	return m.openAIAsFar(), nil
}

// openAIAsFar gives of a message what OpenAI can say, without what it cannot.
func (m *message) openAIAsFar() object {
	o := object{"content": m.content}
	if role := m.openAIRole(); role != "" {
		o["role"] = text(role)
	}
	if kwargs, _ := asObject(m.additionalKwargs); m.kind == kindAI {
		for _, key := range openAIKwargs {
			set(o, key, nonNull(kwargs[key]))
		}
	}
	set(o, "name", m.name)
	set(o, "tool_call_id", m.toolCallID)
	if calls, err := m.openAICalls(); err == nil && len(calls) > 0 {
		o["tool_calls"] = mustEncode(calls)
		if m.kind == kindAI && string(m.content) == emptyText {
			o["content"] = json.RawMessage("null")
		}
	}
	return o
}

// openAIKwargs are the fields of OpenAI that LangChain keeps among the additional ones.
var openAIKwargs = []string{"function_call", "refusal", "audio"}

// openAIRole gives the role; empty where OpenAI has none for it.
func (m *message) openAIRole() string {
	if m.kind == kindChat {
		role, _ := asText(m.role)
		return role
	}
	if kwargs, _ := asObject(m.additionalKwargs); m.kind == kindSystem && string(kwargs[roleKwarg]) == `"developer"` {
		return "developer"
	}
	return openAIRoles[m.kind]
}

// openAICannot gives the first thing that OpenAI cannot say of a message; nil where there is none.
func (m *message) openAICannot() error {
	if err := m.openAICannotRole(); err != nil {
		return err
	}
	if err := m.openAIContent(); err != nil {
		return err
	}
	if status, ok := asText(m.status); ok && status != "success" {
		return m.cannot(OpenAI, "status")
	}
	for _, f := range []struct {
		name  string
		value json.RawMessage
	}{{"response_metadata", m.responseMetadata}, {"usage_metadata", m.usage}, {"artifact", m.artifact}} {
		if !isEmpty(f.value) {
			return m.cannot(OpenAI, f.name)
		}
	}
	for _, others := range []object{m.envelope, m.extra} {
		for _, key := range others.keys() {
			if !isNull(others[key]) && !isDefault(key, others[key]) {
				return m.cannot(OpenAI, key)
			}
		}
	}
	_, err := m.openAICalls()
	return err
}

// isDefault tells whether a field that LangChain once wrote into all messages says nothing.
func isDefault(key string, value json.RawMessage) bool {
	return key == "example" && string(value) == "false"
}

// openAICannotRole is openAICannot for the role, and for the additional fields, among which LangChain keeps those of OpenAI.
func (m *message) openAICannotRole() error {
	switch role, isText := asText(m.role); {
	case m.kind == kindChat && isText:
		if k := kindOf(role); role == "" || k == kindTool || k == kindFunction || k == kindRemove {
			return m.cannot(OpenAI, "the role "+role) // these have more than a content
		}
	case m.kind != kindChat && m.role != nil:
		return m.cannot(OpenAI, "role")
	case openAIRoles[m.kind] == "":
		return m.cannotType(OpenAI)
	}
	kwargs, _ := asObject(m.additionalKwargs)
	for _, key := range kwargs.keys() {
		switch value := kwargs[key]; {
		case key == roleKwarg && m.openAIRole() == "developer":
		case m.kind == kindAI && slices.Contains(openAIKwargs, key):
		case m.kind == kindAI && key == "tool_calls" && m.areCalls(value): // what LangChain has read its tool_calls from
		default:
			return m.cannot(OpenAI, "additional_kwargs."+key)
		}
	}
	return nil
}

func (m *message) openAIContent() error {
	blocks, ok := asList(m.content)
	if !ok {
		return nil
	}
	for i, block := range blocks {
		o, _ := asObject(block)
		kind, _ := asText(o["type"])
		if !openAIParts[kind] {
			if kind == "" {
				return m.cannot(OpenAI, fmt.Sprintf("content[%d]", i))
			}
			return m.cannot(OpenAI, fmt.Sprintf("content[%d] of the type %s", i, kind))
		}
	}
	return nil
}

// openAICalls gives the tool calls in OpenAI's form, those that LangChain could not read too.
func (m *message) openAICalls() ([]object, error) {
	var calls []object
	add := func(id json.RawMessage, name string, arguments string) {
		calls = append(calls, object{
			"id": id, "type": text("function"), "function": mustEncode(object{"name": text(name), "arguments": text(arguments)}),
		})
	}
	for i, c := range m.calls {
		at := fmt.Sprintf("tool_calls[%d]", i)
		if c.name == "" || optional(c.id) == nil {
			return nil, m.cannot(OpenAI, at+" without a name or an id")
		}
		if key := first(c.extra); key != "" {
			return nil, m.cannot(OpenAI, at+"."+key)
		}
		add(c.id, c.name, string(c.args))
	}
	for i, raw := range m.invalidCalls {
		at := fmt.Sprintf("invalid_tool_calls[%d]", i)
		o, _ := asObject(raw)
		name, ok1 := asText(o["name"])
		arguments, ok2 := asText(o["args"])
		if _, ok3 := asText(o["id"]); !ok1 || !ok2 || !ok3 {
			return nil, m.cannot(OpenAI, at)
		}
		if key := first(o, "name", "args", "id", "type"); key != "" {
			return nil, m.cannot(OpenAI, at+"."+key)
		}
		add(o["id"], name, arguments)
	}
	return calls, nil
}

// areCalls tells whether calls of OpenAI, which LangChain keeps among the additional fields, are those of the message: then nothing is lost with them.
func (m *message) areCalls(raw json.RawMessage) bool {
	r := &reader{m: &message{kind: kindAI}}
	if r.calls(raw) != nil || len(r.m.formOnly) > 0 {
		return false
	}
	return slices.EqualFunc(r.m.calls, m.calls, func(a, b call) bool {
		return bytes.Equal(a.id, b.id) && a.name == b.name && bytes.Equal(a.args, b.args)
	}) && slices.EqualFunc(r.m.invalidCalls, m.invalidCalls, func(a, b json.RawMessage) bool {
		x, _ := asObject(a)
		y, _ := asObject(b)
		return bytes.Equal(x["id"], y["id"]) && bytes.Equal(x["name"], y["name"]) && bytes.Equal(x["args"], y["args"])
	})
}
