package langchain

import (
	"encoding/json"
	"fmt"
	"slices"
)

// render gives a message in a format.
func (m *message) render(format Format) (json.RawMessage, error) {
	o, err := m.object(format)
	if err != nil {
		return nil, err
	}
	return encode(o)
}

// object is render, not encoded yet.
func (m *message) object(format Format) (object, error) {
	if len(m.formOnly) > 0 {
		return nil, m.cannot(format, m.formOnly[0])
	}
	if format == OpenAI {
		return m.openAI()
	}
	if m.kind == kindOther {
		return m.other(format)
	}
	if format == Flat && m.kind != kindChat && m.role != nil {
		return nil, m.cannot(format, "role") // which would be taken for the type
	}
	if key := first(m.envelope); key != "" {
		return nil, m.cannot(format, key)
	}
	fields, err := m.fields(format)
	if err != nil {
		return nil, err
	}
	name := m.typeIn(format)
	if format != JavaScript {
		fields["type"] = text(name)
	}
	if format == Flat {
		return fields, nil
	}
	return object{"type": text(name), "data": mustEncode(fields)}, nil
}

// dictOf gives what JavaScript's toDict writes of a message that came as its constructor: the kwargs are the data. Python's repeat the type there.
func (m *message) dictOf(source json.RawMessage) (json.RawMessage, error) {
	o, _ := asObject(source)
	fields := fieldsIn(o, "kwargs")
	if fields["type"] != nil {
		return m.render(JavaScript)
	}
	if isNull(fields["id"]) {
		fields["id"] = text(m.id)
	}
	return encode(object{"type": text(m.typeIn(JavaScript)), "data": mustEncode(fields)})
}

// typeIn gives what a format calls the type of the message. A chunk stays one where the format has chunks.
func (m *message) typeIn(format Format) string {
	if isChunk(m.typeName) && format != JavaScript {
		return m.typeName
	}
	if m.kind == kindChat && format == JavaScript {
		return "generic"
	}
	return pythonNames[m.kind]
}

// other gives a message of an unknown type, which only the forms that name it the same can say.
func (m *message) other(format Format) (object, error) {
	if m.form == "" { // of the API itself
		return m.known(format, pythonNames[m.kind])
	}
	return nil, m.cannotType(format)
}

func (m *message) cannotType(format Format) error {
	name := m.typeName
	if name == "" {
		name = pythonNames[m.kind]
	}
	return m.cannot(format, "the type "+name)
}

// known gives a message of the API itself of the type OTHER. No LangChain writes defaults into one that it does not know.
func (m *message) known(format Format, name string) (object, error) {
	fields, err := m.fields(Flat)
	if err != nil {
		return nil, err
	}
	if format != JavaScript {
		fields["type"] = text(name)
	}
	if format == Flat {
		return fields, nil
	}
	return object{"type": text(name), "data": mustEncode(fields)}, nil
}

// fields gives the fields of a message as LangChain has them.
func (m *message) fields(format Format) (object, error) {
	o := object{"content": m.content}
	if m.id != "" {
		o["id"] = text(m.id)
	}
	set(o, "name", m.name)
	set(o, "role", m.role)
	set(o, "tool_call_id", m.toolCallID)
	set(o, "status", m.status)
	set(o, "artifact", nonNull(m.artifact))
	set(o, "additional_kwargs", orNil(m.additionalKwargs))
	set(o, "response_metadata", orNil(m.responseMetadata))
	set(o, "usage_metadata", m.usage)
	calls, err := m.langChainCalls(format)
	if err != nil {
		return nil, err
	}
	if len(calls) > 0 {
		o["tool_calls"] = mustEncode(calls)
	}
	if len(m.invalidCalls) > 0 {
		o["invalid_tool_calls"] = mustEncode(m.invalidCalls)
	}
	for _, key := range m.extra.keys() {
		if o[key] != nil || key == "type" && format != JavaScript && !isNull(m.extra[key]) { // where the others have their own
			return nil, m.cannot(format, key)
		}
		o[key] = m.extra[key]
	}
	if format == Python {
		m.pythonDefaults(o)
	}
	return o, nil
}

// pythonDefaults adds what Python's model_dump writes though it was not set.
func (m *message) pythonDefaults(o object) {
	null, list, empty := json.RawMessage("null"), json.RawMessage("[]"), json.RawMessage("{}")
	defaults := object{"additional_kwargs": empty, "response_metadata": empty, "name": null, "id": null}
	switch m.kind {
	case kindAI:
		defaults["tool_calls"], defaults["invalid_tool_calls"], defaults["usage_metadata"] = list, list, null
	case kindTool:
		defaults["artifact"], defaults["status"] = null, text("success")
	default: // the others have no more
	}
	for key, value := range defaults {
		if o[key] == nil {
			o[key] = value
		}
	}
}

// langChainCalls gives the tool calls in LangChain's form. Python takes no other keys than these.
func (m *message) langChainCalls(format Format) ([]object, error) {
	var calls []object
	for i, c := range m.calls {
		if format == JavaScript && (c.name == "" || string(c.id) == emptyText) { // which has no chunks
			return nil, m.cannot(format, fmt.Sprintf("tool_calls[%d] without a name or an id", i))
		}
		o := object{"name": text(c.name), "args": c.args, "id": c.id, "type": text("tool_call")}
		for _, key := range c.extra.keys() {
			switch {
			case format != Python:
				o[key] = c.extra[key]
			case !isNull(c.extra[key]):
				return nil, m.cannot(format, fmt.Sprintf("tool_calls[%d].%s", i, key))
			}
		}
		calls = append(calls, o)
	}
	return calls, nil
}

func (m *message) cannot(format Format, field string) error {
	return &CannotSayError{MessageID: m.id, Field: field, Format: format}
}

// set sets a field that says something.
func set(o object, key string, value json.RawMessage) {
	if value != nil {
		o[key] = value
	}
}

func nonNull(raw json.RawMessage) json.RawMessage {
	if isNull(raw) {
		return nil
	}
	return raw
}

// first gives the first key of an object that says something; empty where none does.
func first(o object, but ...string) string {
	for _, key := range o.keys() {
		if !isNull(o[key]) && !slices.Contains(but, key) {
			return key
		}
	}
	return ""
}
