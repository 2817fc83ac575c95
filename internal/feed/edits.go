package feed

import (
	"context"
	"errors"
	"io"

	"agentstate/store"
)

// editBatch is how many changes of messages a listener reads at once.
const editBatch = 16

// Edits follows the changes of messages that a thread has had already: those behind the cursor after, or where that is empty those from
// now on, each once, in their order. Errors: store.ErrNotFound, store.ErrBadCursor, *store.EditsExpiredError, store.ErrUnavailable.
// The stream ends regularly when the thread is gone: then there is nothing left that could be out of date.
// Starting costs one round trip, and so does each change, once for all who listen.
func (h *Hub) Edits(ctx context.Context, threads *store.Threads, threadID, after string) (*Stream[*store.MessageEdit], error) {
	var cursor store.EditCursor
	if after != "" {
		var err error
		if cursor, err = store.ParseEditCursor(after); err != nil {
			return nil, err
		}
	}
	return listen(ctx, h, threads, threadID, func(f *follower) listener[*store.MessageEdit] {
		return &edits{follower: f, cursor: cursor, fromNow: after == ""}
	})
}

// EditCursorOf gives the cursor behind which the next change of a stream comes. Only who asks the stream may call it.
func EditCursorOf(s *Stream[*store.MessageEdit]) store.EditCursor {
	return s.listener.(*edits).cursor //nolint:forcetypeassert // nothing else makes such a stream
}

// edits is a listener's way through the changes of a thread's messages.
type edits struct {
	*follower
	fromNow bool
	// cursor is behind the last change that was asked for.
	cursor store.EditCursor
	// pending was read and not given out yet; more says that the store must be read again after that.
	pending []*store.MessageEdit
	more    bool
	// seen is the topic as it was when the listener last read the store, or found that it need not.
	seen view
	// gone says that the incarnation of the thread that the listener follows is not there any more.
	gone bool
}

// start waits for the subscription, and reads where the listener stands.
func (e *edits) start(ctx context.Context) error {
	if err := e.awaitJoin(ctx); err != nil {
		return err
	}
	e.seen = e.topic.view() // ahead of the read: what happens between is seen as a change
	if !e.fromNow {
		return e.read(ctx)
	}
	state, err := e.topic.state(ctx, store.Read{})
	if err != nil {
		return err
	}
	e.cursor = store.EditCursor{Epoch: state.Epoch, Number: state.Edits}
	return nil
}

// read reads on from the store. What the topic looked like ahead of that is in seen.
func (e *edits) read(ctx context.Context) error {
	batch, head, err := e.topic.editsAfter(ctx, readKey[store.EditCursor]{cursor: e.cursor, limit: editBatch, view: e.seen})
	if err != nil {
		return err
	}
	e.pending = batch
	e.more = len(batch) > 0 && batch[len(batch)-1].Number < head.Edits
	return nil
}

// now gives the next change, if it is at hand.
func (e *edits) now() (*store.MessageEdit, progress, error) {
	switch {
	case len(e.pending) > 0:
		edit := e.pending[0]
		e.pending, e.cursor.Number = e.pending[1:], edit.Number
		return edit, present, nil
	case e.gone:
		return nil, 0, io.EOF
	}
	v := e.topic.view()
	known := !e.more && e.upToDate(v)
	e.seen = v
	if known {
		return nil, upToDate, nil
	}
	return nil, behind, nil
}

// upToDate tells whether announcements alone show that the listener has everything.
func (e *edits) upToDate(v view) bool {
	return v == e.seen || (v.doubts == e.seen.doubts && v.head.Epoch == e.cursor.Epoch && v.head.Edits <= e.cursor.Number)
}

// catchUp reads on from the store, until Redis answers.
func (e *edits) catchUp(ctx context.Context) error {
	err := persist(ctx, func() error { return e.read(ctx) })
	var expired *store.EditsExpiredError
	if errors.Is(err, store.ErrNotFound) || errors.As(err, &expired) && expired.Newest.Epoch != e.cursor.Epoch {
		e.gone = true
		return nil
	}
	return err
}
