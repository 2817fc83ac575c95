package store

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// peek is how many entries that expire next are looked at in each bucket, to leave out those that are past it.
const peek = 8

// expiredThreads are threads past their expiry at one instant that are still in the indexes. Where a bucket has few of them
// they are known by their ids; where it has peek or more, it is crowded, and has to be asked about each thread.
type expiredThreads struct {
	clock *redis.TimeCmd
	peeks []*redis.ZSliceCmd

	now int64
	ids map[string]bool
	// any and crowded tell it of each bucket.
	any, crowded []bool
	// passed counts those that were left out.
	passed int
}

// peek asks for the time of Redis and for what expires next in each bucket.
func (t *Threads) peek(ctx context.Context, pipe redis.Pipeliner) *expiredThreads {
	n := len(t.store.keys.buckets)
	e := &expiredThreads{clock: pipe.Time(ctx), peeks: make([]*redis.ZSliceCmd, n), any: make([]bool, n), crowded: make([]bool, n)}
	for b := range n {
		e.peeks[b] = pipe.ZRangeWithScores(ctx, t.store.keys.expires(b, t.owner), 0, peek-1)
	}
	return e
}

// read takes in the answers to peek.
func (e *expiredThreads) read() {
	e.now = e.clock.Val().UnixMicro()
	e.ids = make(map[string]bool)
	for bucket, cmd := range e.peeks {
		n := 0
		for _, z := range cmd.Val() {
			if int64(z.Score) <= e.now {
				e.ids[z.Member.(string)] = true
				n++
			}
		}
		e.any[bucket], e.crowded[bucket] = n > 0, n == peek
	}
}

// leaveOut takes what is past its expiry out of what streams have read. One round trip where some of them are of crowded
// buckets, none otherwise.
func (t *Threads) leaveOut(ctx context.Context, e *expiredThreads, streams []*stream) error {
	expiries := make(map[*stream]*redis.FloatSliceCmd)
	for _, s := range streams {
		if e.crowded[s.bucket] && len(s.buf) > 0 {
			expiries[s] = nil
		} else {
			n := len(s.buf)
			s.buf = slices.DeleteFunc(s.buf, func(it entry) bool { return e.ids[it.id] })
			e.passed += n - len(s.buf)
		}
	}
	if len(expiries) == 0 {
		return nil
	}
	err := t.pipelined(ctx, func(pipe redis.Pipeliner) error {
		for s := range expiries {
			expiries[s] = pipe.ZMScore(ctx, t.store.keys.expires(s.bucket, t.owner), idsOf(s.buf)...)
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	for s, cmd := range expiries {
		kept := s.buf[:0]
		for i, expires := range cmd.Val() { // 0 where the thread went meanwhile
			if int64(expires) > e.now {
				kept = append(kept, s.buf[i])
			}
		}
		e.passed += len(s.buf) - len(kept)
		s.buf = kept
	}
	return nil
}

func idsOf(entries []entry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}
