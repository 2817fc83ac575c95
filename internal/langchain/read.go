package langchain

import (
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// read reads a source in whatever form it is, and checks it.
func read(source json.RawMessage) (*message, error) {
	o, ok := asObject(source)
	if !ok {
		return nil, invalid("", "a message as an object")
	}
	r := &reader{m: &message{extra: object{}, envelope: object{}}}
	switch {
	case isConstructor(o):
		return r.constructor(o)
	case o["data"] != nil && o["content"] == nil && o["role"] == nil:
		return r.enveloped(o)
	case o["role"] != nil:
		return r.roled(o)
	case o["type"] != nil:
		return r.flat(o)
	}
	return nil, invalid("", "a message with type and data, with type or role and content, or as LangChain's constructor")
}

// reader reads one message.
type reader struct {
	m *message
	// at is the path to the fields.
	at string
}

func isConstructor(o object) bool {
	name, _ := asText(o["type"])
	return o["lc"] != nil && name == "constructor"
}

// constructor reads {"lc": 1, "type": "constructor", "id": [..., "HumanMessage"], "kwargs": {...}}.
func (r *reader) constructor(o object) (*message, error) {
	path, ok := asList(o["id"])
	if !ok || len(path) == 0 {
		return nil, invalid(".id", "the path of the class as a list of names")
	}
	name, ok := asText(path[len(path)-1])
	if !ok {
		return nil, invalid(fmt.Sprintf(".id[%d]", len(path)-1), "the name of the class as a string")
	}
	fields, ok := asObject(o["kwargs"])
	if !ok {
		return nil, invalid(".kwargs", "the fields of the message as an object")
	}
	if kindOf(name) == kindOther {
		return nil, invalid(fmt.Sprintf(".id[%d]", len(path)-1), "the class of a message, not %q", name)
	}
	r.m.form, r.m.typeName, r.m.kind, r.at = constructor, name, kindOf(name), ".kwargs"
	return r.m, r.fields(fields)
}

// enveloped reads {"type", "data"}.
func (r *reader) enveloped(o object) (*message, error) {
	name, ok := asText(o["type"])
	if !ok || name == "" {
		return nil, invalid(".type", "the type of the message as a string")
	}
	fields, ok := asObject(o["data"])
	if !ok {
		return nil, invalid(".data", "the fields of the message as an object")
	}
	r.m.form, r.m.typeName, r.m.kind, r.at = javaScript, name, kindOf(name), ".data"
	if isPython(name, fields) {
		r.m.form = python
	}
	if r.m.form == javaScript && name == "chat" {
		r.m.form = python // JavaScript calls it generic
	}
	delete(o, "type")
	delete(o, "data")
	r.m.envelope = o
	return r.m, r.fields(fields)
}

// isPython tells whether Python wrote the fields: they repeat the type, or have nulls.
func isPython(name string, fields object) bool {
	if inner, ok := asText(fields["type"]); ok && inner == name {
		return true
	}
	for _, value := range fields {
		if isNull(value) {
			return true
		}
	}
	return isChunk(name) || kindOf(name) == kindRemove
}

// flat reads {"type", "content", ...}.
func (r *reader) flat(o object) (*message, error) {
	name, ok := asText(o["type"])
	if !ok || name == "" {
		return nil, invalid(".type", "the type of the message as a string")
	}
	delete(o, "type")
	r.m.form, r.m.typeName, r.m.kind = flat, name, kindOf(name)
	return r.m, r.fields(o)
}

// langChainOnly are fields that OpenAI does not have.
var langChainOnly = []string{
	"additional_kwargs", "response_metadata", "usage_metadata", "invalid_tool_calls", "id", "type", "artifact", "status", "example",
}

// openAIOnly are roles and fields that LangChain does not have.
var openAIOnly = []string{"refusal", "audio", "function_call", "annotations"}

// roled reads {"role", "content", ...}: a message of OpenAI, or a flat one of LangChain that calls its type a role, or what is both.
func (r *reader) roled(o object) (*message, error) {
	name, ok := asText(o["role"])
	if !ok || name == "" {
		return nil, invalid(".role", "who speaks as a string")
	}
	r.m.form, r.m.typeName, r.m.kind = role, name, kindOf(name)
	if r.m.kind == kindOther {
		r.m.kind = kindChat
	}
	switch {
	case has(o, langChainOnly):
		r.m.form = flat
	case has(o, openAIOnly), name == "developer", isNull(o["content"]), hasFunctions(o["tool_calls"]):
		r.m.form = openAI
	case o["tool_calls"] != nil:
		r.m.form = flat
	}
	delete(o, "role")
	if r.m.kind == kindChat {
		o["role"] = text(name)
	}
	if r.m.form != flat {
		r.openAIFields(o, name)
	}
	return r.m, r.fields(o)
}

func has(o object, names []string) bool {
	for _, name := range names {
		if o[name] != nil {
			return true
		}
	}
	return false
}

// hasFunctions tells whether tool calls are in OpenAI's form.
func hasFunctions(raw json.RawMessage) bool {
	calls, _ := asList(raw)
	for _, c := range calls {
		if o, ok := asObject(c); ok && o["function"] != nil {
			return true
		}
	}
	return false
}

// openAIFields puts fields of OpenAI where LangChain has them.
func (r *reader) openAIFields(o object, role string) {
	kwargs := object{}
	for _, name := range []string{"function_call", "refusal", "audio"} {
		if value := o.take(name); !isNull(value) {
			kwargs[name] = value
		}
	}
	if role == "developer" {
		kwargs[roleKwarg] = text(role)
	}
	if len(kwargs) > 0 {
		o["additional_kwargs"] = mustEncode(kwargs)
	}
}

// maxNameBytes is how long an id or a name of the API may be.
const maxNameBytes = 255

// isID tells whether a text can be an id or a name of the API.
func isID(s string) bool {
	if s == "" || len(s) > maxNameBytes || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return false
		}
	}
	return true
}
