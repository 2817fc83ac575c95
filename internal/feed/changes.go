package feed

import (
	"context"
	"errors"
	"time"

	"agentstate/store"
)

// Change is what happened to a thread. State is the thread as it was read then; nil where it is gone.
type Change struct {
	Kind    store.EventKind
	State   *store.AgentState
	Version int
}

// Changes follows a thread from now on: each change with the thread as read says. Changes in quick succession may come as one,
// the last one always comes. The stream goes on when the thread is gone, and tells when it is created anew; it ends with ctx.
// Errors: store.ErrNotFound, store.ErrUnavailable. Each change costs a round trip.
func (h *Hub) Changes(ctx context.Context, threads *store.Threads, threadID string, read store.Read) (*Stream[Change], error) {
	ctx, cancel := h.follow(ctx)
	t, f := h.join(threads, threadID)
	c := &changes{topic: t, follower: f, read: read}
	if err := c.start(ctx); err != nil {
		h.leave(t, f)
		cancel()
		return nil, err
	}
	out := make(chan Change)
	s := &Stream[Change]{C: out}
	h.done.Go(func() { // ends with ctx
		defer close(out)
		defer cancel()
		defer h.leave(t, f)
		s.err = ended(c.run(ctx, out))
	})
	return s, nil
}

// changes is what a listener knows of its thread.
type changes struct {
	topic    *topic
	follower *follower
	read     store.Read
	// head and expires are of the thread as it was last read; gone says that the listener was told that it is gone.
	head    store.Head
	expires time.Time
	gone    bool
	// seen is the topic as it was when the listener last read the thread.
	seen view
}

func (c *changes) start(ctx context.Context) error {
	if err := c.topic.awaitJoin(ctx, c.follower, joinPatience); err != nil {
		return err
	}
	c.seen = c.topic.view() // ahead of the read: what happens between is seen as a change
	state, err := c.topic.threads.Get(ctx, c.topic.threadID, store.Read{})
	if err != nil {
		return err
	}
	c.head, c.expires = state.Head(), state.ExpiresAt
	return nil
}

func (c *changes) run(ctx context.Context, out chan<- Change) error {
	for {
		v := c.topic.view()
		if v == c.seen {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-c.follower.wake:
			}
			continue
		}
		c.seen = v
		change, err := c.next(ctx, v)
		if err != nil {
			return err
		}
		if change.Kind == 0 {
			continue
		}
		select {
		case out <- change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next reads the thread, and tells what has happened to it; a Kind of 0 is nothing.
func (c *changes) next(ctx context.Context, v view) (Change, error) {
	var state *store.AgentState
	err := persist(ctx, func() (err error) {
		state, err = c.topic.threads.Get(ctx, c.topic.threadID, c.read)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c.left(v), nil
	case err != nil:
		return Change{}, err
	}
	return c.came(state), nil
}

// left tells that the thread is gone, once.
func (c *changes) left(v view) Change {
	if c.gone {
		return Change{}
	}
	kind := v.gone
	if kind == 0 { // the announcement was lost or is still on its way
		if kind = store.Deleted; !time.Now().Before(c.expires) {
			kind = store.Expired
		}
	}
	c.gone = true
	return Change{Kind: kind, Version: max(c.head.Version, v.head.Version)}
}

// came tells what is new in the thread as it was just read.
func (c *changes) came(state *store.AgentState) Change {
	before, wasGone := c.head, c.gone
	c.head, c.expires, c.gone = state.Head(), state.ExpiresAt, false
	change := Change{State: state, Version: state.Version}
	switch {
	case wasGone || before.Epoch != state.Epoch:
		change.Kind = store.Created
	case before.Version != state.Version:
		change.Kind = store.Updated
	}
	return change
}
