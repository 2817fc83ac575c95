package feed

import (
	"context"
	"errors"
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
		h.counts.reconnections.Add(1)
		if time.Since(start) > maxBackoff {
			backoff = minBackoff
		}
		h.log.Warn("the subscription connection to Redis has ended; connecting again", "error", err, "in", backoff)
		_ = pause(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// session lives as long as one connection: it subscribes to what is wanted, and gives out what comes. It returns why it ended.
func (h *Hub) session(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	source := h.open(ctx)
	h.allDirty()
	var heard heartbeat
	heard.start = time.Now()

	var helpers sync.WaitGroup
	helpers.Go(func() { end(h.write(ctx, source)) })
	helpers.Go(func() { end(watch(ctx, source, &heard)) })
	helpers.Go(func() { // closing the connection is what ends Receive
		<-ctx.Done()
		_ = source.Close() // what it says is of no use
	})
	end(h.receive(ctx, source, heard.beat))
	helpers.Wait()
	return context.Cause(ctx) // that of the first end
}

// receive gives out what comes, until the connection ends.
func (h *Hub) receive(ctx context.Context, source Source, alive func()) error {
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

// write brings the subscriptions of one connection to what is wanted, until ctx ends or a command fails. A topic that was left
// and joined again is another one, and is subscribed to again, since only that tells its listeners that it is.
func (h *Hub) write(ctx context.Context, source Source) error {
	actual := make(map[store.Channel]*topic)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.kick:
		}
		for {
			join, leave := h.takeDirty(actual)
			if len(join)+len(leave) == 0 {
				break
			}
			if err := apply(ctx, source.Subscribe, join); err != nil {
				return err
			}
			if err := apply(ctx, source.Unsubscribe, leave); err != nil {
				return err
			}
		}
	}
}

func apply(ctx context.Context, command func(context.Context, ...store.Channel) error, channels []store.Channel) error {
	if len(channels) == 0 {
		return nil
	}
	return command(ctx, channels...)
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

// heartbeat knows when something was last heard. It counts from its start, by a clock that nobody sets.
type heartbeat struct {
	start time.Time
	last  atomic.Int64
}

func (b *heartbeat) beat()                 { b.last.Store(int64(time.Since(b.start))) }
func (b *heartbeat) silent() time.Duration { return time.Since(b.start) - time.Duration(b.last.Load()) }

// errSilent says that a connection was given up because nothing came, not even the answers to pings.
var errSilent = errors.New("nothing was heard for too long")

// watch pings the connection until ctx ends, and returns when that fails or nothing has come for too long.
func watch(ctx context.Context, source Source, heard *heartbeat) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if heard.silent() > silenceLimit {
			return errSilent
		}
		if err := source.Ping(ctx); err != nil {
			return err
		}
	}
}
