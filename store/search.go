package store

import (
	"context"
	"math"
	"slices"

	"github.com/redis/go-redis/v9"
)

// searchChunk is how many entries of each bucket are read at once at most.
const searchChunk = 1000

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

// budget bounds a search. Zero fields are no bounds.
type budget struct {
	// ids are how many are looked at, and steps how many comparisons with a pattern are made. expired are how many threads past their
	// expiry that are not cleared away yet are passed over.
	ids, steps, expired int
}

// listBudget is that of a page: a fraction of a second's work.
var listBudget = budget{ids: 20_000, steps: 20_000_000, expired: 200_000}

// search reads a listing until it has one more entry than wanted, or its budget is used up; want 0 counts them all. Threads past
// their expiry are left out. It takes one round trip where everything matches, one more wherever a chunk was used up (see share), and with each of
// these one more where a bucket has many threads past their expiry.
func (t *Threads) search(ctx context.Context, l listing, want int, b budget) (found, error) {
	if l.glob != nil && l.glob.prefix != "" && !l.byID {
		if f, ok, err := t.searchByPrefix(ctx, l, want, b); ok || err != nil {
			return f, err
		}
	}
	s := searching{threads: t, listing: l, budget: b, streams: l.open(len(t.store.keys.buckets)), chunk: searchChunk}
	if l.glob == nil && want > 0 {
		s.chunk = min(int64(share(want+1, len(s.streams))), searchChunk)
	}
	if err := s.fill(ctx); err != nil {
		return found{}, err
	}
	return s.merge(ctx, want)
}

// share is how many of the first n entries of all buckets a bucket has at most, but in one list of some hundreds: ids are spread by their
// hashes, so it is a Poisson distribution, and this its mean and three standard deviations, and a few more where that is small.
func share(n, buckets int) int {
	mean := float64(n) / float64(buckets)
	return min(n, int(math.Ceil(mean+3*math.Sqrt(mean)))+3)
}

// searching is a search under way.
type searching struct {
	listing
	budget  budget
	threads *Threads
	streams []*stream
	// chunk is how many entries of a bucket are read next; it doubles with each round.
	chunk int64
	// expired is as of the first round.
	expired *expiredThreads
}

// merge takes the entries of the streams in the order of the listing, and reads on where a stream is used up.
func (s *searching) merge(ctx context.Context, want int) (found, error) {
	var f found
	var last entry
	taken := make(map[string]bool) // what is written to meanwhile comes again where it is then
	for looked := 0; ; looked++ {
		from := s.next(s.streams)
		if edge := s.edge(); edge != nil && (from == nil || s.ahead(*edge, from.buf[0])) {
			f.more, f.stopped = true, edge // too many threads past their expiry lie there
			return f, nil
		}
		if from == nil {
			return f, nil
		}
		if s.spent(looked) {
			f.more, f.stopped = true, &last
			return f, nil
		}
		last, from.buf = from.buf[0], from.buf[1:]
		if !taken[last.id] && (s.glob == nil || s.glob.match(last.id)) {
			f.count++
			if want > 0 && f.count > want {
				f.more = true
				return f, nil
			}
			if want > 0 {
				f.entries, taken[last.id] = append(f.entries, last), true
			}
		}
		if looked%searchChunk == 0 && ctx.Err() != nil { // to match a long pattern takes its time
			return found{}, translate(ctx.Err())
		}
		if len(from.buf) == 0 && !from.done {
			if err := s.fill(ctx); err != nil {
				return found{}, err
			}
		}
	}
}

// spent tells whether the budget for what is looked at is used up; at least one entry is looked at.
func (s *searching) spent(looked int) bool {
	return looked > 0 && (s.budget.ids > 0 && looked >= s.budget.ids || s.budget.steps > 0 && s.glob != nil && s.glob.steps >= s.budget.steps)
}

// fill reads on for every stream that is used up until each has an entry or has ended: one round trip, and more only where
// everything read was past its expiry, or a whole chunk shares the score of a cursor. It gives up where too much is past its expiry.
func (s *searching) fill(ctx context.Context) error {
	for {
		var empty []*stream
		for _, from := range s.streams {
			if len(from.buf) == 0 && !from.done {
				empty = append(empty, from)
			}
		}
		if len(empty) == 0 || s.overdue() {
			return nil
		}
		if err := s.round(ctx, empty); err != nil {
			return err
		}
		s.chunk = min(2*s.chunk, searchChunk)
	}
}

