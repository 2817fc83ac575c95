package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// ID is the cache identity of the thread: unique over all owners, stable over its incarnations.
func (s *AgentState) ID() string { return string(s.AppendID(nil)) }

// AppendID appends the ID.
func (s *AgentState) AppendID(out []byte) []byte {
	return appendIdentity(out, "AgentState", s.Owner, s.ThreadID)
}

// ID is the cache identity of the message: unique over all owners and threads.
func (m *Message) ID() string { return string(m.AppendID(nil)) }

// AppendID appends the ID.
func (m *Message) AppendID(out []byte) []byte {
	return appendIdentity(out, "Message", m.Owner, m.ThreadID, m.MessageID)
}

// appendIdentity joins the parts of a name by a byte that none of them can hold.
func appendIdentity(out []byte, parts ...string) []byte {
	var room [256]byte
	name := room[:0]
	for i, part := range parts {
		if i > 0 {
			name = append(name, 0)
		}
		name = append(name, part...)
	}
	return base64.RawURLEncoding.AppendEncode(out, name)
}

// Cursor is the position of the message in its thread.
func (m *Message) Cursor() string { return Cursor{Epoch: m.Epoch, Seq: m.Seq}.String() }

// MessageCursor is the position behind the last message of the thread, or at the beginning of one that has had none.
func (s *AgentState) MessageCursor() string { return Cursor{Epoch: s.Epoch, Seq: s.Seq}.String() }

// Text gives the text of the content: the string itself, or the text of its blocks, joined. A block is a string, or an
// object whose "type" is "text" (or absent) and whose "text" is a string; all others have no text.
// https://docs.langchain.com/oss/python/langchain/messages#message-content
func (m *Message) Text() string {
	content := bytes.TrimSpace(m.Content)
	if len(content) == 0 || content[0] == '"' {
		var text string
		_ = json.Unmarshal(content, &text) // checked when it was written; anything else has no text
		return text
	}
	var blocks []json.RawMessage
	if json.Unmarshal(content, &blocks) != nil {
		return ""
	}
	var joined strings.Builder
	for _, raw := range blocks {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			joined.WriteString(text)
			continue
		}
		var block struct {
			Type *string `json:"type"`
			Text *string `json:"text"`
		}
		if json.Unmarshal(raw, &block) == nil && block.Text != nil && (block.Type == nil || *block.Type == "text") {
			joined.WriteString(*block.Text)
		}
	}
	return joined.String()
}
