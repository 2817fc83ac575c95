package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"agentstate/store"
)

// Stream is what one listener gets, as it asks for it: who asks slowly is behind, and blocks nobody. It costs no goroutine. It is
// over with the context that it was made with, which must end: that is how a listener leaves.
type Stream[T any] struct {
	next  func(ctx context.Context) (T, error)
	life  context.Context //nolint:containedctx // that of the stream, which the one of its listener is part of
	leave func()
}

// Next waits for the next thing. Errors: io.EOF for the regular end, the context's when that has ended or the hub was closed, and
// what the maker of the stream names. Behind an error there is nothing more. Only one goroutine may ask at a time.
func (s *Stream[T]) Next() (T, error) {
	v, err := s.next(s.life)
	if err == nil {
		return v, nil
	}
	if s.life.Err() != nil {
		err = s.life.Err()
	}
	s.leave()
	return v, err
}

// errClosed is for those who come after Close; another process may serve them.
var errClosed = fmt.Errorf("%w: the feed is closed", store.ErrUnavailable)

// listener follows one thread.
type listener[T any] interface {
	// start waits for the subscription, and reads where the listener stands.
	start(ctx context.Context) error
	// next waits for what comes next: io.EOF at the regular end, the error of ctx, or what went wrong.
	next(ctx context.Context) (T, error)
}

// listen makes the stream of a listener, which newListener makes for its place at the topic of the thread.
func listen[T any](
	ctx context.Context, h *Hub, threads *store.Threads, threadID string, newListener func(*follower) listener[T],
) (*Stream[T], error) {
	if !h.enter() {
		return nil, errClosed
	}
	defer h.done.Done()
	life, cancel := h.follow(ctx)
	f := h.join(threads, threadID)
	l := newListener(f)
	if err := l.start(life); err != nil {
		h.leave(f)
		cancel()
		if ctx.Err() == nil && errors.Is(err, context.Canceled) { // by the hub, or by others: see persist
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return nil, err
	}
	h.done.Add(1)
	leave := sync.OnceFunc(func() {
		cancel() // life has ended, and the hub need not end it any more
		h.leave(f)
		h.done.Done()
	})
	context.AfterFunc(life, leave)
	return &Stream[T]{next: l.next, life: life, leave: leave}, nil
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
