package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// slowly is the lowest rate, one request per second, so that little comes back while a test runs. Time passes by elapse.
const slowly = 1

// elapse lets time pass for a caller: what is kept of him lies that much earlier.
func elapse(tb testing.TB, s *Store, caller string, d time.Duration) {
	tb.Helper()
	key := s.keys.rate(caller)
	due, err := s.rdb.Get(tb.Context(), key).Float64()
	require.NoError(tb, err)
	require.NoError(tb, s.rdb.Set(tb.Context(), key, due-float64(d.Microseconds()), time.Hour).Err())
}

func allowed(tb testing.TB, s *Store, caller string, burst int) bool {
	tb.Helper()
	wait, err := s.Allow(tb.Context(), caller, slowly, burst)
	require.NoError(tb, err)
	return wait == 0
}

// TestRatesAreShared: two processes have one allowance, whichever of them is asked, also at the same time.
func TestRatesAreShared(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		const burst = 1000
		one := e.open(t)
		two := twin(t, one)
		var all sync.WaitGroup
		var passed atomic.Int64
		for range 10 {
			for _, s := range []*Store{one, two} {
				all.Go(func() {
					for range burst / 10 {
						if allowed(t, s, "ann", burst) {
							passed.Add(1)
						}
					}
				})
			}
		}
		began := redisTime(t, one)
		all.Wait()
		regained := redisTime(t, one).Sub(began).Seconds() + 2
		assert.GreaterOrEqual(t, passed.Load(), int64(burst))
		assert.LessOrEqual(t, float64(passed.Load()), burst+regained)
		assert.True(t, allowed(t, two, "bob", burst), "another caller has an allowance of his own")
	})
}

func TestRatesComeBack(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		const burst = 100
		for allowed(t, s, "ann", burst) {
		}
		wait, err := s.Allow(t.Context(), "ann", slowly, burst)
		require.NoError(t, err)
		assert.Positive(t, wait)
		assert.LessOrEqual(t, wait, time.Second, "the next one comes in a second")
		elapse(t, s, "ann", 3*time.Second)
		n := 0
		for allowed(t, s, "ann", burst) {
			n++
		}
		assert.GreaterOrEqual(t, n, 3, "those that were refused did not count")
		assert.Less(t, n, burst)
		elapse(t, s, "ann", time.Hour)
		n = 0
		for allowed(t, s, "ann", burst) {
			n++
		}
		assert.GreaterOrEqual(t, n, burst, "a pause gives a burst")
		assert.Less(t, n, 2*burst, "and no more")
	})
}

// TestRatesOfAnotherClock: a time far ahead, by the clock of a master that is gone or by other limits, holds nobody up for longer than
// the limits themselves do.
func TestRatesOfAnotherClock(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		require.True(t, allowed(t, s, "ann", 5))
		elapse(t, s, "ann", -1000*time.Hour)
		wait, err := s.Allow(t.Context(), "ann", slowly, 5)
		require.NoError(t, err)
		assert.InDelta(t, time.Second, wait, float64(time.Millisecond))
	})
}

// TestRatesAreForgotten looks at the key: under the prefix of the store, escaped, and with an expiry just behind its meaning.
func TestRatesAreForgotten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		for range 3 {
			require.True(t, allowed(t, s, "owner a:b%{c}", 100))
		}
		key := s.opts.Prefix + ":r:owner a%3Ab%25{c}"
		assert.Equal(t, []string{key}, allKeys(t, s))
		left := s.rdb.PTTL(t.Context(), key).Val()
		assert.Positive(t, left)
		assert.LessOrEqual(t, left, 3*time.Second)
		assert.True(t, allowed(t, s, "192.0.2.1", 0), "one at least")
	})
}

// TestRatesAreCountedOnce: a reply that is lost costs the answer, and not a second request.
func TestRatesAreCountedOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server.Addr())
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{proxy.Addr()} })
	require.True(t, allowed(t, s, "ann", 100), "Redis has the script")
	proxy.CutAfterRequest(redistest.Contains("evalsha"))
	_, err := s.Allow(t.Context(), "ann", slowly, 100)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Equal(t, 1, proxy.Matched())
}

// TestRatesWithoutRedis end with the time that the caller gives, whatever has befallen Redis.
func TestRatesWithoutRedis(t *testing.T) {
	for name, befall := range map[string]func(*redistest.Server){
		"paused": (*redistest.Server).Pause, "stopped": (*redistest.Server).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
			require.True(t, allowed(t, s, "ann", 100))
			befall(server)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := s.Allow(ctx, "ann", slowly, 100)
			require.ErrorIs(t, err, ErrUnavailable)
		})
	}
}
