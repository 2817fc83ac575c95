package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Head is where a thread stands.
type Head struct {
	Epoch   Epoch
	Seq     int
	Version int
	// Edits counts the changes of messages that were there already.
	Edits int
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
func (s *AgentState) Head() Head {
	return Head{Epoch: s.Epoch, Seq: s.Seq, Version: s.Version, Edits: s.Edits}
}

// heads is Heads without a look for what may be adopted.
func (t *Threads) heads(ctx context.Context, threadIDs []string) ([]Head, error) {
	clocks, records := make([]*redis.TimeCmd, len(threadIDs)), make([]*redis.SliceCmd, len(threadIDs))
	err := t.readEach(ctx, threadIDs, func(ctx context.Context, pipe redis.Pipeliner, i int) {
		clocks[i] = pipe.Time(ctx)
		records[i] = pipe.HMGet(ctx, t.keysOf(threadIDs[i]).record, headFields...)
	})
	if err != nil {
		return nil, err
	}
	heads := make([]Head, len(threadIDs))
	for i, record := range records {
		in := recordReader{values: valuesOf(headFields, record)}
		if in.values["epoch"] == "" || !in.time("expires").After(clocks[i].Val()) {
			continue
		}
		heads[i] = Head{Epoch: Epoch(in.values["epoch"]), Seq: int(in.int("seq")), Version: int(in.int("version")), Edits: int(in.int("edits"))}
		if in.err != nil {
			return nil, in.err
		}
	}
	return heads, nil
}

var headFields = []string{"epoch", "seq", "version", "edits", "expires"}

// Owner gives whose threads these are.
func (t *Threads) Owner() string { return t.owner }
