package langchain

import (
	"encoding/json"
	"fmt"
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
	if format == OpenAI {
		return m.openAI()
	}
	if m.kind == kindOther {
		return m.other(format)
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
		return m.known(format, "other"), nil
	}
	return nil, m.cannot(format, "the type "+m.typeName)
}

func (m *message) known(format Format, name string) object {
	fields := object{"content": m.content, "id": text(m.id)}
	set(fields, "name", m.name)
	set(fields, "additional_kwargs", m.additionalKwargs)
	set(fields, "response_metadata", m.responseMetadata)
	if format != JavaScript {
		fields["type"] = text(name)
	}
	if format == Flat {
		return fields
	}
	return object{"type": text(name), "data": mustEncode(fields)}
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
		if o[key] != nil {
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
		o := object{"name": text(c.name), "args": c.args, "id": c.id, "type": text("tool_call")}
		for _, key := range c.extra.keys() {
			if format == Python || o[key] != nil {
				return nil, m.cannot(format, fmt.Sprintf("tool_calls[%d].%s", i, key))
			}
			o[key] = c.extra[key]
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

// first gives a key of an object that has any.
func first(o object) string {
	for _, key := range o.keys() {
		return key
	}
	return ""
}
