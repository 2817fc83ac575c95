package httpapi

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// SharedRates counts the requests of callers for all processes.
type SharedRates interface {
	// Allow counts a request of a caller, who may send so many per second, and burst of them at once after a pause. A wait says that it
	// is one too many, which is not counted, and how long it takes until he may send the next.
	Allow(ctx context.Context, caller string, perSecond, burst int) (wait time.Duration, err error)
}

const (
	// askTimeout bounds what a request waits to be counted for all: a round trip takes less than a millisecond.
	askTimeout = 250 * time.Millisecond
	// askAgain is for how long nobody is asked behind a failure, but for one request in so long that tries.
	askAgain = time.Second
)

// sharedRates asks SharedRates. A limit must never be the reason that a request fails: where there is no answer in time, what this
// process counts by itself is the limit, so that a caller has that of each process. A nil one is never asked.
type sharedRates struct {
	all SharedRates
	log *slog.Logger
	// tryAt is when to ask again; nil while there are answers.
	tryAt atomic.Pointer[time.Time]
}

// newSharedRates gives nil for nil.
func newSharedRates(all SharedRates, log *slog.Logger) *sharedRates {
	if all == nil {
		return nil
	}
	return &sharedRates{all: all, log: log}
}

// ask counts a request that this process lets pass, or gives how long all processes together make the caller wait. It counts although
// the caller may have gone: else whoever never waits for an answer would send for nothing.
func (s *sharedRates) ask(ctx context.Context, caller string, perSecond, burst int, now time.Time) time.Duration {
	if s == nil {
		return 0
	}
	again := now.Add(askAgain)
	tryAt := s.tryAt.Load()
	if tryAt != nil && (now.Before(*tryAt) || !s.tryAt.CompareAndSwap(tryAt, &again)) {
		return 0 // it is not time yet, or another one tries
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	wait, err := s.all.Allow(bounded, caller, perSecond, burst)
	if err != nil {
		if s.tryAt.Swap(&again) == nil {
			s.log.WarnContext(ctx, "requests per second are counted in this process alone: Redis does not count them", "error", err)
		}
		return 0
	}
	if tryAt != nil && s.tryAt.Swap(nil) != nil {
		s.log.InfoContext(ctx, "requests per second are counted for all processes again")
	}
	return wait
}
