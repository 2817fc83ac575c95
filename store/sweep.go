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
	all := make([]int, len(buckets))
	for b := range all {
		all[b] = b
	}
	if !dryRun {
		if err := t.sweep(ctx, all); err != nil {
			return nil, err
		}
	}
	cleaned := &Cleaned{}
	cutoff := now.Add(-age).UnixMicro()
	l := listing{index: t.store.keys.updated, high: scoreBefore(time.UnixMicro(cutoff))}
	for {
		l.backward = true // oldest first, so that what was removed need not be passed over again
		f, err := t.search(ctx, l, sweepStep, 0)
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
	count := func(i int, status string) {
		if status != "OK" {
			return
		}
		if cleaned.Count++; len(cleaned.ThreadIDs) < ids {
			cleaned.ThreadIDs = append(cleaned.ThreadIDs, entries[i].id)
		}
	}
	if dryRun {
		for i := range entries {
			count(i, "OK")
		}
		return nil
	}
	calls := make([]call, len(entries))
	for i, e := range entries {
		calls[i] = t.deletion(e.id, "", strconv.FormatInt(cutoff, 10))
	}
	return t.store.runAll(ctx, calls, count)
}

// sweep clears away what expired threads of the owner have left in some buckets, and tells their listeners.
func (t *Threads) sweep(ctx context.Context, in []int) error {
	for {
		now, err := t.store.rdb.Time(ctx).Result()
		if err != nil {
			return translate(err)
		}
		cmds := make([]*redis.StringSliceCmd, len(in))
		_, err = t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			by := &redis.ZRangeBy{Min: "-inf", Max: formatScore(now.UnixMicro()), Count: sweepStep}
			for i, b := range in {
				cmds[i] = pipe.ZRangeByScore(ctx, t.store.keys.expires(b, t.owner), by)
			}
			return nil
		})
		if err != nil {
			return translate(err)
		}
		var calls []call
		var unfinished []int
		for i, cmd := range cmds {
			for _, id := range cmd.Val() {
				calls = append(calls, t.deletion(id, "", "expired"))
			}
			if len(cmd.Val()) == sweepStep {
				unfinished = append(unfinished, in[i])
			}
		}
		if len(calls) == 0 {
			return nil
		}
		if err := t.store.runAll(ctx, calls, func(int, string) {}); err != nil {
			return err
		}
		if in = unfinished; len(in) == 0 {
			return nil
		}
	}
}

// sweeper clears away, now and then, what expired threads of all owners have left in the indexes. Answers do not depend on
// it; it frees memory and tells listeners.
type sweeper struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	cursors []uint64
}

// startSweeper starts the sweeper's goroutine, which ends with stop.
func startSweeper(s *Store, every time.Duration) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweeper{cancel: cancel, cursors: make([]uint64, len(buckets))}
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
		tick, cancel := context.WithTimeout(ctx, max(every, time.Minute))
		if err := w.tick(tick, s); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("sweeping expired threads failed; the next tick tries again", "error", err)
		}
		cancel()
	}
}

// tick looks at some owners of every bucket: two round trips where nothing has expired and owners are few.
func (w *sweeper) tick(ctx context.Context, s *Store) error {
	cmds := make([]*redis.ScanCmd, len(buckets))
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for b := range buckets {
			cmds[b] = pipe.SScan(ctx, s.keys.owners(b), w.cursors[b], "", ownersStep)
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	byOwner := make(map[string][]int)
	for b, cmd := range cmds {
		owners, cursor := cmd.Val()
		w.cursors[b] = cursor
		for _, owner := range owners {
			byOwner[owner] = append(byOwner[owner], b)
		}
	}
	for owner, in := range byOwner {
		if err := s.For(owner).sweep(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

func (w *sweeper) stop() {
	w.cancel()
	w.running.Wait()
}
