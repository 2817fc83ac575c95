package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCountAll(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		heard := &notes{}
		s := e.open(t, func(o *Options) { o.Observer = heard })
		count := func() int {
			total, whole, err := s.CountAll(t.Context())
			require.NoError(t, err)
			require.True(t, whole)
			return total
		}
		assert.Zero(t, count())
		for owner := range 3 {
			for i := range 20 {
				mustCreate(t, s.For(fmt.Sprint("o", owner)), fmt.Sprint("t", i))
			}
		}
		assert.Len(t, heard.of(func() { assert.Equal(t, 60, count()) }), 2, "round trips")
		lapse(t, s.For("o1"), "t3", "t4")
		assert.Equal(t, 58, count(), "what is past its expiry is gone, though nobody has cleared it away")
		require.NoError(t, s.For("o2").Delete(t.Context(), "t0", nil))
		assert.Equal(t, 57, count())

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		total, whole, err := s.CountAll(gone)
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, whole)
		assert.Equal(t, 57, total, "what was known stays")
		assert.Equal(t, 57, count(), "and counting begins anew")
	})
}

// With very many owners a count goes on over several calls, and what is told meanwhile is the last whole one.
func TestCountAllGoesInSteps(t *testing.T) {
	t.Parallel()
	s := engines[1].open(t, func(o *Options) { o.Buckets = 1 })
	const owners = 3 * censusOwners * censusSteps
	for o := range owners {
		mustCreate(t, s.For(fmt.Sprint("o", o)), "t")
	}
	calls := 0
	for whole := false; !whole; calls++ {
		var total int
		var err error
		total, whole, err = s.CountAll(t.Context())
		require.NoError(t, err)
		if whole {
			assert.Equal(t, owners, total)
		}
	}
	assert.Greater(t, calls, 1)
}

func TestRemovalsAreCounted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("")
		for i := range 5 {
			mustCreate(t, th, fmt.Sprint("t", i))
		}
		lapse(t, th, "t0", "t1")
		age(t, th, 48*time.Hour, false, "t2")
		_, err := th.Cleanup(t.Context(), 24*time.Hour, true, 10)
		require.NoError(t, err)
		assert.Zero(t, s.Expired()+s.Cleaned(), "a dry run removes nothing")
		_, err = th.Cleanup(t.Context(), 24*time.Hour, false, 10)
		require.NoError(t, err)
		assert.EqualValues(t, 2, s.Expired())
		assert.EqualValues(t, 1, s.Cleaned())
		pool := s.Pool()
		assert.Positive(t, pool.Open)
		assert.Positive(t, pool.Hits+pool.Misses)
		assert.GreaterOrEqual(t, pool.Open, pool.Idle)
	})
}
