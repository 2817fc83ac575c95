package store

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// found is what a search brought.
type found struct {
	// entries are the first ones in the direction of the search, at most as many as wanted.
	entries []entry
	// count is how many matched; no further than one more than wanted.
	count int
	// more says that the list goes on; stopped is the last entry looked at, where the budget ended the search.
	more    bool
	stopped *entry
}

const (
	// searchChunk is how many entries of each bucket are read at once while searching.
	searchChunk = 1000
	// peek is how many entries that expire next are looked at in each bucket, to leave out those that are past it.
	peek = 8
	// sweepRounds bounds how often a search starts over because too many threads had expired under it.
	sweepRounds = 10
)

// search reads a listing until it has one more entry than wanted, or has looked at budget entries; want 0 counts them all,
// budget 0 is none. It takes one round trip where everything matches, and one more wherever a chunk was used up. Threads past
// their expiry are left out; where there are many of them their buckets are swept first.
func (t *Threads) search(ctx context.Context, l listing, want, budget int) (found, error) {
	if l.prefix != "" && !l.byID {
		if f, ok, err := t.searchByPrefix(ctx, l, want); ok || err != nil {
			return f, err
		}
	}
	chunk := int64(searchChunk)
	if l.match == nil && want > 0 {
		chunk = min(int64(want)+1+peek, searchChunk)
	}
	for range sweepRounds {
		streams := l.open()
		expired, err := t.fill(ctx, l, streams, chunk, true)
		if err != nil {
			return found{}, err
		}
		if crowded := expired.crowded(peek); len(crowded) > 0 {
			if err := t.sweep(ctx, crowded); err != nil {
				return found{}, err
			}
			continue
		}
		return t.merge(ctx, l, streams, expired, chunk, want, budget)
	}
	return found{}, ErrUnavailable
}

// merge takes the entries of the streams in the order of the listing, and reads on where a stream is used up.
func (t *Threads) merge(ctx context.Context, l listing, streams []*stream, expired *expiredThreads, chunk int64, want, budget int) (found, error) {
	var f found
	var last entry
	for looked := 0; ; looked++ {
		s := l.next(streams)
		if s == nil {
			return f, nil
		}
		if budget > 0 && looked == budget {
			f.more, f.stopped = true, &last
			return f, nil
		}
		last, s.buf = s.buf[0], s.buf[1:]
		if !expired.ids[last.id] && (l.match == nil || l.match(last.id)) {
			f.count++
			if want > 0 && f.count > want {
				f.more = true
				return f, nil
			}
			if want > 0 {
				f.entries = append(f.entries, last)
			}
		}
		if len(s.buf) == 0 && !s.done {
			if _, err := t.fill(ctx, l, streams, chunk, false); err != nil {
				return found{}, err
			}
		}
	}
}

// fill reads on for every stream that is used up until each has an entry or has ended: one round trip, and more only where a
// whole chunk shares the score of a cursor. With peeking it also tells which threads are past their expiry.
func (t *Threads) fill(ctx context.Context, l listing, streams []*stream, chunk int64, peeking bool) (*expiredThreads, error) {
	var expired *expiredThreads
	for {
		chunks := make(map[*stream]func() []entry)
		_, err := t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			if peeking {
				expired = t.peek(ctx, pipe)
			}
			for _, s := range streams {
				if len(s.buf) == 0 && !s.done {
					chunks[s] = l.queue(ctx, pipe, l.index(s.bucket, t.owner), s, chunk)
				}
			}
			return nil
		})
		if err != nil {
			return nil, translate(err)
		}
		for s, read := range chunks {
			s.take(read(), chunk, l)
		}
		if peeking {
			expired.read()
			peeking = false
		}
		if !slices.ContainsFunc(streams, func(s *stream) bool { return len(s.buf) == 0 && !s.done }) {
			return expired, nil
		}
	}
}

// searchByPrefix is search over the index by update for a pattern whose matches all start with a prefix, where few ids do:
// it takes them from the index by id and asks for their scores, in two round trips. It is not ok where there are too many.
func (t *Threads) searchByPrefix(ctx context.Context, l listing, want int) (f found, ok bool, err error) {
	ids := make([]*redis.StringSliceCmd, len(buckets))
	var expired *expiredThreads
	_, err = t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		expired = t.peek(ctx, pipe)
		by := l.prefixRange()
		by.Count = searchChunk
		for b := range buckets {
			ids[b] = pipe.ZRangeByLex(ctx, t.store.keys.byID(b, t.owner), &by)
		}
		return nil
	})
	if err != nil {
		return found{}, false, translate(err)
	}
	expired.read()
	if len(expired.crowded(peek)) > 0 || slices.ContainsFunc(ids, func(c *redis.StringSliceCmd) bool { return len(c.Val()) == searchChunk }) {
		return found{}, false, nil
	}
	entries, err := t.withScores(ctx, l, ids, expired)
	if err != nil {
		return found{}, false, err
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if l.ahead(a, b) {
			return -1
		}
		return 1
	})
	f.count = len(entries)
	if want > 0 {
		f.more = len(entries) > want
		f.entries = entries[:min(want, len(entries))]
	}
	return f, true, nil
}

// withScores gives the entries of the listing's index for those of the ids that it shows.
func (t *Threads) withScores(ctx context.Context, l listing, ids []*redis.StringSliceCmd, expired *expiredThreads) ([]entry, error) {
	var entries []entry
	var cmds []*redis.FloatCmd
	_, err := t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for bucket, cmd := range ids {
			for _, id := range cmd.Val() {
				if !expired.ids[id] && l.match(id) {
					entries = append(entries, entry{id: id})
					cmds = append(cmds, pipe.ZScore(ctx, l.index(bucket, t.owner), id))
				}
			}
		}
		return nil
	})
	if err = ignoreNil(err); err != nil {
		return nil, translate(err)
	}
	kept := entries[:0]
	for i, e := range entries {
		if e.score = int64(cmds[i].Val()); cmds[i].Err() == nil && l.within(e) {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// expiredThreads are threads past their expiry that are still in the indexes, as far as was looked.
type expiredThreads struct {
	clock *redis.TimeCmd
	peeks []*redis.ZSliceCmd

	ids      map[string]bool
	inBucket map[int]int
}

// peek asks for the time of Redis and for what expires next in each bucket.
func (t *Threads) peek(ctx context.Context, pipe redis.Pipeliner) *expiredThreads {
	e := &expiredThreads{clock: pipe.Time(ctx), peeks: make([]*redis.ZSliceCmd, len(buckets))}
	for b := range buckets {
		e.peeks[b] = pipe.ZRangeWithScores(ctx, t.store.keys.expires(b, t.owner), 0, peek-1)
	}
	return e
}

// read takes in the answers to peek.
func (e *expiredThreads) read() {
	now := e.clock.Val().Truncate(time.Microsecond).UnixMicro()
	e.ids, e.inBucket = make(map[string]bool), make(map[int]int)
	for bucket, cmd := range e.peeks {
		for _, z := range cmd.Val() {
			if int64(z.Score) <= now {
				e.ids[z.Member.(string)] = true
				e.inBucket[bucket]++
			}
		}
	}
}

// crowded gives the buckets with at least so many expired threads.
func (e *expiredThreads) crowded(least int) []int {
	var crowded []int
	for bucket, n := range e.inBucket {
		if n >= least {
			crowded = append(crowded, bucket)
		}
	}
	return crowded
}
