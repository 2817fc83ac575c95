package feed

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agentstate/store"
)

const (
	// ringSize is how many announced messages a topic keeps for listeners that are a little behind.
	ringSize = 64
	// endsKept is how many incarnations of a thread a topic remembers the end of, for listeners that are behind.
	endsKept = 8
)

// topic is one thread that somebody listens to, as far as announcements tell.
type topic struct {
	threads  *store.Threads
	threadID string
	channel  store.Channel
	line     *line
	// reading is the hub's bound on reads of the store.
	reading chan struct{}
	// counts are the hub's.
	counts *counts
	// idle runs while there are no listeners; the hub's mutex guards it.
	idle *time.Timer

	mu sync.Mutex
	// reads and editReads are those of the store that are under way for listeners.
	reads     reads[store.Cursor, *store.Message]
	editReads reads[store.EditCursor, *store.MessageEdit]
	followers map[*follower]struct{}
	// joined says that the channel was subscribed at least once.
	joined bool
	// doubts counts the reasons not to trust announcements alone: each subscription, since what was announced before it is not known;
	// each end of the thread; and each announcement that does not follow what is known, which was late or double, or comes from
	// a Redis that has lost something. Whoever has not looked at the store since the last one may have missed something.
	doubts int
	// head is where the thread stands; its epoch is empty as long as nothing was announced since the last subscription.
	head store.Head
	// ring holds the last announced messages without a gap; if there are any, the last one is that of head.
	ring []*store.Message
	// gone says that the thread is not there, as far as is known, and absent counts the checks that have found it so before that.
	gone   bool
	absent int
	// ends are the last known ends of the thread, in the order of their announcement.
	ends []end
}

// end is how an incarnation of a thread ended, and where it stood then. The zero Head is one that Redis has forgotten.
type end struct {
	store.Head
	kind store.EventKind
}

// follower is a listener's place at a topic.
type follower struct {
	topic *topic
	pace  *pace
	// wake tells that the topic has changed since the listener last looked. Where there is notify, that does, and there is a wake only while
	// the listener waits for something nevertheless. The topic's mutex guards both.
	wake   chan struct{}
	notify func()
	// left says that the listener has gone, and forget makes its context forget it; they change under the hub's mutex.
	left   atomic.Bool
	forget func() bool
}

// rouse tells the listener that the topic has changed, or its own life. It never blocks. The caller holds the topic's mutex.
func (f *follower) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
	if f.notify != nil {
		f.notify()
	}
}

// ear gives a wake to wait for, until done is called.
func (f *follower) ear() (wake <-chan struct{}, done func()) {
	f.topic.mu.Lock()
	defer f.topic.mu.Unlock()
	if f.wake != nil {
		return f.wake, func() {}
	}
	f.wake = make(chan struct{}, 1)
	return f.wake, func() {
		f.topic.mu.Lock()
		defer f.topic.mu.Unlock()
		f.wake = nil
	}
}

// tell rouses the listener.
func (f *follower) tell() {
	f.topic.mu.Lock()
	defer f.topic.mu.Unlock()
	f.rouse()
}

// apply takes in an event, and wakes the listeners. It never blocks and never calls Redis: the connection waits for it.
func (t *topic) apply(e store.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case e.Joined:
		// Behind a failover the thread may stand where it stood before, with other messages: nothing old must mix with the new.
		if t.joined {
			t.counts.gap(Connection)
		}
		t.joined, t.head, t.ring = true, store.Head{}, nil
		t.doubts++
	case e.Kind == store.Deleted || e.Kind == store.Expired:
		t.finish(e)
	default:
		t.advance(e)
	}
	t.wakeAll()
}

// wakeAll makes all listeners look. The caller holds mu.
func (t *topic) wakeAll() {
	for f := range t.followers {
		f.rouse()
	}
}

// finish takes in that the thread has gone. Head and ring stay: who is a little behind still gets what the ring has.
func (t *topic) finish(e store.Event) {
	t.gone = true
	t.doubts++
	known := func(other end) bool { return other.Epoch == e.Epoch && e.Epoch != "" }
	if slices.ContainsFunc(t.ends, known) {
		return
	}
	if len(t.ends) == endsKept {
		t.ends = slices.Delete(t.ends, 0, 1)
	}
	t.ends = append(t.ends, end{Head: headOf(e), kind: e.Kind})
}

