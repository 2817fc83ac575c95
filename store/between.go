package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

const (
	// trimRounds bounds how often a part of a list is read again because messages were trimmed under it.
	trimRounds = 10
	// trimSlack is by how many messages the second of these rounds allows for that; each further one allows four times as many.
	trimSlack = 64
)

// between reads the elements with the sequence numbers from to to. The thread may have moved on since s was read, so what it is now
// comes with them: elements are missing only where they lie before oldest, or all of them where that is of another incarnation
// (of none, where the thread is gone). One round trip, and more where messages are trimmed all the time.
func (t *Threads) between(ctx context.Context, s *AgentState, from, to int) (elements []element, oldest Cursor, err error) {
	keys := t.keysOf(s.ThreadID)
	base, slack := s.Base, 0
	for range trimRounds {
		var head *redis.SliceCmd
		var list *redis.StringSliceCmd
		err := t.store.readTx(ctx, func(pipe redis.Pipeliner) {
			head = pipe.HMGet(ctx, keys.record, "epoch", "base")
			list = pipe.LRange(ctx, keys.messages, int64(max(from-base-1-slack, 0)), int64(to-base-1))
		})
		if err != nil {
			return nil, Cursor{}, err
		}
		if oldest, err = oldestOf(head); err != nil || oldest.Epoch != s.Epoch || oldest.Seq >= to {
			return nil, oldest, err
		}
		// Trimming moves what is left to lower places, by no more than the slack.
		if oldest.Seq-base <= slack {
			elements, err = pick(list.Val(), from, to)
			return elements, oldest, err
		}
		base, slack = oldest.Seq, max(4*slack, trimSlack)
	}
	return nil, Cursor{}, ErrUnavailable
}

// oldestOf makes the position ahead of a thread's oldest message of the fields epoch and base of its record.
func oldestOf(head *redis.SliceCmd) (Cursor, error) {
	in := recordReader{values: make(map[string]string, 2)}
	for i, name := range []string{"epoch", "base"} {
		if text, ok := head.Val()[i].(string); ok {
			in.values[name] = text
		}
	}
	return Cursor{Epoch: Epoch(in.values["epoch"]), Seq: int(in.int("base"))}, in.err
}

// expired tells whether a reader that goes on behind a cursor would miss messages from the sequence number from on, now that
// oldest is the position ahead of the thread's oldest message: a *CursorExpiredError, or nil. Without such a cursor what was
// trimmed while the page was read is merely not there any more.
func (k PageKey) expired(s *AgentState, from int, oldest Cursor) error {
	if k.After != "" && (oldest.Epoch != s.Epoch || from <= oldest.Seq) {
		return &CursorExpiredError{Oldest: oldest}
	}
	return nil
}

// pick takes from a part of the list the elements with the sequence numbers from to to.
func pick(got []string, from, to int) ([]element, error) {
	elements := make([]element, 0, len(got))
	for _, text := range got {
		e, err := parseElement(text)
		if err != nil {
			return nil, err
		}
		if e.seq >= from && e.seq <= to {
			elements = append(elements, e)
		}
	}
	return elements, nil
}
