package store

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// censusOwners is about how many owners of each bucket one step of a census looks at.
	censusOwners = 100
	// censusSteps is how many steps one call makes: with more owners the count goes on with the next call.
	censusSteps = 10
)

// census counts the threads of all owners, some owners at a time.
type census struct {
	mu      sync.Mutex
	cursors []uint64
	// left are the buckets that are not counted to their end, and sum is what was counted.
	left []int
	sum  int
	// total is what the last whole count has come to; whole says that there was one.
	total int
	whole bool
}

// CountAll gives about how many threads there are of all owners together, as the last whole count had it; false where none is complete yet. A call
// counts on for at most 20 round trips, which with a thousand owners is all of them, and leaves the rest to the next; with one owner it
// takes two. While another call counts it gives what is known. The error is ErrUnavailable, and what was known stays.
func (s *Store) CountAll(ctx context.Context) (total int, whole bool, err error) {
	c := &s.census
	if !c.mu.TryLock() {
		return 0, false, nil
	}
	defer c.mu.Unlock()
	for range censusSteps {
		if err := s.countSome(ctx, c); err != nil {
			c.left = nil // what was counted is no use: it begins anew
			return c.total, c.whole, err
		}
		if len(c.left) == 0 {
			c.total, c.whole = c.sum, true
			break
		}
	}
	return c.total, c.whole, nil
}

// countSome looks at some owners of each bucket that is left, and counts their living threads.
func (s *Store) countSome(ctx context.Context, c *census) error {
	if len(c.left) == 0 {
		c.cursors, c.sum = make([]uint64, len(s.keys.buckets)), 0
		for b := range c.cursors {
			c.left = append(c.left, b)
		}
	}
	owners := make([]*redis.ScanCmd, len(c.left))
	var clock *redis.TimeCmd
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		clock = pipe.Time(ctx)
		for i, b := range c.left {
			owners[i] = pipe.SScan(ctx, s.keys.owners(b), c.cursors[b], "", censusOwners)
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	var counts []*redis.IntCmd
	var unfinished []int
	_, err = s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, b := range c.left {
			some, cursor := owners[i].Val()
			for _, owner := range some {
				counts = append(counts, pipe.ZCount(ctx, s.keys.expires(b, owner), "("+formatScore(clock.Val().UnixMicro()), "+inf"))
			}
			if c.cursors[b] = cursor; cursor != 0 {
				unfinished = append(unfinished, b)
			}
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	for _, n := range counts {
		c.sum += int(n.Val())
	}
	c.left = unfinished
	return nil
}
