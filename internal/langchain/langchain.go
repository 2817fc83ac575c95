// Package langchain takes messages in the forms in which programs around LangChain have them, and gives them back: what Python's
// message_to_dict writes, what JavaScript's toDict writes, what both write as their serialized constructors, flat objects, and those of
// OpenAI's chat completions.
//
// What went in as one form comes out in that form equal as JSON: the store keeps the fields of its own API, and beside them only what these do
// not tell of the source (source.go), which is checked by building the source again before anything is stored. Another form gets what
// it can say; what it cannot say is a *CannotSayError, never left out.
//
// The forms: https://docs.langchain.com/oss/python/langchain/messages, langchain_core/messages/base.py (message_to_dict) and utils.py
// (convert_to_messages), @langchain/core src/messages/base.ts (toDict, StoredMessage),
// https://platform.openai.com/docs/api-reference/chat/create. It knows no GraphQL and no Redis.
package langchain

import (
	"encoding/json"
	"fmt"

	"agentstate/store"
)

// Format is a form in which messages are given back.
type Format string

// The formats.
const (
	// Python is {"type", "data"} as message_to_dict writes it: data repeats the type and has nulls.
	Python Format = "PYTHON"
	// JavaScript is {"type", "data"} as toDict writes it: data has only what was set.
	JavaScript Format = "JAVASCRIPT"
	// Flat has the type, or the role, beside the other fields.
	Flat Format = "FLAT"
	// OpenAI is a message of OpenAI's chat completions.
	OpenAI Format = "OPENAI"
)

// form is a form in which messages come. Three of them are no formats.
type form string

const (
	python      form = "python"
	javaScript  form = "javascript"
	dict        form = "dict" // {"type", "data"} with nulls, but without the type in data: both of Python and of JavaScript
	flat        form = "flat"
	openAI      form = "openai"
	role        form = "role"        // {"role", "content"}: both a flat message and one of OpenAI
	constructor form = "constructor" // {"lc": 1, "type": "constructor", "id", "kwargs"}: data in another envelope
)

// isIn tells whether a source of the form is in a format as it is.
func (f form) isIn(format Format) bool {
	switch format {
	case Python:
		return f == python || f == dict
	case JavaScript:
		return f == javaScript || f == dict
	case Flat:
		return f == flat || f == role
	case OpenAI:
		return f == openAI || f == role
	}
	return false
}

// Parsed is a message that was taken in.
type Parsed struct {
	// Message has what the API has fields for, and its Source.
	Message *store.Message
	// Remove says that the source is a `remove` message, which removes the message of this id; then there is no Message.
	Remove string
}

// RemoveAll is the id of a `remove` message that removes all messages: REMOVE_ALL_MESSAGES of langgraph/graph/message.py.
const RemoveAll = "__remove_all__"

// InvalidError says what is wrong with a message, and where in it: a path like `.data.tool_calls[0].args`, empty for all of it. Want
// completes the sentence "Give … ".
type InvalidError struct{ Path, Want string }

func (e *InvalidError) Error() string { return fmt.Sprintf("give %s %s", e.Path, e.Want) }

// CannotSayError says that a message has something for which a format has no place.
type CannotSayError struct {
	MessageID, Field string
	Format           Format
}

func (e *CannotSayError) Error() string {
	return fmt.Sprintf("message %s has %s, which %s cannot say", e.MessageID, e.Field, e.Format)
}

func invalid(path, want string, args ...any) *InvalidError {
	return &InvalidError{Path: path, Want: fmt.Sprintf(want, args...)}
}

// Parse takes in one message; newID makes the id of one that has none. The error is an *InvalidError.
func Parse(raw json.RawMessage, newID func() string) (Parsed, error) {
	source, err := normal(raw)
	if err != nil {
		return Parsed{}, invalid("", "a JSON value: %v", err)
	}
	m, err := read(source)
	if err != nil {
		return Parsed{}, err
	}
	if m.kind == kindRemove {
		return Parsed{Remove: m.id}, nil
	}
	if m.id == "" {
		m.id = newID()
	}
	stored := m.stored()
	stored.Source, err = difference(stored, m.form, source)
	return Parsed{Message: stored}, err
}

// Render gives a message in a format: verbatim where it came so. The error is a *CannotSayError, or that the message is not as it was stored.
func Render(m *store.Message, format Format) (json.RawMessage, error) {
	f, source, err := sourceOf(m)
	if err != nil {
		return nil, err
	}
	if f.isIn(format) {
		return source, nil
	}
	whole := fromStored(m)
	if source != nil {
		if whole, err = read(source); err != nil {
			return nil, fmt.Errorf("langchain: a source that was stored: %w", err)
		}
		whole.id = m.MessageID
		if f == constructor && format == JavaScript && len(whole.envelope) == 0 && !isChunk(whole.typeName) {
			return whole.dictOf(source)
		}
	}
	if source == nil && whole.kind == kindChat && whole.role == nil {
		whole.role = whole.name // the API has no field for the role, and LangChain reads no chat message without one
	}
	return whole.render(format)
}
