package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Count counts the threads that a filter shows. Without a pattern it takes one round trip, and a second one where some threads
// are past their expiry and not cleared away yet. With a pattern it takes one for each 16,000 ids that start like the pattern,
// and is a *CountLimitError beyond Options.MaxCountedIDs of them.
func (t *Threads) Count(ctx context.Context, f Filter) (int, error) {
	if !restricts(f.ThreadIDPattern) {
		return t.countBetween(ctx, scoreAfter(f.UpdatedAfter), scoreBefore(f.UpdatedBefore))
	}
	l := t.idListing(f.ThreadIDPattern)
	if f.UpdatedAfter != nil || f.UpdatedBefore != nil {
		l.index, l.byID = t.store.keys.updated, false
		l.low, l.high = scoreAfter(f.UpdatedAfter), scoreBefore(f.UpdatedBefore)
	}
	most := t.store.opts.MaxCountedIDs
	found, err := t.search(ctx, l, 0, budget{ids: most, steps: countSteps})
	if err == nil && found.stopped != nil {
		return 0, &CountLimitError{Limit: most}
	}
	return found.count, err
}

// countSteps is how many comparisons with a pattern a count makes: about a second's work. Ordinary patterns need some 40 for an id.
const countSteps = 200_000_000

// CountIDs counts the threads whose ids match a glob, at the cost of Count.
func (t *Threads) CountIDs(ctx context.Context, pattern string) (int, error) {
	return t.Count(ctx, Filter{ThreadIDPattern: pattern})
}

// countBetween counts the threads by their last update.
func (t *Threads) countBetween(ctx context.Context, low, high *int64) (int, error) {
	span := listing{low: low, high: high}.scores()
	var expired *expiredThreads
	counts := make([]*redis.IntCmd, len(t.store.keys.buckets))
	err := t.pipelined(ctx, func(pipe redis.Pipeliner) error {
		expired = t.peek(ctx, pipe)
		for b := range counts {
			counts[b] = pipe.ZCount(ctx, t.store.keys.updated(b, t.owner), span.Min, span.Max)
		}
		return nil
	})
	if err != nil {
		return 0, translate(err)
	}
	expired.read()
	total := 0
	var crowded []int
	for b, count := range counts {
		if expired.any[b] {
			crowded = append(crowded, b)
		} else {
			total += int(count.Val())
		}
	}
	if len(crowded) == 0 {
		return total, nil
	}
	rest, err := t.countLiving(ctx, crowded, span, expired.now)
	return total + rest, err
}

// countLiving counts the threads of buckets in which some are past their expiry: by the index by expiry, or where there are bounds on
// their last update by a script.
func (t *Threads) countLiving(ctx context.Context, in []int, span redis.ZRangeBy, now int64) (total int, err error) {
	if span.Min == "-inf" && span.Max == "+inf" {
		counts := make([]*redis.IntCmd, len(in))
		err := t.pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, b := range in {
				counts[i] = pipe.ZCount(ctx, t.store.keys.expires(b, t.owner), "("+formatScore(now), "+inf")
			}
			return nil
		})
		for _, count := range counts {
			total += int(count.Val())
		}
		return total, translate(err)
	}
	calls := make([]call, len(in))
	for i, b := range in {
		keys := []string{t.store.keys.updated(b, t.owner), t.store.keys.expires(b, t.owner)}
		calls[i] = call{script: countScript, keys: keys, args: []any{span.Min, span.Max}}
	}
	err = t.runAll(ctx, calls, func(_ int, _ string, r reply) { total += r.int(0) })
	return total, err
}

// scoreAfter and scoreBefore turn exclusive bounds into inclusive ones in microseconds; nil for none.
func scoreAfter(at *time.Time) *int64 {
	if at == nil {
		return nil
	}
	score := at.UnixMicro() + 1
	return &score
}

func scoreBefore(at *time.Time) *int64 {
	if at == nil {
		return nil
	}
	score := at.Add(-time.Nanosecond).UnixMicro()
	return &score
}