// advance takes in that the thread was created or changed. The ring goes on where exactly the next message was announced, and
// starts anew otherwise. What was announced last is taken for the truth even where it does not follow, since it may be: then
// everybody looks at the store.
func (t *topic) advance(e store.Event) {
	before, head := t.head, headOf(e)
	message, brought := t.threads.Announced(t.threadID, e)
	follows := head.Epoch == before.Epoch && head.Version > before.Version && head.Seq >= before.Seq && head.Edits >= before.Edits
	if brought && head.Seq == before.Seq {
		follows = false // another message of the same number
	}
	if before.Epoch != "" && !follows {
		t.doubts++
	}
	if before.Epoch != "" && (!follows || head.Version > before.Version+1) { // each change is one version, and is announced
		t.counts.gap(Announcement)
	}
	gap := head.Seq > before.Seq
	if brought {
		gap = head.Seq > before.Seq+1
	}
	if !follows || gap || head.Edits != before.Edits { // what the ring has may be one that was changed
		t.ring = nil
	}
	if brought {
		if len(t.ring) == ringSize {
			t.ring = slices.Delete(t.ring, 0, 1) // nobody else has this slice: look copies
		}
		t.ring = append(t.ring, message)
	}
	t.gone, t.absent, t.head = false, 0, head
}

func headOf(e store.Event) store.Head {
	return store.Head{Epoch: e.Epoch, Seq: e.Seq, Version: e.Version, Edits: e.Edits}
}

// view is what a topic looked like at one moment. A listener acts when it is not what it was.
type view struct {
	joined bool
	doubts int
	head   store.Head
	// end is the last that was announced.
	end end
}

// view gives the topic as it is.
func (t *topic) view() view {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.viewLocked()
}

func (t *topic) viewLocked() view {
	v := view{joined: t.joined, doubts: t.doubts, head: t.head}
	if n := len(t.ends); n > 0 {
		v.end = t.ends[n-1]
	}
	return v
}

// sight is a topic as seen from a cursor.
type sight struct {
	view
	// next are the messages right behind the cursor, up to the head, if the ring has them all; one that is alone is one, since most
	// are, and each listener would make a list of it.
	next []*store.Message
	one  *store.Message
	// over says that the end of the cursor's incarnation was announced, and last the number of its last message.
	over bool
	last int
}

// all gives the messages right behind the cursor.
func (s sight) all() []*store.Message {
	if s.one != nil {
		return []*store.Message{s.one}
	}
	return s.next
}

// look gives the topic as seen from a cursor.
func (t *topic) look(c store.Cursor) sight {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := sight{view: t.viewLocked()}
	if n := t.head.Seq - c.Seq; c.Epoch == t.head.Epoch && n > 0 && n <= len(t.ring) {
		if n == 1 {
			s.one = t.ring[len(t.ring)-1]
		} else {
			s.next = slices.Clone(t.ring[len(t.ring)-n:])
		}
	}
	if i := slices.IndexFunc(t.ends, func(e end) bool { return e.Epoch == c.Epoch }); i >= 0 {
		s.over, s.last = true, t.ends[i].Seq
	}
	return s
}

// awaitJoin waits until the topic is subscribed. It gives store.ErrUnavailable when that takes too long.
func (f *follower) awaitJoin(ctx context.Context) error {
	joined, err := f.await(ctx, f.pace.join, func() bool { return f.topic.view().joined })
	if err == nil && !joined {
		return store.ErrUnavailable
	}
	return err
}

// await waits until ok, which is asked whenever the topic has changed, is true, and tells whether it was before the patience
// was over. The error is that of ctx.
func (f *follower) await(ctx context.Context, patience time.Duration, ok func() bool) (bool, error) {
	wake, done := f.ear() // ahead of the question, so that no answer is missed
	defer done()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		if ok() {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-timeout.C:
			return ok(), nil
		case <-wake:
		}
	}
}
