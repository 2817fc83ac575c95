package langchain

import (
	"encoding/json"
	"fmt"
	"slices"
)

// fields reads the fields of a message, as LangChain names them. It takes the object over.
func (r *reader) fields(o object) error {
	m := r.m
	if m.kind == kindOther {
		r.unknown(o)
		return nil
	}
	if err := r.texts(o); err != nil {
		return err
	}
	if err := r.content(o.take("content")); err != nil {
		return err
	}
	for name, into := range map[string]*json.RawMessage{
		"additional_kwargs": &m.additionalKwargs, "response_metadata": &m.responseMetadata, "usage_metadata": &m.usage,
	} {
		value := o.take(name)
		if _, ok := asObject(value); !ok && !isNull(value) {
			return r.wrong(name, "an object")
		}
		if !isNull(value) {
			*into = value
		}
	}
	m.artifact = o.take("artifact")
	if err := r.calls(o.take("tool_calls")); err != nil {
		return err
	}
	if err := r.invalidCalls(o.take("invalid_tool_calls")); err != nil {
		return err
	}
	if inner, ok := asText(o["type"]); ok && (inner == m.typeName || kindOf(inner) == m.kind) {
		delete(o, "type")
	}
	m.extra = o
	return r.required()
}

// unknown takes in what is of no known type, whatever it has.
func (r *reader) unknown(o object) {
	m := r.m
	if id, ok := asText(o["id"]); ok && isID(id) {
		m.id = id
		delete(o, "id")
	}
	m.content = json.RawMessage(emptyText)
	if isContent(o["content"]) {
		m.content = o.take("content")
	}
	m.extra = o
}

// isContent tells whether a value is what content can be: a string, or a list of strings and objects.
func isContent(raw json.RawMessage) bool {
	if _, ok := asText(raw); ok {
		return true
	}
	blocks, ok := asList(raw)
	return ok && !slices.ContainsFunc(blocks, func(block json.RawMessage) bool { return block[0] != '"' && block[0] != '{' })
}

// texts reads the fields that are texts, or null.
func (r *reader) texts(o object) error {
	m := r.m
	for name, into := range map[string]*json.RawMessage{
		"name": &m.name, "role": &m.role, "tool_call_id": &m.toolCallID, "status": &m.status,
	} {
		value := o.take(name)
		if isNull(value) {
			continue
		}
		s, ok := asText(value)
		if !ok {
			return r.wrong(name, "a string")
		}
		if (name == "name" || name == "tool_call_id") && !isID(s) {
			return r.wrong(name, "1 to %d bytes without control characters", maxNameBytes)
		}
		*into = value
	}
	id := o.take("id")
	if isNull(id) {
		return nil
	}
	s, ok := asText(id)
	if !ok || !isID(s) {
		return r.wrong("id", "a string of 1 to %d bytes without control characters", maxNameBytes)
	}
	m.id = s
	return nil
}

// content reads the content. Only a model may say nothing at all.
func (r *reader) content(raw json.RawMessage) error {
	m := r.m
	switch m.content = json.RawMessage(emptyText); {
	case m.kind == kindRemove, m.kind == kindAI && isNull(raw):
		return nil
	case isContent(raw):
		m.content = raw
		return nil
	}
	if blocks, ok := asList(raw); ok {
		for i, block := range blocks {
			if block[0] != '"' && block[0] != '{' {
				return r.wrong(fmt.Sprintf("content[%d]", i), "a string or an object")
			}
		}
	}
	return r.wrong("content", "a string or a list of content blocks")
}

// required looks for what a message of its kind cannot do without.
func (r *reader) required() error {
	m := r.m
	switch {
	case m.kind == kindTool && m.toolCallID == nil:
		return r.wrong("tool_call_id", "the id of the tool call that it answers")
	case m.kind == kindChat && m.role == nil:
		return r.wrong("role", "the role of the speaker")
	case m.kind == kindFunction && m.name == nil:
		return r.wrong("name", "the name of the function")
	case m.kind == kindRemove && m.id == "":
		return r.wrong("id", "the id of the message to remove")
	}
	return nil
}

