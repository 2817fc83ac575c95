package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
)

//go:embed scripts/pending.lua
var luaPending string

var pendingScript = newScript(luaPending, false)

const (
	// pendingMessages is among how many messages at the end of a thread calls without answers are looked for, and pendingLooked among how
	// many bytes of them: a Redis that looks through more does nothing else for too long. pendingBytes bounds what is read of them.
	pendingMessages = 1000
	pendingLooked   = 32 << 20
	pendingBytes    = 4 << 20
)

// PendingToolCall is a tool call that waits for its answer.
type PendingToolCall struct {
	ID   string
	Name string
	Args json.RawMessage
	// MessageID and Seq name the message that asks for it.
	MessageID string
	Seq       int
}

// fillPending reads the pending tool calls of threads that were read, one round trip for all of them.
func (t *Threads) fillPending(ctx context.Context, states []*AgentState) error {
	calls := make([]call, len(states))
	for i, s := range states {
		calls[i] = call{script: pendingScript, keys: t.keysOf(s.ThreadID).forScript(), args: []any{pendingMessages, pendingBytes, pendingLooked}}
	}
	var failed error
	err := t.runAll(ctx, calls, func(i int, status string, r reply) {
		if status != "OK" { // it has gone meanwhile, and nothing of it waits any more
			return
		}
		pending, err := t.pending(states[i].ThreadID, r)
		if err != nil {
			failed = err
		}
		states[i].PendingToolCalls = pending
	})
	if err != nil {
		return err
	}
	return failed
}

// pending gives the calls without answers of what pending.lua says: from the last message on, so that answers come ahead of their calls.
func (t *Threads) pending(threadID string, r reply) ([]PendingToolCall, error) {
	answered := make(map[string]bool)
	var pending []PendingToolCall
	for i := 1; i < len(r); i++ {
		text := r.text(i)
		if id, ok := strings.CutPrefix(text, "="); ok {
			var name string
			if err := json.Unmarshal([]byte(id), &name); err != nil {
				return nil, errElement
			}
			answered[name] = true
			continue
		}
		m, err := t.decode(threadID, Epoch(r.text(0)), text)
		if err != nil {
			return nil, err
		}
		if m.ToolCallID != nil && m.Type == Tool {
			answered[*m.ToolCallID] = true
		}
		for _, c := range slices.Backward(m.ToolCalls) {
			if c.ID == nil || answered[*c.ID] {
				continue
			}
			answered[*c.ID] = true // an older call of the same id has its answer in a newer one, or waits with it
			pending = append(pending, PendingToolCall{ID: *c.ID, Name: c.Name, Args: c.Args, MessageID: m.MessageID, Seq: m.Seq})
		}
	}
	slices.Reverse(pending)
	return pending, nil
}
