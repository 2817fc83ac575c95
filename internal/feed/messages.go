package feed

import (
	"context"
	"errors"
	"io"

	"agentstate/store"
)

// A listener that is behind reads so many messages at first, and then as many as are likely to have batchBytes, so that a
// listener with a slow client holds little even of the largest messages.
const (
	firstBatch = 16
	mostBatch  = 200
	batchBytes = 1 << 20
)

// nextBatch is how many messages to read behind a batch: no more than four times as many, since the next ones may be larger.
func nextBatch(batch []*store.Message) int {
	bytes := 0
	for _, m := range batch {
		bytes += m.Size()
	}
	return max(1, min(4*len(batch), batchBytes*len(batch)/max(bytes, 1), mostBatch))
}

// Messages follows the messages of a thread: those behind the cursor after, or where that is empty those that are added from now
// on. Errors: store.ErrNotFound, store.ErrBadCursor, *store.CursorExpiredError, store.ErrUnavailable. The stream ends regularly
// when the thread is gone and the listener has had everything, and with *store.CursorExpiredError where it has not, or where that
// cannot be known because the thread went while Redis could not be heard.
// Starting costs one round trip; a listener that keeps up costs none.
func (h *Hub) Messages(ctx context.Context, threads *store.Threads, threadID, after string) (*Stream[*store.Message], error) {
	var cursor store.Cursor
	if after != "" {
		var err error
		if cursor, err = store.ParseCursor(after); err != nil {
			return nil, err
		}
	}
	return listen(ctx, h, threads, threadID, func(f *follower) listener[*store.Message] {
		return &messages{follower: f, cursor: cursor, fromNow: after == "", batch: firstBatch}
	})
}

// CursorOf gives the cursor behind which the next message of a stream comes. Only who asks the stream may call it.
func CursorOf(s *Stream[*store.Message]) store.Cursor {
	return s.listener.(*messages).cursor //nolint:forcetypeassert // nothing else makes such a stream
}

// messages is a listener's way through a thread.
type messages struct {
	*follower
	fromNow bool
	// cursor is behind the last message that was asked for.
	cursor store.Cursor
	// pending was read and not given out yet; more says that the store must be read again after that.
	pending []*store.Message
	more    bool
	// reached is the number up to which there is nothing behind pending: messages that were removed leave their numbers.
	reached int
	// batch is how many messages are read next.
	batch int
	// seen is the topic as it was when the listener last did what it asks for.
	seen view
}

// start waits for the subscription, and reads where the listener stands.
func (m *messages) start(ctx context.Context) error {
	if err := m.awaitJoin(ctx); err != nil {
		return err
	}
	m.seen = m.topic.view() // ahead of the read: what happens between is seen as a change
	if !m.fromNow {
		return m.read(ctx)
	}
	state, err := m.topic.state(ctx, store.Read{})
	if err != nil {
		return err
	}
	m.cursor = store.Cursor{Epoch: state.Epoch, Seq: state.Seq}
	return nil
}

// read reads on from the store. What the topic looked like ahead of that is in seen.
func (m *messages) read(ctx context.Context) error {
	batch, head, err := m.topic.after(ctx, readKey[store.Cursor]{cursor: m.cursor, limit: m.batch, view: m.seen})
	if err != nil {
		return err
	}
	m.reached = head.Seq
	if m.pending, m.more = batch, len(batch) == m.batch; m.more {
		m.batch, m.reached = nextBatch(batch), 0
	}
	return nil
}

// now gives the next message, if it is at hand.
func (m *messages) now() (*store.Message, progress, error) {
	if len(m.pending) == 0 {
		m.cursor.Seq = max(m.cursor.Seq, m.reached)
		s := m.topic.look(m.cursor)
		switch {
		case s.over && s.last <= m.cursor.Seq:
			return nil, 0, io.EOF
		case s.one != nil:
			m.cursor.Seq = s.one.Seq
			return s.one, present, nil
		case len(s.next) > 0:
			m.pending = s.next
		default:
			known := !m.more && m.upToDate(s.view)
			m.seen = s.view
			if known {
				return nil, upToDate, nil
			}
			return nil, behind, nil
		}
	}
	message := m.pending[0]
	m.pending = m.pending[1:]
	m.cursor.Seq = message.Seq
	return message, present, nil
}

// upToDate tells whether announcements alone show that the listener has everything: there was no doubt since it last
// read the store, and the last announced message is one that it has had.
func (m *messages) upToDate(v view) bool {
	return v == m.seen || (v.doubts == m.seen.doubts && v.head.Epoch == m.cursor.Epoch && v.head.Seq <= m.cursor.Seq)
}

// catchUp reads on from the store, until Redis answers.
func (m *messages) catchUp(ctx context.Context) error {
	err := persist(ctx, func() error { return m.read(ctx) })
	var expired *store.CursorExpiredError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m.depart(ctx, &store.CursorExpiredError{})
	case errors.As(err, &expired) && expired.Oldest.Epoch != m.cursor.Epoch:
		return m.depart(ctx, expired)
	}
	return err
}

// depart is for a listener whose incarnation of the thread is not in the store any more. Whether it has had everything only the
// announcement of the end tells, which may be on its way, behind others that bring messages. Where it does not come, messages
// may have been added and lost unheard, and cause says so.
func (m *messages) depart(ctx context.Context, cause *store.CursorExpiredError) error {
	var s sight
	_, err := m.await(ctx, m.pace.lastWords, func() bool {
		s = m.topic.look(m.cursor)
		return s.over || len(s.all()) > 0
	})
	switch {
	case err != nil:
		return err
	case len(s.all()) > 0:
		m.pending, m.more = s.all(), true // with more it comes back here, even if no end is ever announced
		return nil
	case s.over && s.last <= m.cursor.Seq:
		return io.EOF
	default:
		return cause
	}
}
