package store

import (
	"context"
)

// Head is where a thread stands.
type Head struct {
	Epoch   Epoch
	Seq     int
	Version int
}

// After reads the messages behind a cursor, at most limit of them in order, and where the thread stands. Errors: ErrNotFound, and
// *CursorExpiredError where the thread cannot give everything behind the cursor. One round trip; two where the oldest
// messages of the thread were trimmed.
func (t *Threads) After(ctx context.Context, threadID string, c Cursor, limit int) ([]*Message, Head, error) {
	key := PageKey{Range: Range{First: limit, After: c.String()}}
	state, err := t.Get(ctx, threadID, Read{Pages: []PageKey{key}})
	if err != nil {
		return nil, Head{}, err
	}
	page := state.Pages[key]
	return page.Messages, state.Head(), page.Err
}

// Head gives where the thread stands.
func (s *AgentState) Head() Head { return Head{Epoch: s.Epoch, Seq: s.Seq, Version: s.Version} }
