package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// listing is a list over one index of all buckets, merged in one order.
type listing struct {
	index func(bucket int, owner string) string
	// byID says that it is the index by id; it is only read forward.
	byID bool
	// low and high bound the score, both included.
	low, high *int64
	// glob tells which ids are shown; nil shows all.
	glob *glob
	// after and before are positions in the list's order, both excluded; backward goes from its end to its start.
	after, before *entry
	backward      bool
}

// stream is a bucket's part of a listing while it is read.
type stream struct {
	bucket int
	buf    []entry
	// last is the entry read last, ties how many were read with its score, from the first one in the index on.
	last *entry
	ties int
	done bool
}

// open starts a stream for each of so many buckets.
func (l listing) open(buckets int) []*stream {
	start := l.after
	if l.backward {
		start = l.before
	}
	streams := make([]*stream, buckets)
	for b := range streams {
		streams[b] = &stream{bucket: b, last: start}
	}
	return streams
}

// next gives the stream whose first entry comes first in the direction of the listing; nil where all have ended.
func (l listing) next(streams []*stream) *stream {
	var best *stream
	for _, s := range streams {
		if len(s.buf) > 0 && (best == nil || l.ahead(s.buf[0], best.buf[0])) {
			best = s
		}
	}
	return best
}

// ahead tells whether a comes ahead of b in the direction of the listing.
func (l listing) ahead(a, b entry) bool {
	c := compare(a, b, l.byID)
	if l.backward {
		c = -c
	}
	return c < 0
}

// within tells whether the listing shows an entry, by its position and score alone.
func (l listing) within(e entry) bool {
	if l.after != nil && compare(e, *l.after, l.byID) <= 0 {
		return false
	}
	if l.before != nil && compare(e, *l.before, l.byID) >= 0 {
		return false
	}
	return (l.low == nil || e.score >= *l.low) && (l.high == nil || e.score <= *l.high)
}

// queue asks for the next chunk of a stream, behind what it has read.
func (l listing) queue(ctx context.Context, pipe redis.Pipeliner, key string, s *stream, chunk int64) func() []entry {
	if l.byID {
		return l.queueByID(ctx, pipe, key, s, chunk)
	}
	by := l.scores()
	// The last score is asked for again, since others may share it. What is known to have it is skipped only where that is half
	// a chunk and more: if one of them were gone meanwhile, another would be skipped in its place.
	s.ties = max(s.ties-int(chunk/2), 0)
	by.Count, by.Offset = chunk, int64(s.ties)
	if s.last != nil {
		if edge := s.last.score; l.backward && (l.low == nil || edge >= *l.low) {
			by.Min = formatScore(edge)
		} else if !l.backward && (l.high == nil || edge <= *l.high) {
			by.Max = formatScore(edge)
		}
	}
	read := pipe.ZRevRangeByScoreWithScores
	if l.backward {
		read = pipe.ZRangeByScoreWithScores
	}
	cmd := read(ctx, key, &by)
	return func() []entry {
		entries := make([]entry, len(cmd.Val()))
		for i, z := range cmd.Val() {
			entries[i] = entry{id: z.Member.(string), score: int64(z.Score)}
		}
		return entries
	}
}

// scores gives the scores that the listing spans. Positions at its edges are included: within leaves them out.
func (l listing) scores() redis.ZRangeBy {
	by := redis.ZRangeBy{Min: "-inf", Max: "+inf"}
	if l.before != nil {
		by.Min = formatScore(l.before.score)
	}
	if l.low != nil && (l.before == nil || *l.low > l.before.score) {
		by.Min = formatScore(*l.low)
	}
	if l.after != nil {
		by.Max = formatScore(l.after.score)
	}
	if l.high != nil && (l.after == nil || *l.high < l.after.score) {
		by.Max = formatScore(*l.high)
	}
	return by
}

func (l listing) queueByID(ctx context.Context, pipe redis.Pipeliner, key string, s *stream, chunk int64) func() []entry {
	by := l.prefixRange()
	if s.last != nil && (l.glob == nil || s.last.id >= l.glob.prefix) {
		by.Min = "(" + s.last.id
	}
	by.Count = chunk
	cmd := pipe.ZRangeByLex(ctx, key, &by)
	return func() []entry {
		entries := make([]entry, len(cmd.Val()))
		for i, id := range cmd.Val() {
			entries[i].id = id
		}
		return entries
	}
}

// prefixRange spans the ids that start with the prefix. No id holds the byte 0xff: it is not in UTF-8.
func (l listing) prefixRange() redis.ZRangeBy {
	switch {
	case l.glob == nil || l.glob.prefix == "":
		return redis.ZRangeBy{Min: "-", Max: "+"}
	case l.glob.exact:
		return redis.ZRangeBy{Min: "[" + l.glob.prefix, Max: "[" + l.glob.prefix}
	}
	return redis.ZRangeBy{Min: "[" + l.glob.prefix, Max: "[" + l.glob.prefix + "\xff"}
}

// take gives a stream that was used up what was read for it, without what it has had.
func (s *stream) take(got []entry, chunk int64, l listing) {
	s.done = int64(len(got)) < chunk
	for _, e := range got {
		if s.last != nil && e.score == s.last.score {
			s.ties++
		} else {
			s.ties = 1
		}
		if s.last != nil && !l.ahead(*s.last, e) {
			continue
		}
		s.last = &e
		if l.within(e) {
			s.buf = append(s.buf, e)
		}
	}
}
