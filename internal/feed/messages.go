package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"agentstate/store"
)

const (
	// readBatch is how many messages a listener that is behind reads at once.
	readBatch = 200
	// joinPatience is how long a new listener waits for the subscription.
	joinPatience = 5 * time.Second
)

// Stream is what one listener gets. C is closed at the end; Err then says why, nil for the regular end. The stream ends at
// the latest with the context that it was made with; whoever made it must read C or end that context.
type Stream[T any] struct {
	C   <-chan T
	err error
}

// Err says why the stream has ended; valid after C was closed.
func (s *Stream[T]) Err() error { return s.err }

// Messages follows the messages of a thread: those behind the cursor after, or where that is empty those that are added from now
// on. Errors: store.ErrNotFound, store.ErrBadCursor, *store.CursorExpiredError, store.ErrUnavailable. The stream ends regularly
// when the thread is gone, and with *store.CursorExpiredError when it is gone with messages that the listener has not had.
// Starting costs one round trip; a listener that keeps up costs none.
func (h *Hub) Messages(ctx context.Context, threads *store.Threads, threadID, after string) (*Stream[*store.Message], error) {
	var cursor store.Cursor
	if after != "" {
		var err error
		if cursor, err = store.ParseCursor(after); err != nil {
			return nil, err
		}
	}
	ctx, cancel := h.follow(ctx)
	t, f := h.join(threads, threadID)
	out := make(chan *store.Message)
	m := &messages{topic: t, follower: f, out: out, cursor: cursor}
	if err := m.start(ctx, after == ""); err != nil {
		h.leave(t, f)
		cancel()
		return nil, err
	}
	s := &Stream[*store.Message]{C: out}
	h.done.Go(func() { // ends with ctx, or with the thread
		defer close(out)
		defer cancel()
		defer h.leave(t, f)
		s.err = ended(m.run(ctx))
	})
	return s, nil
}

// messages is a listener's way through a thread.
type messages struct {
	topic    *topic
	follower *follower
	out      chan<- *store.Message
	// cursor is behind the last message that was given out.
	cursor store.Cursor
	// pending was read and not given out yet; more says that the store had more than was read.
	pending []*store.Message
	more    bool
	// seen is the topic as it was when the listener last did what it asks for.
	seen view
}

// start waits for the subscription, and reads where the listener stands.
func (m *messages) start(ctx context.Context, fromNow bool) error {
	if err := m.topic.awaitJoin(ctx, m.follower, joinPatience); err != nil {
		return err
	}
	m.seen = m.topic.view() // ahead of the read: what happens between is seen as a change
	if !fromNow {
		return m.read(ctx)
	}
	state, err := m.topic.threads.Get(ctx, m.topic.threadID, store.Read{})
	if err != nil {
		return err
	}
	m.cursor = store.Cursor{Epoch: state.Epoch, Seq: state.Seq}
	return nil
}

// read reads on from the store.
func (m *messages) read(ctx context.Context) error {
	batch, _, err := m.topic.threads.After(ctx, m.topic.threadID, m.cursor, readBatch)
	if err != nil {
		return err
	}
	m.pending, m.more = batch, len(batch) == readBatch
	return nil
}

// run gives out messages until the thread or ctx ends.
func (m *messages) run(ctx context.Context) error {
	for {
		if err := m.deliver(ctx); err != nil {
			return err
		}
		v, next := m.topic.look(m.cursor)
		switch {
		case v.ended.Epoch == m.cursor.Epoch && v.ended.Seq <= m.cursor.Seq:
			return errEnded
		case len(next) > 0:
			m.pending = next
		case m.more || (v != m.seen && !m.upToDate(v)):
			m.seen = v
			if err := m.catchUp(ctx, v); err != nil {
				return err
			}
		default:
			m.seen = v
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-m.follower.wake:
			}
		}
	}
}

// upToDate tells whether announcements alone show that the listener has everything: there was no subscription since it last
// read the store, and the last announced message is one that it has had.
func (m *messages) upToDate(v view) bool {
	return v.joins == m.seen.joins && v.gone == 0 && v.head.Epoch == m.cursor.Epoch && v.head.Seq <= m.cursor.Seq
}

// errEnded is the regular end of a stream.
var errEnded = errors.New("the thread is gone")

// ended gives the error that a stream shows for the reason of its end.
func ended(err error) error {
	if errors.Is(err, errEnded) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// catchUp reads on from the store, until Redis answers. errEnded: the thread is gone, and the listener has had everything.
func (m *messages) catchUp(ctx context.Context, v view) error {
	err := persist(ctx, func() error { return m.read(ctx) })
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if v.head.Epoch == m.cursor.Epoch && v.head.Seq > m.cursor.Seq {
		return &store.CursorExpiredError{} // it went with messages that cannot be read any more
	}
	return errEnded
}

// persist repeats a read until Redis is available or ctx ends.
func persist(ctx context.Context, read func() error) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := read()
		if !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff/2 + rand.N(backoff)): //nolint:gosec // jitter needs no secrecy
		}
	}
}

// deliver gives out what is pending, or the error of ctx.
func (m *messages) deliver(ctx context.Context) error {
	for _, message := range m.pending {
		select {
		case m.out <- message:
			m.cursor.Seq = message.Seq
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.pending = nil
	return nil
}
