// Package feed delivers what happens to threads to those who listen: hub.go knows who listens, line.go which pub/sub connections that
// takes, session.go holds one of them, topic.go is a thread as announcements tell of it, messages.go, edits.go and changes.go follow
// it for one listener, check.go looks whether announcements are lost.
//
// What it promises: a listener of messages gets every message behind its cursor once, in the order of their numbers. An
// announcement through Redis pub/sub is only a hint, since Redis gives it at most once: the listener owns a cursor, and reads the
// store whenever what was announced does not follow it, after every subscription, the first like any later one, and when a check
// now and then shows that an announcement was lost (check.go). It joins the channel first and reads the store then, so nothing
// falls between. What cannot be given any more (the thread was deleted with messages that the listener has not had) ends the
// stream with *store.CursorExpiredError; nothing is skipped.
//
// Slow listeners block nobody: there are no queues, and no goroutines for listeners. A listener asks for what comes next (Stream.Next),
// and one that falls behind reads on from the store at its own pace. Listeners who need the same messages share the read of them, and
// all reads take turns, so that a reconnection does not make everybody read at once (reads.go).
//
// docs/delivery.md says it for those who use it, with what cannot be promised.
//
// Locks: a hub's before a topic's, and neither is held across a call of Redis or of a listener.
package feed

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"agentstate/store"
)

// pace is how fast a hub goes where that shows outside.
type pace struct {
	// join is how long a new listener waits for the subscription.
	join time.Duration
	// lastWords is how long a listener that finds its thread gone waits for the announcement of that. It comes within
	// milliseconds, or not at all.
	lastWords time.Duration
	// check is about how often the topics are compared with the store.
	check time.Duration
	// linger is how long a topic that its last listener has left stays subscribed: who comes back soon finds it as it was.
	linger time.Duration
}

var defaultPace = pace{
	join: 5 * time.Second, lastWords: 3 * time.Second, check: 30 * time.Second, linger: 2 * time.Second,
}

const (
	// mostLingering bounds the topics that linger; beyond it they go at once.
	mostLingering = 1000
	// readsAtOnce bounds the reads of the store for listeners. After a reconnection each of them reads once; so they do that one
	// after the other, as fast as Redis is, and leave connections of the pool to others.
	readsAtOnce = 16
)

// Hub knows who listens to which thread, and keeps the subscriptions of the process accordingly: on one connection, or on one for each
// shard in use (line.go). It is safe for concurrent use. Its goroutines end with Close.
type Hub struct {
	open   func(context.Context) Source
	log    *slog.Logger
	pace   pace
	ctx    context.Context //nolint:containedctx // the life of the hub itself, which streams share; not that of a call
	cancel context.CancelFunc
	done   sync.WaitGroup
	// shardOf tells over which line a thread is announced.
	shardOf func(threads *store.Threads, threadID string) store.Shard

	// reading has a place for each read of the store that is under way for a listener.
	reading chan struct{}

	counts counts

	mu     sync.Mutex
	closed bool
	// lingering counts the topics without listeners.
	lingering int
	// lines have the topics.
	lines map[store.Shard]*line
}

// Options are the settings of a hub.
type Options struct {
	// Check is about how often each thread that is listened to is compared with the store, in case an announcement was lost
	// although the connection stands. It costs a round trip for 100 threads.
	Check time.Duration
}

// New starts a hub. open makes a pub/sub connection; it is called again whenever one has ended.
func New(open func(context.Context) Source, log *slog.Logger, o Options) *Hub {
	p := defaultPace
	p.check = o.Check
	return newHub(open, log, p)
}

func newHub(open func(context.Context) Source, log *slog.Logger, p pace) *Hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hub{
		open: open, log: log, pace: p, ctx: ctx, cancel: cancel, shardOf: (*store.Threads).Shard,
		lines: make(map[store.Shard]*line), reading: make(chan struct{}, readsAtOnce),
	}
	h.done.Go(func() { h.checks(ctx) })
	return h
}

// within gives a context for what a stream waits for: it ends with the stream's or with the hub. The caller cancels it.
func (h *Hub) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// enter makes Close wait for the caller, who calls done.Done in the end. It is false when the hub is closed.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.done.Add(1)
	return true
}

// Close ends the connections and all streams, those that are just starting too, and waits for their goroutines. Who comes later
// gets store.ErrUnavailable.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	h.cancel() // ahead of the list: who starts now sees it at his end
	var followers []*follower
	for t := range h.topics() {
		if t.idle != nil {
			t.idle.Stop()
		}
		followers = slices.AppendSeq(followers, maps.Keys(t.followers)) // changes only under both locks
	}
	h.mu.Unlock()
	for _, f := range followers {
		h.dismiss(f)
	}
	h.done.Wait()
}

// Listeners counts the streams that are open.
func (h *Hub) Listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for t := range h.topics() {
		n += len(t.followers) // changes only under both locks
	}
	return n
}

// Threads counts the threads that somebody listens to, or did until just now.
func (h *Hub) Threads() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, l := range h.lines {
		n += len(l.topics)
	}
	return n
}

// topics gives all topics. The caller holds mu.
func (h *Hub) topics() iter.Seq[*topic] {
	return func(yield func(*topic) bool) {
		for _, l := range h.lines {
			for _, t := range l.topics {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// join adds a listener to the topic of a thread, and makes the topic where there is none.
func (h *Hub) join(threads *store.Threads, threadID string) *follower {
	channel, shard := threads.Channel(threadID), h.shardOf(threads, threadID)
	h.mu.Lock()
	l := h.line(shard)
	t := l.topics[channel]
	switch {
	case t == nil:
		t = &topic{
			threads: threads, threadID: threadID, channel: channel, line: l, reading: h.reading, counts: &h.counts,
			followers: make(map[*follower]struct{}), reads: make(reads[store.Cursor, *store.Message]),
			editReads: make(reads[store.EditCursor, *store.MessageEdit]),
		}
		l.topics[channel] = t
		l.mark(channel)
	case t.idle != nil:
		t.idle.Stop()
		t.idle = nil
		h.lingering--
	}
	f := &follower{topic: t, pace: &h.pace, wake: make(chan struct{}, 1)}
	t.mu.Lock()
	t.followers[f] = struct{}{}
	t.mu.Unlock()
	h.mu.Unlock()
	return f
}

// leaveWith makes a listener leave when ctx ends, unless it has left before.
func (h *Hub) leaveWith(ctx context.Context, f *follower) {
	forget := context.AfterFunc(ctx, func() { h.dismiss(f) })
	h.mu.Lock()
	left := f.left.Load()
	f.forget = forget
	h.mu.Unlock()
	if left {
		forget()
	}
}

// dismiss takes a listener away, and tells it: it need not ask any more.
func (h *Hub) dismiss(f *follower) {
	h.leave(f)
	f.tell()
}

// leave takes a listener away, if it is there still. With the last one the topic goes too, after a while.
func (h *Hub) leave(f *follower) {
	t := f.topic
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.left.Swap(true) {
		return
	}
	if f.forget != nil {
		f.forget()
	}
	t.mu.Lock()
	delete(t.followers, f)
	last := len(t.followers) == 0
	t.mu.Unlock()
	if !last {
		return
	}
	h.lingering++
	if h.pace.linger == 0 || h.closed || h.lingering > mostLingering {
		h.retire(t)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(h.pace.linger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if t.idle == timer { // nobody has come meanwhile
			h.retire(t)
		}
	})
	t.idle = timer
}

// retire takes a topic without listeners away. The caller holds mu.
func (h *Hub) retire(t *topic) {
	t.idle = nil
	h.lingering--
	h.drop(t)
}
