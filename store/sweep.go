package store

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// sweepStep is how many threads one round trip removes: some 10 us of Redis each.
const sweepStep = 100

// sweepBatch is how many threads one round trip clears away.
const sweepBatch = 16 * sweepStep

// ownersStep is about how many owners of a bucket one tick of the sweeper looks at.
const ownersStep = 100

// Cleaned is what came of a Cleanup.
type Cleaned struct {
	Count int
	// ThreadIDs are the first so many.
	ThreadIDs []string
}

// Cleanup removes the owner's threads that were last updated more than age ago, and clears away what expired ones have left;
// a dry run removes nothing. It gives at most ids thread ids. It goes in steps of 100 threads, each in a round trip of its own;
// a thread that is written to meanwhile stays. An error leaves what was done before it.
func (t *Threads) Cleanup(ctx context.Context, age time.Duration, dryRun bool, ids int) (*Cleaned, error) {
	now, err := t.store.rdb.Time(ctx).Result()
	if err != nil {
		return nil, translate(err)
	}
	if !dryRun {
		all := make([]place, len(t.store.keys.buckets))
		for b := range all {
			all[b] = place{t.owner, b}
		}
		if err := t.store.sweep(ctx, now, all); err != nil {
			return nil, err
		}
	}
	cleaned := &Cleaned{}
	before := now.Add(-age).Truncate(time.Microsecond)
	cutoff := before.UnixMicro()
	l := listing{index: t.store.keys.updated, high: scoreBefore(&before)}
	for {
		l.backward = true // oldest first, so that what was removed need not be passed over again
		f, err := t.search(ctx, l, sweepStep, budget{})
		if err != nil {
			return nil, err
		}
		if err := t.cleanupStep(ctx, f.entries, cutoff, dryRun, ids, cleaned); err != nil {
			return nil, err
		}
		if !f.more {
			return cleaned, nil
		}
		l.before = &f.entries[len(f.entries)-1]
	}
}

// cleanupStep removes some threads unless they were updated since the cutoff.
func (t *Threads) cleanupStep(ctx context.Context, entries []entry, cutoff int64, dryRun bool, ids int, cleaned *Cleaned) error {
	count := func(i int, status string, _ reply) {
		if status != "OK" {
			return
		}
		if !dryRun {
			t.store.removed.cleaned.Add(1)
		}
		if cleaned.Count++; len(cleaned.ThreadIDs) < ids {
			cleaned.ThreadIDs = append(cleaned.ThreadIDs, entries[i].id)
		}
	}
	if dryRun {
		for i := range entries {
			count(i, "OK", nil)
		}
		return nil
	}
	calls := make([]call, len(entries))
	for i, e := range entries {
		calls[i] = t.deletion(e.id, "", strconv.FormatInt(cutoff, 10))
	}
	return t.store.runAll(ctx, calls, count)
}

// place is an owner's part of a bucket.
type place struct {
	owner  string
	bucket int
}

// sweep clears away what threads whose expiry was no later than now have left in some places, and tells their listeners. One
// round trip to find them, and two more for each 100 of them in a place.
func (s *Store) sweep(ctx context.Context, now time.Time, in []place) error {
	due := &redis.ZRangeBy{Min: "-inf", Max: formatScore(now.UnixMicro()), Count: sweepStep}
	for len(in) > 0 {
		cmds := make([]*redis.StringSliceCmd, len(in))
		_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, p := range in {
				cmds[i] = pipe.ZRangeByScore(ctx, s.keys.expires(p.bucket, p.owner), due)
			}
			return nil
		})
		if err != nil {
			return translate(err)
		}
		var calls []call
		var of []int // the place of each call
		for i, cmd := range cmds {
			for _, id := range cmd.Val() {
				calls, of = append(calls, s.For(in[i].owner).deletion(id, "", "expired")), append(of, i)
			}
		}
		removed := make([]int, len(in))
		for n := 0; n < len(calls); n += sweepBatch {
			end := min(n+sweepBatch, len(calls))
			err := s.runAll(ctx, calls[n:end], func(i int, status string, _ reply) {
				if status == "OK" {
					s.removed.expired.Add(1)
					removed[of[n+i]]++
				}
			})
			if err != nil {
				return err
			}
		}
		var unfinished []place
		for i, cmd := range cmds { // where nothing could be removed, by a clock that is behind, the next tick tries again
			if len(cmd.Val()) == sweepStep && removed[i] > 0 {
				unfinished = append(unfinished, in[i])
			}
		}
		in = unfinished
	}
	return nil
}

// sweeper clears away, now and then, what expired threads of all owners have left in the indexes. Answers do not depend on
// it; it frees memory and tells listeners.
type sweeper struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	cursors []uint64
	failing bool
}

// startSweeper starts the sweeper's goroutine, which ends with stop.
func startSweeper(s *Store, every time.Duration) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweeper{cancel: cancel, cursors: make([]uint64, len(s.keys.buckets))}
	if every > 0 {
		w.running.Go(func() { w.run(ctx, s, every) })
	}
	return w
}

// run ticks with some jitter, so that many processes on one Redis do not tick together.
func (w *sweeper) run(ctx context.Context, s *Store, every time.Duration) {
	for {
		pause := every/2 + rand.N(every) //nolint:gosec // jitter needs no secrecy
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		w.attempt(ctx, s, max(every, time.Minute))
	}
}

// attempt ticks once, in so much time at most, and logs where that fails and did not before, or works again.
func (w *sweeper) attempt(ctx context.Context, s *Store, most time.Duration) {
	tick, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := w.tick(tick, s)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !w.failing:
		s.opts.Log.Warn("clearing away expired threads fails, and is tried again until it works; no answer depends on it", "error", err)
	case err == nil && w.failing:
		s.opts.Log.Info("clearing away expired threads works again")
	}
	w.failing = err != nil
}

// tick looks at some owners of every bucket: two round trips where nothing has expired.
func (w *sweeper) tick(ctx context.Context, s *Store) error {
	cmds := make([]*redis.ScanCmd, len(s.keys.buckets))
	var clock *redis.TimeCmd
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		clock = pipe.Time(ctx)
		for b := range cmds {
			cmds[b] = pipe.SScan(ctx, s.keys.owners(b), w.cursors[b], "", ownersStep)
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	var places []place
	for b, cmd := range cmds {
		var owners []string
		owners, w.cursors[b] = cmd.Val()
		for _, owner := range owners {
			places = append(places, place{owner, b})
		}
	}
	return s.sweep(ctx, clock.Val(), places)
}

func (w *sweeper) stop() {
	w.cancel()
	w.running.Wait()
}
