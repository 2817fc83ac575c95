package store

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Filter says which threads a list shows; zero fields do not restrict it.
type Filter struct {
	// ThreadIDPattern is a glob, see MatchGlob.
	ThreadIDPattern string
	// UpdatedAfter and UpdatedBefore are exclusive bounds on LastUpdated.
	UpdatedAfter, UpdatedBefore time.Time
}

// restricts tells whether the pattern leaves anything out.
func restricts(pattern string) bool { return pattern != "" && pattern != "*" }

// listBudget is how many ids one page looks at while it searches for those that match a pattern.
const listBudget = 20_000

// IDPage is one page of thread ids. Cursors has the position of each; Start and End are the page's, End that of the last id
// looked at, which need not be on the page.
type IDPage struct {
	IDs              []string
	Cursors          []string
	Start, End       string
	HasNext, HasPrev bool
}

// Recent gives the ids of the threads that were updated last, newest first. One round trip.
func (t *Threads) Recent(ctx context.Context, limit int) ([]string, error) {
	page, err := t.List(ctx, Filter{}, Range{First: limit})
	if err != nil {
		return nil, err
	}
	return page.IDs, nil
}

// List gives a page of thread ids, newest LastUpdated first; ErrBadCursor. One round trip; with a pattern that few ids match
// some more, and a page may end early after listBudget ids.
func (t *Threads) List(ctx context.Context, f Filter, r Range) (*IDPage, error) {
	l := listing{index: t.store.keys.updated, low: scoreAfter(f.UpdatedAfter), high: scoreBefore(f.UpdatedBefore)}
	if restricts(f.ThreadIDPattern) {
		l.match = func(id string) bool { return MatchGlob(f.ThreadIDPattern, id) }
		l.prefix, _ = globPrefix(f.ThreadIDPattern)
	}
	return t.listPage(ctx, l, r)
}

// IDs gives a page of the thread ids that match a glob, in the order of their bytes; ErrBadCursor. One round trip; with a
// pattern that few ids match some more, and a page may end early after listBudget ids.
func (t *Threads) IDs(ctx context.Context, pattern string, r Range) (*IDPage, error) {
	return t.listPage(ctx, t.idListing(pattern), r)
}

func (t *Threads) idListing(pattern string) listing {
	l := listing{index: t.store.keys.byID, byID: true}
	if restricts(pattern) {
		l.match = func(id string) bool { return MatchGlob(pattern, id) }
		l.prefix, _ = globPrefix(pattern)
	}
	return l
}

// listPage reads the page r of a listing.
func (t *Threads) listPage(ctx context.Context, l listing, r Range) (*IDPage, error) {
	var err error
	if l.after, err = parsePosition(r.After, l.byID); err != nil {
		return nil, &BadCursorError{Argument: "after"}
	}
	if l.before, err = parsePosition(r.Before, l.byID); err != nil {
		return nil, &BadCursorError{Argument: "before"}
	}
	l.backward = r.Last > 0
	found, err := t.search(ctx, l, max(r.First, r.Last), listBudget)
	if err != nil {
		return nil, err
	}
	page := &IDPage{IDs: make([]string, len(found.entries)), Cursors: make([]string, len(found.entries))}
	if l.backward {
		slices.Reverse(found.entries)
		page.HasPrev, page.HasNext = found.more || r.After != "", r.Before != ""
	} else {
		page.HasNext, page.HasPrev = found.more || r.Before != "", r.After != ""
	}
	for i, e := range found.entries {
		page.IDs[i], page.Cursors[i] = e.id, e.cursor(l.byID)
	}
	if n := len(page.IDs); n > 0 {
		page.Start, page.End = page.Cursors[0], page.Cursors[n-1]
	}
	if found.stopped != nil { // out of budget: the next page goes on behind the last id that was looked at
		if l.backward {
			page.Start = found.stopped.cursor(l.byID)
		} else {
			page.End = found.stopped.cursor(l.byID)
		}
	}
	return page, nil
}

// Count counts the threads that a filter shows. One round trip without a pattern, three where threads have just expired;
// otherwise one for each 16,000 ids.
func (t *Threads) Count(ctx context.Context, f Filter) (int, error) {
	if !restricts(f.ThreadIDPattern) {
		return t.countBetween(ctx, scoreAfter(f.UpdatedAfter), scoreBefore(f.UpdatedBefore))
	}
	l := t.idListing(f.ThreadIDPattern)
	if !f.UpdatedAfter.IsZero() || !f.UpdatedBefore.IsZero() {
		l.index, l.byID = t.store.keys.updated, false
		l.low, l.high = scoreAfter(f.UpdatedAfter), scoreBefore(f.UpdatedBefore)
	}
	found, err := t.search(ctx, l, 0, 0)
	return found.count, err
}

// CountIDs counts the threads whose ids match a glob, at the cost of Count.
func (t *Threads) CountIDs(ctx context.Context, pattern string) (int, error) {
	return t.Count(ctx, Filter{ThreadIDPattern: pattern})
}

// countBetween counts the threads by their last update. Where some have expired meanwhile, their buckets are swept first.
func (t *Threads) countBetween(ctx context.Context, low, high *int64) (int, error) {
	span := listing{low: low, high: high}.scores()
	for range sweepRounds {
		var expired *expiredThreads
		counts := make([]*redis.IntCmd, len(buckets))
		_, err := t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			expired = t.peek(ctx, pipe)
			for b := range buckets {
				counts[b] = pipe.ZCount(ctx, t.store.keys.updated(b, t.owner), span.Min, span.Max)
			}
			return nil
		})
		if err != nil {
			return 0, translate(err)
		}
		expired.read()
		if some := expired.crowded(1); len(some) > 0 {
			if err := t.sweep(ctx, some); err != nil {
				return 0, err
			}
			continue
		}
		total := 0
		for _, count := range counts {
			total += int(count.Val())
		}
		return total, nil
	}
	return 0, ErrUnavailable
}

// scoreAfter and scoreBefore turn exclusive bounds into inclusive ones in microseconds; nil for none.
func scoreAfter(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	score := at.UnixMicro() + 1
	return &score
}

func scoreBefore(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	score := at.Add(-time.Nanosecond).UnixMicro()
	return &score
}
