package store

import (
	"encoding/json"
	"time"
)

// AgentState is one thread as it was read. The fields that a Read did not ask for are zero.
type AgentState struct {
	Owner    string
	ThreadID string

	// Epoch tells the incarnations of a thread id apart: random on creation, carried by every cursor.
	Epoch Epoch
	// Seq is the sequence number of the last message, Base that ahead of the first one: the thread holds the messages Base+1 to Seq, but
	// for those that were removed one by one. Trimmed is the number of the last message that was trimmed: all between it and Base were
	// removed, so that cursors hold from there on.
	Seq, Base, Trimmed int
	// Removed is how many of these numbers are without a message.
	Removed int
	// Edits counts the changes of messages that were there already.
	Edits int

	Version       int
	MessageCounts MessageCounts
	Context       string
	Relevant      bool
	Plan          []Plan
	ToolCalls     []ToolExecution
	Metadata      json.RawMessage
	CreatedAt     time.Time
	LastUpdated   time.Time
	TTLSeconds    int
	ExpiresAt     time.Time

	// PendingToolCalls are the calls without answers among the last messages, in the order in which they were asked for.
	PendingToolCalls []PendingToolCall

	// Pages holds the message pages that the Read asked for, by what was asked.
	Pages map[PageKey]*MessagePage

	// countOf gives the number of messages of a type by its letter.
	countOf func(letter string) int
}

// MessageCounts says how many messages a thread holds, by type.
type MessageCounts struct {
	Total, Human, Ai, System, Tool, Other int
}

// Plan is one plan of the agent.
type Plan struct {
	PlanID    string    `json:"planId"`
	Subtasks  []string  `json:"subtasks"`
	CreatedAt time.Time `json:"createdAt"`
}

// ToolExecution is one run of a tool by the agent. ToolResponse is nil until there is an answer.
type ToolExecution struct {
	ToolID       string          `json:"toolId"`
	PlanID       *string         `json:"planId,omitempty"`
	Tool         string          `json:"tool"`
	Parameters   json.RawMessage `json:"parameters"`
	ToolResponse json.RawMessage `json:"toolResponse,omitempty"`
	CreatedAt    time.Time       `json:"createdAt"`
}

// TTL says how long a thread has still to live. TTLSeconds is rounded up.
type TTL struct {
	TTLSeconds int
	ExpiresAt  time.Time
}

// MessageType is who speaks, after LangChain's classes.
type MessageType string

// The message types.
const (
	Human    MessageType = "HUMAN"
	AI       MessageType = "AI"
	System   MessageType = "SYSTEM"
	Tool     MessageType = "TOOL"
	Function MessageType = "FUNCTION"
	Chat     MessageType = "CHAT"
	Other    MessageType = "OTHER"
)

// ToolStatus is how the run of a tool ended.
type ToolStatus string

// The outcomes of a tool.
const (
	Success ToolStatus = "SUCCESS"
	Failure ToolStatus = "ERROR"
)

// Message is one message of a thread. What a writer gives is MessageID to Timestamp; the rest is the store's.
// Metadata and ResponseMetadata are JSON objects or nil, Content is a JSON string or list.
type Message struct {
	Owner    string `json:"-"`
	ThreadID string `json:"-"`
	Epoch    Epoch  `json:"-"`
	Seq      int    `json:"-"`

	MessageID        string            `json:"id"`
	Type             MessageType       `json:"type"`
	Content          json.RawMessage   `json:"content"`
	Name             *string           `json:"name,omitempty"`
	ToolCalls        []MessageToolCall `json:"tool_calls,omitempty"`
	ToolCallID       *string           `json:"tool_call_id,omitempty"`
	Status           *ToolStatus       `json:"status,omitempty"`
	Metadata         json.RawMessage   `json:"additional_kwargs,omitempty"`
	ResponseMetadata json.RawMessage   `json:"response_metadata,omitempty"`
	Usage            *Usage            `json:"usage_metadata,omitempty"`
	// Timestamp is as the writer gave it, zero where he gave none. A message that was read has the time of its
	// arrival instead of zero.
	Timestamp time.Time `json:"timestamp,omitzero"`
	// Source is what a message in another form had beside all this, as internal/langchain keeps it; nil where there was no other form.
	Source json.RawMessage `json:"lc,omitempty"`
}

// Size is that of what the writer gave, in bytes of JSON and text.
func (m *Message) Size() int {
	size := len(m.Content) + len(m.Metadata) + len(m.ResponseMetadata) + len(m.Source) + length(m.Name) + length(m.ToolCallID)
	for _, call := range m.ToolCalls {
		size += length(call.ID) + len(call.Name) + len(call.Args)
	}
	return size
}

func length(text *string) int {
	if text == nil {
		return 0
	}
	return len(*text)
}

// MessageToolCall is a call of a tool that the model asks for.
type MessageToolCall struct {
	ID   *string         `json:"id"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
}

// Usage is what a model used for a message, in tokens.
type Usage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	TotalTokens  int `json:"total_tokens"`
}