// overdue tells whether the budget for threads past their expiry is used up.
func (s *searching) overdue() bool {
	return s.budget.expired > 0 && s.expired != nil && s.expired.passed >= s.budget.expired
}

// edge gives the position up to which every stream was read, where that is not all of it: the first one of a stream that fill has
// given up; nil where there is none.
func (s *searching) edge() *entry {
	var edge *entry
	if !s.overdue() {
		return nil
	}
	for _, from := range s.streams {
		if len(from.buf) == 0 && !from.done && from.last != nil && (edge == nil || s.ahead(*from.last, *edge)) {
			edge = from.last
		}
	}
	return edge
}

// round reads a chunk for each of some streams.
func (s *searching) round(ctx context.Context, streams []*stream) error {
	chunks := make([]func() []entry, len(streams))
	first := s.expired == nil
	err := s.threads.pipelined(ctx, func(pipe redis.Pipeliner) error {
		if first {
			s.expired = s.threads.peek(ctx, pipe)
		}
		for i, from := range streams {
			chunks[i] = s.queue(ctx, pipe, s.index(from.bucket, s.threads.owner), from, s.chunk)
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	for i, from := range streams {
		from.take(chunks[i](), s.chunk, s.listing)
	}
	if first {
		s.expired.read()
	}
	return s.threads.leaveOut(ctx, s.expired, streams)
}

// searchByPrefix is search over the index by update for a pattern whose matches all start with a prefix, where few ids do:
// it takes them from the index by id and asks for their scores, in two round trips. It is not ok where there are too many, or to match
// them takes too long.
func (t *Threads) searchByPrefix(ctx context.Context, l listing, want int, most budget) (f found, ok bool, err error) {
	ids := make([]*redis.StringSliceCmd, len(t.store.keys.buckets))
	err = t.pipelined(ctx, func(pipe redis.Pipeliner) error {
		by := l.prefixRange()
		by.Count = searchChunk
		for b := range ids {
			ids[b] = pipe.ZRangeByLex(ctx, t.store.keys.byID(b, t.owner), &by)
		}
		return nil
	})
	if err != nil {
		return found{}, false, translate(err)
	}
	matching := make([][]string, len(ids))
	for b, cmd := range ids {
		if len(cmd.Val()) == searchChunk {
			return found{}, false, nil
		}
		for _, id := range cmd.Val() {
			if most.steps > 0 && l.glob.steps >= most.steps {
				return found{}, false, nil
			}
			if l.glob.match(id) {
				matching[b] = append(matching[b], id)
			}
		}
	}
	entries, err := t.withScores(ctx, l, matching)
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

// withScores gives the entries of the listing's index for those of the ids in each bucket that it shows and that are not past
// their expiry. One round trip, none for no ids.
func (t *Threads) withScores(ctx context.Context, l listing, ids [][]string) ([]entry, error) {
	if !slices.ContainsFunc(ids, func(ids []string) bool { return len(ids) > 0 }) {
		return nil, nil
	}
	var clock *redis.TimeCmd
	scores, expiries := make([]*redis.FloatSliceCmd, len(ids)), make([]*redis.FloatSliceCmd, len(ids))
	err := t.pipelined(ctx, func(pipe redis.Pipeliner) error {
		clock = pipe.Time(ctx)
		for b, ids := range ids {
			if len(ids) > 0 {
				scores[b] = pipe.ZMScore(ctx, l.index(b, t.owner), ids...)
				expiries[b] = pipe.ZMScore(ctx, t.store.keys.expires(b, t.owner), ids...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	now := clock.Val().UnixMicro()
	var entries []entry
	for b, ids := range ids {
		for i, id := range ids {
			// A thread that went meanwhile has 0 for both.
			e := entry{id: id, score: int64(scores[b].Val()[i])}
			if int64(expiries[b].Val()[i]) > now && l.within(e) {
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}
