package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// oldTypes are the message types by their words there. Any other word is kept in the response metadata of a message of type OTHER,
// where the REST endpoints keep it too.
var oldTypes = map[string]MessageType{
	"human": Human, "ai": AI, "system": System, "tool": Tool, "function": Function, "chat": Chat, "other": Other,
}

// takeMessages makes the elements of the messages' list.
func (t *oldThread) takeMessages(threadID string, messages []oldMessage) error {
	t.ids, t.elements = make([]string, len(messages)), make([]string, len(messages))
	at := t.created // of a message without a timestamp: that of the one before it
	for i, old := range messages {
		m, err := old.message(at)
		if err != nil {
			err.Place = fmt.Sprintf("messages[%d].%s", i, err.Place)
			return err
		}
		at, m.MessageID = m.Timestamp, OldMessageID(threadID, i)
		letter, body, encodeErr := encodeMessage(m)
		if encodeErr != nil {
			return encodeErr
		}
		t.counts[letter]++
		t.ids[i] = m.MessageID
		t.elements[i] = fmt.Sprintf("%d:%d:%s:%d:%s%s", i+1, at.UnixMicro(), letter, len(m.MessageID), m.MessageID, body)
	}
	return nil
}

// OldMessageID is the id that the message at place i, from 0, of a thread of the replaced service gets: a UUIDv5 of both.
func OldMessageID(threadID string, i int) string { return oldID(threadID, "message", i) }

// oldSpace is the namespace of the ids of what had none.
var oldSpace = uuid.MustParse("5d1dbb6e-33a5-4d0c-9f0e-8f7e3f3f6a51")

func oldID(threadID, what string, i int) string {
	return uuid.NewSHA1(oldSpace, fmt.Appendf(nil, "%s\x00%s\x00%d", threadID, what, i)).String()
}

// message is the message without its id; at is its time where it has none.
func (o oldMessage) message(at time.Time) (*Message, *OldDocumentError) {
	m := &Message{Timestamp: at, Content: json.RawMessage(o.Content)}
	if o.MessageType == nil {
		return nil, &OldDocumentError{Place: "message_type", Why: "is missing"}
	}
	known := false
	if m.Type, known = oldTypes[*o.MessageType]; !known {
		m.Type = Other
		m.ResponseMetadata, _ = json.Marshal(map[string]string{"message_type": *o.MessageType}) // a text can be encoded
	}
	switch o.Content.Kind() {
	case jsontext.KindBeginArray:
	case jsontext.KindString: // Python escapes all that is not ASCII; here a text has one form, by whichever door it comes
		var text string
		if err := json.Unmarshal(o.Content, &text); err != nil {
			return nil, &OldDocumentError{Place: "content", Why: "is not a text"}
		}
		m.Content = quoted(text)
	case jsontext.KindNull:
		m.Content = json.RawMessage(`""`)
	case jsontext.KindInvalid:
		return nil, &OldDocumentError{Place: "content", Why: "is missing"}
	default:
		return nil, &OldDocumentError{Place: "content", Why: "is neither a text nor a list of blocks"}
	}
	switch o.Metadata.Kind() {
	case jsontext.KindNull, jsontext.KindInvalid:
	case jsontext.KindBeginObject:
		m.Metadata = json.RawMessage(o.Metadata)
	default:
		return nil, &OldDocumentError{Place: "metadata", Why: "is not an object"}
	}
	if o.Timestamp != "" {
		var err error
		if m.Timestamp, err = oldTime("timestamp", o.Timestamp); err != nil {
			return nil, err.(*OldDocumentError) //nolint:errorlint,forcetypeassert // oldTime gives no other
		}
	}
	return m, nil
}

// quoted gives a text as GraphQL's JSON has it.
func quoted(text string) json.RawMessage {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a text can be encoded, and into memory
	return json.RawMessage(strings.TrimSuffix(out.String(), "\n"))
}

// takeRuns takes over plans and tool runs, which had no times of their own.
func (t *oldThread) takeRuns(threadID string, d *oldDocument) (err error) {
	plans, runs := make([]Plan, len(d.Plan)), make([]ToolExecution, len(d.ToolCalls))
	for i, old := range d.Plan {
		plans[i] = Plan{PlanID: cmp.Or(old.PlanID, oldID(threadID, "plan", i)), Subtasks: old.Subtasks, CreatedAt: t.updated}
		if plans[i].Subtasks == nil {
			plans[i].Subtasks = []string{}
		}
	}
	for i, old := range d.ToolCalls {
		if old.Tool == nil {
			return &OldDocumentError{Place: fmt.Sprintf("tool_calls[%d].tool", i), Why: "is missing"}
		}
		runs[i] = ToolExecution{
			ToolID: cmp.Or(old.ToolID, oldID(threadID, "tool", i)), PlanID: old.PlanID, Tool: *old.Tool, CreatedAt: t.updated,
			Parameters: given(old.Parameters), ToolResponse: given(old.ToolResponse),
		}
		if runs[i].Parameters == nil {
			runs[i].Parameters = emptyObject
		}
	}
	if t.plan, err = encodeList(plans); err == nil {
		t.toolCalls, err = encodeList(runs)
	}
	return err
}

// given is a value, nil where it is null or missing.
func given(v jsontext.Value) json.RawMessage {
	if k := v.Kind(); k == jsontext.KindNull || k == jsontext.KindInvalid {
		return nil
	}
	return json.RawMessage(v)
}
