package feed

import (
	"context"
	"errors"

	"agentstate/store"
)

// readKey names a read that listeners share: behind which cursor, how many, and what the topic looked like when they found that they
// need it. Whoever knows the topic as it was then has missed nothing that the read may not have seen: what is announced later
// makes another view.
type readKey[C comparable] struct {
	cursor C
	limit  int
	view   view
}

// sharedRead is a read under way; found and err are valid when done is closed. What was found belongs to all who read it, so nobody
// changes it.
type sharedRead[T any] struct {
	done  chan struct{}
	found found[T]
	err   error
}

// found is what a read has brought, and where the thread stood then.
type found[T any] struct {
	all  []T
	head store.Head
}

// reads are those of the store that are under way for the listeners of a topic, whose mutex guards them.
type reads[C comparable, T any] map[readKey[C]]*sharedRead[T]

// share reads once for all listeners that ask for the same.
func share[C comparable, T any](
	ctx context.Context, t *topic, under reads[C, T], key readKey[C], read func(ctx context.Context) ([]T, store.Head, error),
) (found[T], error) {
	for {
		t.mu.Lock()
		r := under[key]
		own := r == nil
		if own {
			r = &sharedRead[T]{done: make(chan struct{})}
			under[key] = r
		}
		t.mu.Unlock()
		if own {
			readFor(ctx, t, under, key, r, read)
			return r.found, r.err
		}
		select {
		case <-ctx.Done():
			return found[T]{}, ctx.Err()
		case <-r.done:
		}
		if !errors.Is(r.err, context.Canceled) { // by the listener whose read it was; then the next one reads
			return r.found, r.err
		}
		if ctx.Err() != nil {
			return found[T]{}, ctx.Err()
		}
	}
}

// readFor does a shared read.
func readFor[C comparable, T any](
	ctx context.Context, t *topic, under reads[C, T], key readKey[C], r *sharedRead[T],
	read func(ctx context.Context) ([]T, store.Head, error),
) {
	defer func() {
		t.mu.Lock()
		delete(under, key)
		t.mu.Unlock()
		close(r.done)
	}()
	r.err = t.inTurn(ctx, func() (err error) {
		r.found.all, r.found.head, err = read(ctx)
		return err
	})
}

// after reads the messages behind a cursor, as store.After does, once for all listeners that ask for the same.
func (t *topic) after(ctx context.Context, key readKey[store.Cursor]) ([]*store.Message, store.Head, error) {
	found, err := share(ctx, t, t.reads, key, func(ctx context.Context) ([]*store.Message, store.Head, error) {
		return t.threads.After(ctx, t.threadID, key.cursor, key.limit)
	})
	return found.all, found.head, err
}

// editsAfter reads the changes of messages behind a cursor, as store.EditsAfter does, once for all listeners that ask for the same.
func (t *topic) editsAfter(ctx context.Context, key readKey[store.EditCursor]) ([]*store.MessageEdit, store.Head, error) {
	found, err := share(ctx, t, t.editReads, key, func(ctx context.Context) ([]*store.MessageEdit, store.Head, error) {
		return t.threads.EditsAfter(ctx, t.threadID, key.cursor, key.limit)
	})
	return found.all, found.head, err
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
