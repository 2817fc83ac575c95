package feed

import (
	"context"
	"errors"
	"time"

	"agentstate/store"
)

// Change is what happened to a thread. State is the thread as it was read then; nil where it is gone. Version is that of State,
// or the last one of the thread that is gone.
type Change struct {
	Kind    store.EventKind
	State   *store.AgentState
	Version int
}

// Changes follows a thread from now on: each change with the thread as read says. Changes in quick succession may come as one,
// the last one always comes. The stream goes on when the thread is gone, and tells when it is created anew; it ends with ctx.
// Errors: store.ErrNotFound, store.ErrUnavailable. Each change costs a round trip.
func (h *Hub) Changes(ctx context.Context, threads *store.Threads, threadID string, read store.Read) (*Stream[Change], error) {
	return listen(ctx, h, threads, threadID, func(f *follower) listener[Change] { return &changes{follower: f, read: read} })
}

// changes is what a listener knows of its thread.
type changes struct {
	*follower
	read store.Read
	// head and expires are of the thread as it was last read, and end is what was the last known end then; gone says that the
	// listener was told that it is gone.
	head    store.Head
	expires time.Time
	end     end
	gone    bool
	// seen is the topic as it was when the listener last read the thread.
	seen view
	// found is what the last reading of the thread has shown; a Kind of 0 is nothing.
	found Change
}

func (c *changes) start(ctx context.Context) error {
	if err := c.awaitJoin(ctx); err != nil {
		return err
	}
	c.seen = c.topic.view() // ahead of the read: what happens between is seen as a change
	state, err := c.topic.state(ctx, store.Read{})
	if err != nil {
		return err
	}
	c.came(state)
	return nil
}

// now gives the next change, if it was read already.
func (c *changes) now() (Change, progress, error) {
	if change := c.found; change.Kind != 0 {
		c.found = Change{}
		return change, present, nil
	}
	v := c.topic.view()
	known := c.upToDate(v)
	c.seen = v
	if known {
		return Change{}, upToDate, nil
	}
	return Change{}, behind, nil
}

// catchUp reads the thread.
func (c *changes) catchUp(ctx context.Context) (err error) {
	c.found, err = c.look(ctx)
	return err
}

// upToDate tells whether the listener knows what the topic shows: there was no doubt since it last read the thread, and what was
// announced is what it read.
func (c *changes) upToDate(v view) bool {
	return v == c.seen || (v.doubts == c.seen.doubts && v.head == c.head)
}

// look reads the thread, and tells what has happened to it; a Kind of 0 is nothing.
func (c *changes) look(ctx context.Context) (Change, error) {
	var state *store.AgentState
	err := persist(ctx, func() (err error) {
		state, err = c.topic.state(ctx, c.read)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c.left(ctx)
	case err != nil:
		return Change{}, err
	}
	return c.came(state), nil
}

// left tells that the thread is gone, once. How, and at which version, the announcement says, which may be on its way still; where
// it was lost the listener gets what is most likely.
func (c *changes) left(ctx context.Context) (Change, error) {
	if c.gone {
		return Change{}, nil
	}
	var last end
	announced, err := c.await(ctx, c.pace.lastWords, func() bool {
		last = c.topic.view().end
		return last != c.end
	})
	if err != nil {
		return Change{}, err
	}
	c.gone = true
	change := Change{Kind: last.kind, Version: last.Version}
	if !announced {
		if change.Kind = store.Deleted; !time.Now().Before(c.expires) {
			change.Kind = store.Expired
		}
	}
	if !announced || last.Epoch == "" {
		change.Version = c.head.Version
	}
	return change, nil
}

// came tells what is new in the thread as it was just read.
func (c *changes) came(state *store.AgentState) Change {
	before, wasGone := c.head, c.gone
	c.head, c.expires, c.gone, c.end = state.Head(), state.ExpiresAt, false, c.seen.end
	change := Change{State: state, Version: state.Version}
	switch {
	case wasGone || before.Epoch != state.Epoch:
		change.Kind = store.Created
	case before.Version != state.Version:
		change.Kind = store.Updated
	}
	return change
}