func (r *reader) wrong(field, want string, args ...any) error {
	return invalid(r.at+"."+field, want, args...)
}

// calls reads the tool calls, in LangChain's form and in OpenAI's.
func (r *reader) calls(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	list, ok := asList(raw)
	if !ok {
		return r.wrong("tool_calls", "a list")
	}
	for i, one := range list {
		at := fmt.Sprintf("tool_calls[%d]", i)
		o, ok := asObject(one)
		if !ok {
			return r.wrong(at, "a tool call as an object")
		}
		read := r.langChainCall
		if o["function"] != nil {
			read = r.openAICall
		}
		if err := read(at, o); err != nil {
			return err
		}
	}
	return nil
}

// langChainCall reads {"name", "args", "id", "type": "tool_call"}.
func (r *reader) langChainCall(at string, o object) error {
	id, err := r.callID(at, o)
	if err != nil {
		return err
	}
	name, ok := asText(o.take("name"))
	if !ok || !isID(name) {
		return r.wrong(at+".name", "the name of the tool, 1 to %d bytes", maxNameBytes)
	}
	args := o.take("args")
	if _, ok := asObject(args); !ok {
		return r.wrong(at+".args", "the arguments of the call as an object")
	}
	delete(o, "type")
	r.m.calls = append(r.m.calls, call{id: id, name: name, args: args, extra: o})
	return nil
}

// openAICall reads {"id", "type": "function", "function": {"name", "arguments"}}. What the model has written as arguments may be no
// JSON: then it is LangChain's invalid_tool_call.
func (r *reader) openAICall(at string, o object) error {
	id, err := r.callID(at, o)
	if err != nil {
		return err
	}
	if isNull(id) {
		return r.wrong(at+".id", "the id of the call")
	}
	function, ok := asObject(o.take("function"))
	if !ok {
		return r.wrong(at+".function", "the function and its arguments as an object")
	}
	name, ok := asText(function.take("name"))
	if !ok || !isID(name) {
		return r.wrong(at+".function.name", "the name of the function, 1 to %d bytes", maxNameBytes)
	}
	arguments, ok := asText(function.take("arguments"))
	if !ok {
		return r.wrong(at+".function.arguments", "the arguments as a string of JSON")
	}
	delete(o, "type")
	for key, value := range function {
		o["function."+key] = value
	}
	args, ok := argsOf(arguments)
	if !ok {
		r.m.invalidCalls = append(r.m.invalidCalls, mustEncode(object{
			"name": text(name), "args": text(arguments), "id": id, "error": json.RawMessage("null"), "type": text("invalid_tool_call"),
		}))
		return nil
	}
	r.m.calls = append(r.m.calls, call{id: id, name: name, args: args, extra: o})
	return nil
}

// argsOf reads what a model has written as arguments; not ok where that is not one JSON object.
func argsOf(arguments string) (json.RawMessage, bool) {
	raw := json.RawMessage(arguments)
	if !json.Valid(raw) {
		return nil, false
	}
	args, err := normal(raw)
	_, ok := asObject(args)
	return args, ok && err == nil
}

func (r *reader) callID(at string, o object) (json.RawMessage, error) {
	id := o.take("id")
	if isNull(id) {
		return json.RawMessage("null"), nil
	}
	if s, ok := asText(id); !ok || !isID(s) {
		return nil, r.wrong(at+".id", "a string of 1 to %d bytes", maxNameBytes)
	}
	return id, nil
}

// invalidCalls reads what LangChain could not read as tool calls.
func (r *reader) invalidCalls(raw json.RawMessage) error {
	if isNull(raw) {
		return nil
	}
	list, ok := asList(raw)
	if !ok {
		return r.wrong("invalid_tool_calls", "a list")
	}
	for i, one := range list {
		if _, ok := asObject(one); !ok {
			return r.wrong(fmt.Sprintf("invalid_tool_calls[%d]", i), "an object")
		}
	}
	r.m.invalidCalls = append(r.m.invalidCalls, list...)
	return nil
}
