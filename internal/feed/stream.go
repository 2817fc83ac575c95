package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"agentstate/store"
)

// Stream is what one listener gets. C is closed at the end; Err then says why, nil for the regular end. The stream ends at
// the latest with the context that it was made with; whoever made it must read C or end that context.
type Stream[T any] struct {
	C   <-chan T
	err error
}

// Err says why the stream has ended; valid after C was closed.
func (s *Stream[T]) Err() error { return s.err }

var (
	// errIdle says that there is nothing to do until the listener is woken.
	errIdle = errors.New("nothing to do")
	// errEnded is the regular end of a stream.
	errEnded = errors.New("the thread is gone")
	// errClosed is for those who come after Close; another process may serve them.
	errClosed = fmt.Errorf("%w: the feed is closed", store.ErrUnavailable)
)

// StalledError says that a listener took nothing for so long although there was something for it. What it has had it knows by its
// cursor, and may come back with that.
type StalledError struct{ After time.Duration }

func (e *StalledError) Error() string {
	return fmt.Sprintf("the listener took nothing for %v", e.After)
}

// give gives a listener something, or the error of ctx, or a *StalledError where nobody takes it in time.
func give[T any](ctx context.Context, f *follower, out chan<- T, v T) error {
	if f.patience == nil {
		f.patience = time.NewTimer(f.pace.stall)
	} else {
		f.patience.Reset(f.pace.stall)
	}
	defer f.patience.Stop()
	select {
	case out <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.patience.C:
		return &StalledError{After: f.pace.stall}
	}
}

// listener follows one thread.
type listener[T any] interface {
	// start waits for the subscription, and reads where the listener stands.
	start(ctx context.Context) error
	// run gives out what has happened, and returns errIdle when it has given out everything; it is called again when something
	// happens. At the end it returns errEnded, the error of ctx, or what went wrong.
	run(ctx context.Context, out chan<- T) error
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
	out := make(chan T)
	s := &Stream[T]{C: out}
	h.done.Add(1)
	unhook := context.AfterFunc(life, f.worker.kick)
	f.worker.begin(func() bool { // it is over with ctx, with the hub, or with the thread
		err := l.run(life, out)
		if errors.Is(err, errIdle) {
			return true
		}
		s.err = ended(life, err)
		h.leave(f)
		unhook()
		cancel()
		close(out)
		h.done.Done()
		return false
	})
	return s, nil
}

// ended gives the error that a stream shows for the reason of its end. Whatever goes wrong when ctx has ended is no error.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, errEnded) || ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	return err
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
