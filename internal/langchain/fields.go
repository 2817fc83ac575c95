package langchain

import (
	"encoding/json"
	"fmt"
	"slices"
)

// place is where a field belongs. They are read in an order, so that of two errors always the same one is told.
type place struct {
	name string
	into *json.RawMessage
}

// fields reads the fields of a message, as LangChain names them. It takes the object over.
func (r *reader) fields(o object) error {
	m := r.m
	if m.kind == kindOther {
		r.unknown(o)
		return nil
	}
	if m.typeName == "developer" {
		addKwargs(o, object{roleKwarg: text(m.typeName)})
	}
	if err := r.texts(o); err != nil {
		return err
	}
	if err := r.content(o.take("content")); err != nil {
		return err
	}
	for _, f := range []place{
		{"additional_kwargs", &m.additionalKwargs}, {"response_metadata", &m.responseMetadata}, {"usage_metadata", &m.usage},
	} {
		value := o.take(f.name)
		if _, ok := asObject(value); !ok && !isNull(value) {
			return r.wrong(f.name, "an object")
		}
		*f.into = nonNull(value)
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
	for _, f := range []place{{"role", &m.role}, {"name", &m.name}, {"tool_call_id", &m.toolCallID}, {"status", &m.status}} {
		value := o.take(f.name)
		if isNull(value) {
			continue
		}
		s, ok := asText(value)
		if !ok {
			return r.wrong(f.name, "a string")
		}
		if f.name == "name" && s != "" && !isID(s) || f.name == "tool_call_id" && !isID(s) {
			return r.wrong(f.name, "1 to %d bytes without control characters", maxNameBytes)
		}
		*f.into = value
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
	case m.kind == kindFunction && optional(m.name) == nil:
		return r.wrong("name", "the name of the function")
	case m.kind == kindRemove && m.id == "":
		return r.wrong("id", "the id of the message to remove")
	}
	return nil
}

func (r *reader) wrong(field, want string, args ...any) error {
	return invalid(r.at+"."+field, want, args...)
}
