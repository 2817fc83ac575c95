// Package feed delivers what happens to threads to those who listen: hub.go holds the one pub/sub connection of the process and
// fans out, messages.go and changes.go follow one thread for one listener.
//
// What it promises: a listener of messages gets every message behind its cursor once, in the order of their numbers. An
// announcement through Redis pub/sub is only a hint, since Redis gives it at most once: the listener owns a cursor, and reads the
// store whenever what was announced does not follow it, and after every subscription, the first like any later one. It
// joins the channel first and reads the store then, so nothing falls between. What cannot be given any more (the thread was
// deleted with messages that the listener has not had) ends the stream with *store.CursorExpiredError; nothing is skipped.
//
// Slow listeners block nobody: there are no queues, a listener that falls behind reads on from the store at its own pace.
package feed

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"agentstate/store"
)

// Source is a pub/sub connection: *store.Events. After an error of Receive it is closed and another one is opened.
type Source interface {
	Subscribe(ctx context.Context, channels ...store.Channel) error
	Unsubscribe(ctx context.Context, channels ...store.Channel) error
	Ping(ctx context.Context) error
	Receive(ctx context.Context, alive func()) (store.Event, error)
	Close() error
}

const (
	// subscribeBatch is how many channels one command names at most.
	subscribeBatch = 512
	// pingEvery and silenceLimit find a connection that is dead without a sign: what is pinged answers.
	pingEvery    = 5 * time.Second
	silenceLimit = 15 * time.Second
	// The pauses between attempts to connect.
	minBackoff = 20 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// Hub knows who listens to which thread, and keeps the subscriptions of the process accordingly on one connection. It is safe for
// concurrent use. Its goroutines end with Close.
type Hub struct {
	open   func(context.Context) Source
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // the life of the hub itself, which streams share; not that of a call
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	topics map[store.Channel]*topic
	// dirty are the channels whose subscription may not be what it should be.
	dirty map[store.Channel]struct{}
	// kick tells the writer that something is dirty.
	kick chan struct{}
}

// New starts a hub. open makes a pub/sub connection; it is called again whenever one has ended.
func New(open func(context.Context) Source, log *slog.Logger) *Hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hub{
		open: open, log: log, ctx: ctx, cancel: cancel,
		topics: make(map[store.Channel]*topic), dirty: make(map[store.Channel]struct{}), kick: make(chan struct{}, 1),
	}
	h.done.Go(func() { h.run(ctx) })
	return h
}

// follow gives a context for a stream: it ends with the listener's or with the hub. The caller cancels it.
func (h *Hub) follow(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(h.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Close ends the connection and all streams, and waits for their goroutines. Nobody may start a stream after it.
func (h *Hub) Close() {
	h.cancel()
	h.done.Wait()
}

// Listeners counts the streams that are open.
func (h *Hub) Listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, t := range h.topics {
		n += len(t.followers)
	}
	return n
}

// run keeps a connection once somebody listens.
func (h *Hub) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-h.kick:
	}
	backoff := minBackoff
	for ctx.Err() == nil {
		start := time.Now()
		err := h.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > maxBackoff {
			backoff = minBackoff
		}
		h.log.Warn("the subscription connection to Redis has ended; connecting again", "error", err, "in", backoff)
		select {
		case <-ctx.Done():
		case <-time.After(backoff/2 + rand.N(backoff)): //nolint:gosec // jitter needs no secrecy
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// session lives as long as one connection: it subscribes to what is wanted, and gives out what comes.
func (h *Hub) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	source := h.open(ctx)
	var heard atomic.Int64
	alive := func() { heard.Store(time.Now().UnixNano()) }
	alive()
	h.allDirty()

	var helpers sync.WaitGroup
	helpers.Go(func() { h.write(ctx, source) })
	helpers.Go(func() { watch(ctx, source, &heard) })
	// Closing the connection is what ends Receive.
	stop := context.AfterFunc(ctx, func() { _ = source.Close() })
	defer func() {
		cancel()
		stop()
		_ = source.Close() // a second time at most; what it says is of no use
		helpers.Wait()
	}()
	for {
		event, err := source.Receive(ctx, alive)
		if err != nil {
			return err
		}
		h.mu.Lock()
		t := h.topics[event.Channel]
		h.mu.Unlock()
		if t != nil {
			t.apply(event)
		}
	}
}

// allDirty makes the writer of a new connection subscribe to everything.
func (h *Hub) allDirty() {
	h.mu.Lock()
	for channel := range h.topics {
		h.dirty[channel] = struct{}{}
	}
	h.mu.Unlock()
	h.wakeWriter()
}

func (h *Hub) wakeWriter() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// write brings the subscriptions of one connection to what is wanted, until ctx ends or a command fails. A topic that was left
// and joined again is another one, and is subscribed to again, since only that tells its listeners that it is.
func (h *Hub) write(ctx context.Context, source Source) {
	actual := make(map[store.Channel]*topic)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
		}
		for {
			join, leave := h.takeDirty(actual)
			if len(join)+len(leave) == 0 {
				break
			}
			if !apply(ctx, source.Subscribe, join) || !apply(ctx, source.Unsubscribe, leave) {
				_ = source.Close() // ends Receive, and with it the session
				return
			}
		}
	}
}

func apply(ctx context.Context, command func(context.Context, ...store.Channel) error, channels []store.Channel) bool {
	return len(channels) == 0 || command(ctx, channels...) == nil
}

// takeDirty takes some dirty channels, and tells what to do so that actual is as wanted; it notes that in actual.
func (h *Hub) takeDirty(actual map[store.Channel]*topic) (join, leave []store.Channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for channel := range h.dirty {
		if len(join) == subscribeBatch || len(leave) == subscribeBatch {
			break
		}
		delete(h.dirty, channel)
		wanted, is := h.topics[channel], actual[channel]
		switch {
		case wanted != nil && wanted != is:
			actual[channel] = wanted
			join = append(join, channel)
		case wanted == nil && is != nil:
			delete(actual, channel)
			leave = append(leave, channel)
		}
	}
	return join, leave
}

// watch pings the connection, and closes it when nothing has come for too long.
func watch(ctx context.Context, source Source, heard *atomic.Int64) {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		silent := time.Since(time.Unix(0, heard.Load()))
		if silent > silenceLimit || source.Ping(ctx) != nil {
			_ = source.Close()
			return
		}
	}
}

// join adds a listener to the topic of a thread, and makes the topic where there is none.
func (h *Hub) join(threads *store.Threads, threadID string) (*topic, *follower) {
	channel := threads.Channel(threadID)
	f := &follower{wake: make(chan struct{}, 1)}
	h.mu.Lock()
	t := h.topics[channel]
	if t == nil {
		t = &topic{threads: threads, threadID: threadID, channel: channel, followers: make(map[*follower]struct{})}
		h.topics[channel] = t
		h.dirty[channel] = struct{}{}
	}
	t.mu.Lock()
	t.followers[f] = struct{}{}
	t.mu.Unlock()
	h.mu.Unlock()
	h.wakeWriter()
	return t, f
}

// leave takes a listener away, and the topic with the last one.
func (h *Hub) leave(t *topic, f *follower) {
	h.mu.Lock()
	t.mu.Lock()
	delete(t.followers, f)
	last := len(t.followers) == 0
	t.mu.Unlock()
	if last && h.topics[t.channel] == t {
		delete(h.topics, t.channel)
		h.dirty[t.channel] = struct{}{}
	}
	h.mu.Unlock()
	if last {
		h.wakeWriter()
	}
}
