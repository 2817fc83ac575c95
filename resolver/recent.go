package resolver

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// recentFor is how long an answer is given to whoever asks.
	recentFor = time.Second
	// lookTimeout is how long it may take to get one: less than whoever asks has, so that he hears what was wrong.
	lookTimeout = 1500 * time.Millisecond
)

// recent has one answer for all who ask within recentFor, and has it made once however many ask at the same time: so it does not matter
// who may ask, and how often. Its zero value is ready to use.
type recent[T any] struct {
	making singleflight.Group
	last   atomic.Pointer[answer[T]]
}

type answer[T any] struct {
	value T
	made  time.Time
}

// get gives the answer, which look makes where there is none of late. Look goes on although this caller goes, since others wait for
// it; the error is that of the caller's context, when it ended first.
func (r *recent[T]) get(ctx context.Context, look func(context.Context) T) (T, error) {
	if last := r.last.Load(); last.fresh() {
		return last.value, nil
	}
	made := r.making.DoChan("", func() (any, error) {
		last := r.last.Load()
		if !last.fresh() { // nobody was faster
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
			defer cancel()
			last = &answer[T]{look(bounded), time.Now()}
			r.last.Store(last)
		}
		return last, nil
	})
	select {
	case result := <-made:
		return result.Val.(*answer[T]).value, nil //nolint:forcetypeassert // as made above
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (a *answer[T]) fresh() bool { return a != nil && time.Since(a.made) < recentFor }
