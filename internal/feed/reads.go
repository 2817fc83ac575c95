package feed

import (
	"context"
	"errors"

	"agentstate/store"
)

// readKey names a read of messages that listeners share: from where, how many, and what the topic looked like when they found that
// they need it. Whoever knows the topic as it was then has missed nothing that the read may not have seen: what is announced
// later makes another view.
type readKey struct {
	cursor store.Cursor
	limit  int
	view   view
}

// sharedRead is a read under way; messages and err are valid when done is closed. The messages belong to all who read them, so
// nobody changes them.
type sharedRead struct {
	done     chan struct{}
	messages []*store.Message
	err      error
}

// after reads the messages behind a cursor, as store.After does, once for all listeners that ask for the same.
func (t *topic) after(ctx context.Context, key readKey) ([]*store.Message, error) {
	for {
		t.mu.Lock()
		r := t.reads[key]
		own := r == nil
		if own {
			r = &sharedRead{done: make(chan struct{})}
			t.reads[key] = r
		}
		t.mu.Unlock()
		if own {
			t.read(ctx, key, r)
			return r.messages, r.err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.done:
		}
		if !errors.Is(r.err, context.Canceled) { // by the listener whose read it was; then the next one reads
			return r.messages, r.err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// read does a shared read.
func (t *topic) read(ctx context.Context, key readKey, r *sharedRead) {
	defer func() {
		t.mu.Lock()
		delete(t.reads, key)
		t.mu.Unlock()
		close(r.done)
	}()
	r.err = t.inTurn(ctx, func() (err error) {
		r.messages, _, err = t.threads.After(ctx, t.threadID, key.cursor, key.limit)
		return err
	})
}

// inTurn reads the store when there is a place for it.
func (t *topic) inTurn(ctx context.Context, read func() error) error {
	select {
	case t.reading <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.reading }()
	return read()
}

// state reads the thread.
func (t *topic) state(ctx context.Context, read store.Read) (state *store.AgentState, err error) {
	err = t.inTurn(ctx, func() error {
		state, err = t.threads.Get(ctx, t.threadID, read)
		return err
	})
	return state, err
}
