package feed

import (
	"context"
	"sync"
	"time"

	"agentstate/store"
)

// ringSize is how many announced messages a topic keeps for listeners that are a little behind.
const ringSize = 64

// topic is one thread that somebody listens to, as far as announcements tell.
type topic struct {
	threads  *store.Threads
	threadID string
	channel  store.Channel

	mu        sync.Mutex
	followers map[*follower]struct{}
	// joins counts the subscriptions, the first and all later ones: whoever has not looked at the store since the last one may
	// have missed something. 0 is not subscribed yet.
	joins int
	// head is where the thread stands; its epoch is empty as long as nothing was announced.
	head store.Head
	// ring holds the last announced messages without a gap; the last one is that of head.
	ring []*store.Message
	// gone is store.Deleted or store.Expired after the thread went, 0 otherwise; ended is where it stood when it last went.
	gone  store.EventKind
	ended store.Head
}

// follower is a listener of a topic. wake tells that the topic has changed since it last looked; it never blocks.
type follower struct{ wake chan struct{} }

// apply takes in an event, and wakes the listeners. It never blocks and never calls Redis: the connection waits for it.
func (t *topic) apply(e store.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case e.Joined:
		t.joins++
	case e.Kind == store.Deleted || e.Kind == store.Expired:
		t.gone = e.Kind
		if e.Epoch != "" { // Redis may have forgotten it
			t.head = store.Head{Epoch: e.Epoch, Seq: e.Seq, Version: e.Version}
		}
		t.ended = t.head
	default:
		t.advance(e)
	}
	for f := range t.followers {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// advance takes in that the thread was created or changed. The ring goes on where exactly the next message was announced, and
// starts anew otherwise.
func (t *topic) advance(e store.Event) {
	follows := e.Epoch == t.head.Epoch && e.Seq == t.head.Seq+1
	grown := e.Epoch != t.head.Epoch || e.Seq != t.head.Seq
	if !follows && grown {
		t.ring = nil
	}
	if grown {
		if m, ok := t.threads.Announced(t.threadID, e); ok {
			if len(t.ring) == ringSize {
				t.ring = append(t.ring[:0:0], t.ring[1:]...)
			}
			t.ring = append(t.ring, m)
		} else {
			t.ring = nil
		}
	}
	t.gone = 0
	t.head = store.Head{Epoch: e.Epoch, Seq: e.Seq, Version: e.Version}
}

// view is what a topic looked like at one moment. A listener acts when it is not what it was.
type view struct {
	joins       int
	head, ended store.Head
	gone        store.EventKind
}

// look gives the topic as it is, and the messages right behind the cursor as far as the ring has them all.
func (t *topic) look(c store.Cursor) (view, []*store.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next []*store.Message
	if n := t.head.Seq - c.Seq; c.Epoch == t.head.Epoch && n > 0 && n <= len(t.ring) {
		next = append(next, t.ring[len(t.ring)-n:]...)
	}
	return view{joins: t.joins, head: t.head, ended: t.ended, gone: t.gone}, next
}

// view gives the topic as it is.
func (t *topic) view() view {
	v, _ := t.look(store.Cursor{})
	return v
}

// awaitJoin waits until the topic is subscribed. It gives store.ErrUnavailable when that takes too long.
func (t *topic) awaitJoin(ctx context.Context, f *follower, patience time.Duration) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		if t.view().joins > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return store.ErrUnavailable
		case <-f.wake:
		}
	}
}
