package langchain

import (
	"encoding/json"
	"fmt"
	"maps"
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
	case o["data"] != nil && o["content"] == nil && isNull(o["role"]):
		return r.enveloped(o)
	case !isNull(o["role"]) && !isTypeOfLangChain(o["type"]):
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
	for key, value := range o {
		if key != "lc" && key != "type" && key != "id" && key != "kwargs" && !isNull(value) {
			r.m.envelope[key] = value
		}
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
	r.m.form, r.m.typeName, r.m.kind, r.at = envelopeOf(name, fields), name, kindOf(name), ".data"
	delete(o, "type")
	delete(o, "data")
	r.m.envelope = o
	return r.m, r.fields(fields)
}

// envelopeOf tells who wrote a type and fields. Only Python repeats the type among the fields, and only there are chunks, remove and chat, which
// JavaScript calls generic. Nulls are of Python, but JavaScript writes those that it was given, such as a ToolMessage's artifact.
func envelopeOf(name string, fields object) form {
	if inner, ok := asText(fields["type"]); ok && inner == name {
		return python
	}
	if name == "chat" || isChunk(name) || kindOf(name) == kindRemove {
		return python
	}
	if name == "generic" {
		return javaScript
	}
	for _, value := range fields {
		if isNull(value) {
			return dict
		}
	}
	return javaScript
}

// flat reads {"type", "content", ...}.
func (r *reader) flat(o object) (*message, error) {
	name, ok := asText(o["type"])
	if !ok || name == "" {
		return nil, invalid(".type", "the type of the message as a string")
	}
	delete(o, "type")
	r.m.form, r.m.typeName, r.m.kind = flat, name, kindOf(name)
	if role, _ := asText(o["role"]); r.m.kind != kindChat && kindOf(role) == r.m.kind { // twice the same
		delete(o, "role")
		if role == "developer" {
			r.m.typeName = role
		}
	}
	return r.m, r.fields(o)
}

// isTypeOfLangChain tells whether a value names a type that LangChain has. A role beside it is one field more.
func isTypeOfLangChain(raw json.RawMessage) bool {
	name, _ := asText(raw)
	return kindOf(name) != kindOther
}

// langChainOnly are fields that OpenAI does not have. It has no id either, but programs add one to messages of both, as a key.
var langChainOnly = []string{
	"additional_kwargs", "response_metadata", "usage_metadata", "invalid_tool_calls", "type", "artifact", "status", "example",
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
	langChains := has(o, langChainOnly) || isNameOfLangChain(name)
	functions := hasFunctions(o["tool_calls"])
	switch {
	case langChains && functions: // both
	case langChains:
		r.m.form = flat
	case functions, has(o, openAIOnly), name == "developer", isNull(o["content"]):
		r.m.form = openAI
	case !isEmpty(o["tool_calls"]):
		r.m.form = flat
	}
	delete(o, "role")
	if r.m.kind == kindChat {
		o["role"] = text(name)
	}
	if r.m.form != flat {
		r.openAIFields(o)
	}
	return r.m, r.fields(o)
}

// isNameOfLangChain tells whether LangChain has a type of this name, and OpenAI no role.
func isNameOfLangChain(name string) bool {
	return kindOf(name) != kindOther && name != "developer" && openAIRoles[kindOf(name)] != name
}

func has(o object, names []string) bool {
	for _, name := range names {
		if o[name] != nil {
			return true
		}
	}
	return false
}

// hasFunctions tells whether tool calls, or some of them, are in OpenAI's form.
func hasFunctions(raw json.RawMessage) bool {
	calls, _ := asList(raw)
	for _, c := range calls {
		if o, ok := asObject(c); ok && isOpenAICall(o) {
			return true
		}
	}
	return false
}

// openAIFields puts fields of OpenAI where LangChain has them.
func (r *reader) openAIFields(o object) {
	kwargs := object{}
	for _, name := range openAIKwargs {
		if value := o.take(name); !isNull(value) {
			kwargs[name] = value
		}
	}
	addKwargs(o, kwargs)
}

// addKwargs puts more among the additional fields. Where something else than an object is in their place it stays, and is refused there.
func addKwargs(o, more object) {
	kwargs, ok := asObject(o["additional_kwargs"])
	if len(more) == 0 || !ok && !isNull(o["additional_kwargs"]) {
		return
	}
	if kwargs == nil {
		kwargs = object{}
	}
	maps.Copy(kwargs, more)
	o["additional_kwargs"] = mustEncode(kwargs)
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
