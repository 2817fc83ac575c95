package langchain

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"

	"agentstate/store"
)

// Changed makes the source of a message tell what its fields were changed to: whatever else it has stays as it came. Where its form has no
// place for that, it becomes one in LangChain's flat form, which has. It is a *CannotSayError where that one cannot say the rest of it, and
// an *InvalidError, with a path in the source, where a message of its type does not do without what was taken away.
func Changed(before, after *store.Message) error {
	f, source, err := sourceOf(before)
	if err != nil || f == "" {
		return err
	}
	if formats[f] == OpenAI && !hasPlaceInOpenAI(before, after) {
		if source, err = asFlat(before); err != nil {
			return err
		}
		f = flat
	}
	raw, err := changedSource(f, source, before, after)
	if err != nil {
		return err
	}
	if _, err := read(raw); err != nil {
		return err
	}
	after.Source, err = difference(after, f, raw)
	return err
}

// hasPlaceInOpenAI tells whether OpenAI can say what is another in after than in before, as it was and as it is. Content it takes as it
// comes (openAIAsFar).
func hasPlaceInOpenAI(before, after *store.Message) bool {
	return openAIHas(before, after) && openAIHas(after, before)
}

// openAIHas tells whether OpenAI can say what is another in a message than in the other one.
func openAIHas(m, other *store.Message) bool {
	said := &store.Message{Type: m.Type, Content: json.RawMessage(emptyText)}
	if said.Type == store.Chat { // whose role the API does not know
		said.Type = store.Human
	}
	is, was := fromStored(m), fromStored(other)
	if !bytes.Equal(is.additionalKwargs, was.additionalKwargs) {
		said.Metadata = m.Metadata
	}
	if !bytes.Equal(is.responseMetadata, was.responseMetadata) {
		said.ResponseMetadata = m.ResponseMetadata
	}
	if !bytes.Equal(is.usage, was.usage) {
		said.Usage = m.Usage
	}
	if !bytes.Equal(is.status, was.status) {
		said.Status = m.Status
	}
	if !bytes.Equal(mustEncode(m.ToolCalls), mustEncode(other.ToolCalls)) {
		said.ToolCalls = m.ToolCalls
	}
	return fromStored(said).openAICannot() == nil
}

// asFlat gives a message in LangChain's flat form.
func asFlat(m *store.Message) (json.RawMessage, error) {
	_, source, err := sourceOf(m)
	if err != nil {
		return nil, err
	}
	whole, err := read(source)
	if err != nil {
		return nil, err
	}
	whole.id = m.MessageID
	return whole.render(Flat)
}

// changeable are the fields of a source that tell what the API has fields for, by the forms that have them.
var changeable = []string{
	"content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id", "status", "additional_kwargs", "response_metadata", "usage_metadata",
	"function_call", "refusal", "audio",
}

// changedSource gives a source with what its form says of after otherwise than of before.
func changedSource(f form, source json.RawMessage, before, after *store.Message) (json.RawMessage, error) {
	was, err1 := baseOf(before, f)
	is, err2 := baseOf(after, f)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	o, _ := asObject(source)
	target, from, to := o, was, is
	name := inner[f]
	if name != "" {
		target, from, to = fieldsIn(o, name), fieldsIn(was, name), fieldsIn(is, name)
	}
	keys := changeable
	if formats[f] == OpenAI { // a developer is told by the metadata
		keys = append([]string{"role"}, changeable...)
	}
	for _, key := range keys {
		if bytes.Equal(from[key], to[key]) {
			continue
		}
		value := to[key]
		if key == "usage_metadata" {
			value = within(target[key], value)
		}
		if delete(target, key); value != nil {
			target[key] = value
		}
	}
	if name != "" {
		o[name] = mustEncode(target)
	}
	return encode(o)
}

// within gives an object with the fields of another one in it: the API knows only some of them.
func within(whole, part json.RawMessage) json.RawMessage {
	o, ok1 := asObject(whole)
	fields, ok2 := asObject(part)
	if !ok1 || !ok2 {
		return part
	}
	maps.Copy(o, fields)
	return mustEncode(o)
}
