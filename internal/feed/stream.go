package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"agentstate/store"
)

// Stream is what one listener gets, as it asks for it: who asks slowly is behind, and blocks nobody. It costs no goroutine, but while the store is read for one who does not wait. One either
// waits for what comes (Next), or asks whether there is something, and is told when to ask again (Poll). Only one goroutine may ask at
// a time. Behind an error there is nothing more. A listener that leaves before ends the context that the stream was made with, if it
// has waited, or calls Leave.
type Stream[T any] struct {
	hub      *Hub
	listener listener[T]
	follower *follower
	ctx      context.Context //nolint:containedctx // the life of the stream, which is its listener's

	// reading says that a goroutine reads the store for Poll; it leaves failed behind.
	reading atomic.Bool
	failed  error
	// panicked is what the goroutine has panicked with, if it has.
	panicked string
	// waits says that somebody waits for what comes: then the end of ctx is looked after.
	waits bool
}

// progress is how a listener stands when there is nothing for it at hand.
type progress int

const (
	// present: there is something, and it was given.
	present progress = iota
	// upToDate: it has had everything, until it is woken.
	upToDate
	// behind: the store must be read.
	behind
)

// listener follows one thread.
type listener[T any] interface {
	// start waits for the subscription, and reads where the listener stands.
	start(ctx context.Context) error
	// now gives what comes next, if it is at hand. It neither waits nor reads. The error is io.EOF at the regular end.
	now() (T, progress, error)
	// catchUp reads the store for one that is behind, until Redis answers. The error is that of ctx, or what went wrong.
	catchUp(ctx context.Context) error
}

// Next waits for the next thing. Errors: io.EOF for the regular end, the context's when that has ended, context.Canceled when the hub
// was closed, and what the maker of the stream names.
func (s *Stream[T]) Next() (T, error) {
	if !s.waits {
		s.waits = true
		s.hub.leaveWith(s.ctx, s.follower)
	}
	for {
		v, at, err := s.now()
		switch {
		case err != nil:
			return v, s.over(err)
		case at == present:
			return v, nil
		case at == behind:
			if err := s.catchUp(); err != nil {
				return v, s.over(err)
			}
		default:
			select {
			case <-s.ctx.Done():
				return v, s.over(s.ctx.Err())
			case <-s.hub.ctx.Done():
				return v, s.over(s.hub.ctx.Err())
			case <-s.follower.wake:
			}
		}
	}
}

// Poll gives the next thing if it is at hand: ok. If it is not, the function that was given to Notify will be called when it is worth
// asking again. Errors are those of Next.
func (s *Stream[T]) Poll() (v T, ok bool, err error) {
	if s.reading.Load() {
		return v, false, nil
	}
	if s.panicked != "" {
		s.hub.leave(s.follower)
		panic(s.panicked)
	}
	if s.failed != nil {
		return v, false, s.over(s.failed)
	}
	v, at, err := s.now()
	switch {
	case err != nil:
		return v, false, s.over(err)
	case at == behind:
		if !s.hub.enter() {
			return v, false, s.over(context.Canceled)
		}
		s.reading.Store(true)
		go func() { // ends with the context of the stream, or with the hub, which waits for it
			defer s.hub.done.Done()
			defer func() {
				if v := recover(); v != nil { // who asks next panics with it, where somebody can tell of it
					s.panicked = fmt.Sprintf("%v, while reading on\n%s", v, debug.Stack())
				}
				s.reading.Store(false)
				s.follower.tell()
			}()
			s.failed = s.catchUp()
		}()
	}
	return v, at == present, nil
}

// Leave ends the stream, from any goroutine; who asks then gets an error, when a read that is under way has ended.
func (s *Stream[T]) Leave() { s.hub.leave(s.follower) }

// Notify makes the stream one to Poll. wake is called whenever there may be something, and when the stream may be over, from any goroutine
// and under locks: it must not block, nor ask itself.
func (s *Stream[T]) Notify(wake func()) {
	s.follower.topic.mu.Lock()
	s.follower.notify, s.follower.wake = wake, nil
	s.follower.topic.mu.Unlock()
	wake() // what has happened until now was not told
}

// now is the listener's, as long as the stream lives.
func (s *Stream[T]) now() (v T, at progress, err error) {
	if s.follower.left.Load() { // a context is asked slowly that has many others around it
		return v, 0, cmp.Or(s.life(), context.Canceled)
	}
	v, at, err = s.listener.now()
	if at == present && err == nil {
		s.hub.counts.deliveries.Add(1)
	}
	return v, at, err
}

// life tells by an error that the stream is over because its context has ended, or the hub has.
func (s *Stream[T]) life() error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.hub.ctx.Err()
}

// catchUp lets the listener read the store as long as the stream lives.
func (s *Stream[T]) catchUp() error {
	ctx, cancel := s.hub.within(s.ctx)
	defer cancel()
	s.hub.counts.catchUps.Add(1)
	return s.listener.catchUp(ctx)
}

// over leaves, and gives why the stream has ended.
func (s *Stream[T]) over(err error) error {
	if ended := s.life(); ended != nil {
		err = ended
	}
	s.hub.leave(s.follower)
	return err
}

// errClosed is for those who come after Close; another process may serve them.
var errClosed = fmt.Errorf("%w: the feed is closed", store.ErrUnavailable)

// listen makes the stream of a listener, which newListener makes for its place at the topic of the thread.
func listen[T any](
	ctx context.Context, h *Hub, threads *store.Threads, threadID string, newListener func(*follower) listener[T],
) (*Stream[T], error) {
	if !h.enter() {
		return nil, errClosed
	}
	defer h.done.Done()
	f := h.join(threads, threadID)
	l := newListener(f)
	if err := start(ctx, h, l); err != nil {
		h.leave(f)
		if ctx.Err() == nil && errors.Is(err, context.Canceled) { // by the hub, or by others: see persist
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return nil, err
	}
	return &Stream[T]{hub: h, listener: l, follower: f, ctx: ctx}, nil
}

func start[T any](ctx context.Context, h *Hub, l listener[T]) error {
	ctx, cancel := h.within(ctx)
	defer cancel()
	return l.start(ctx)
}

// persist repeats a read until Redis is available or ctx ends.
func persist(ctx context.Context, read func() error) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := read()
		// While dialling fails go-redis answers with the last error of that, which may be that another caller has cancelled.
		others := errors.Is(err, context.Canceled) && ctx.Err() == nil
		if !others && !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if err := pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// pause waits for half to one and a half times d, so that many who wait do not go on together. It gives the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
