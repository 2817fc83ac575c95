package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

func TestEachWriteRenewsTheTTL(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		_, err := th.Create(t.Context(), "one", Create{TTL: 100 * time.Second}, Read{})
		require.NoError(t, err)
		n := 0
		for name, write := range map[string]func() error{
			"Append": func() error {
				n++
				_, err := th.Append(t.Context(), "one", Append{Messages: numbered(n, 1)}, nil)
				return err
			},
			"Update":    func() error { _, err := th.Update(t.Context(), "one", Update{Context: ptr("x")}, nil); return err },
			"AddPlan":   func() error { _, err := th.Update(t.Context(), "one", Update{AddPlan: &Plan{}}, nil); return err },
			"no change": func() error { _, err := th.Update(t.Context(), "one", Update{}, nil); return err },
		} {
			_, err := th.ExtendTTL(t.Context(), "one", 10)
			require.NoError(t, err)
			require.NoError(t, write(), name)
			state := mustGet(t, th, "one")
			assert.Equal(t, state.LastUpdated.Add(100*time.Second), state.ExpiresAt, "%s: now + TTL", name)

			long, err := th.ExtendTTL(t.Context(), "one", 1000)
			require.NoError(t, err)
			require.NoError(t, write(), name)
			assert.Equal(t, long.ExpiresAt, mustGet(t, th, "one").ExpiresAt, "%s: a later expiry is not pulled back", name)
		}
	})
}

func TestUpdateOfTheTTL(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		set := func(ttl time.Duration) *AgentState {
			t.Helper()
			state, err := th.Update(t.Context(), "one", Update{TTL: &ttl}, &Read{})
			require.NoError(t, err)
			return state
		}
		made := mustCreate(t, th, "one")
		longer := set(40 * day)
		assert.Equal(t, int(40*day/time.Second), longer.TTLSeconds)
		assert.Equal(t, longer.LastUpdated.Add(40*day), longer.ExpiresAt)
		assert.True(t, longer.ExpiresAt.After(made.ExpiresAt))
		shorter := set(day)
		assert.Equal(t, int(day/time.Second), shorter.TTLSeconds, "it holds from the next time on that the expiry is due for renewal")
		assert.Equal(t, longer.ExpiresAt, shorter.ExpiresAt)
		assert.Equal(t, int(30*day/time.Second), set(0).TTLSeconds, "the store's default")
	})
}

func TestExtendTTL(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		_, err := th.ExtendTTL(t.Context(), "one", 100)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = th.TTL(t.Context(), "one")
		require.ErrorIs(t, err, ErrNotFound)
		made := mustCreate(t, th, "one", say("a", "x"))
		for _, seconds := range []int{31_536_000, 1000, 20_000} {
			before := redisTime(t, s).Truncate(time.Microsecond)
			ttl, err := th.ExtendTTL(t.Context(), "one", seconds)
			require.NoError(t, err)
			after := redisTime(t, s)
			assert.Equal(t, seconds, ttl.TTLSeconds)
			span := time.Duration(seconds) * time.Second
			assert.False(t, ttl.ExpiresAt.Before(before.Add(span)), "exactly from now on, longer or shorter")
			assert.False(t, ttl.ExpiresAt.After(after.Add(span)))
			read, err := th.TTL(t.Context(), "one")
			require.NoError(t, err)
			assert.Equal(t, ttl.ExpiresAt, read.ExpiresAt)
			assert.LessOrEqual(t, read.TTLSeconds, seconds)
			assert.Positive(t, read.TTLSeconds)
		}
		state := mustGet(t, th, "one")
		assert.Equal(t, [2]any{made.Version, made.LastUpdated}, [2]any{state.Version, state.LastUpdated}, "it is no change of the thread")
		assert.Equal(t, made.TTLSeconds, state.TTLSeconds, "nor of what each write renews")
		page, err := th.List(t.Context(), Filter{}, Range{First: 1})
		require.NoError(t, err)
		assert.Equal(t, []string{"one"}, page.IDs)
	})
}

func TestTTLIsRoundedUp(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for left, want := range map[time.Duration]int{1: 1, time.Second: 1, time.Second + 1: 2, time.Hour: 3600} {
		assert.Equal(t, want, ttlAt(now.Add(left), now).TTLSeconds, left)
	}
}

// The expiry that Redis itself keeps for the keys is only there to free memory. It must never come before the thread's own, for
// none of the keys, whatever order things happen in.
func TestRedisKeepsTheKeysUntilTheThreadExpires(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		kept := func(after string) {
			t.Helper()
			var clock *redis.TimeCmd
			var expires *redis.StringCmd
			left := make(map[string]*redis.DurationCmd)
			keys := th.keysOf("one")
			_, err := s.rdb.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
				clock, expires = pipe.Time(t.Context()), pipe.HGet(t.Context(), keys.record, "expires")
				for _, key := range []string{keys.record, keys.messages, keys.ids} {
					left[key] = pipe.PTTL(t.Context(), key)
				}
				return nil
			})
			require.NoError(t, err)
			at, err := expires.Int64()
			require.NoError(t, err)
			index, err := s.rdb.ZScore(t.Context(), keys.expires, "one").Result()
			require.NoError(t, err)
			assert.Equal(t, at, int64(index), "%s: the index says when, too", after)
			for key, pttl := range left {
				if pttl.Val() == -2 { // the key is not there
					assert.NotEqual(t, keys.record, key)
					continue
				}
				require.Positive(t, pttl.Val(), "%s: %s has no expiry", after, key)
				assert.False(t, clock.Val().Add(pttl.Val()).Before(time.UnixMicro(at)), "%s: %s goes before its thread", after, key)
				assert.Less(t, clock.Val().Add(pttl.Val()).Sub(time.UnixMicro(at)), 3*time.Minute, "%s: nor does %s stay for long", after, key)
			}
		}
		update := func(ttl time.Duration) {
			t.Helper()
			_, err := th.Update(t.Context(), "one", Update{TTL: &ttl}, nil)
			require.NoError(t, err)
		}
		extend := func(seconds int) {
			t.Helper()
			_, err := th.ExtendTTL(t.Context(), "one", seconds)
			require.NoError(t, err)
		}
		_, err := th.Create(t.Context(), "one", Create{TTL: 100 * time.Second}, Read{})
		require.NoError(t, err)
		kept("creation without messages")
		mustAppend(t, th, "one", say("a", "x"))
		kept("the first message")
		for _, seconds := range []int{130, 159, 161, 200, 5000} { // within the slack of a minute, and beyond it
			update(time.Duration(seconds) * time.Second)
			kept(fmt.Sprintf("a TTL of %d s", seconds))
		}
		for _, seconds := range []int{50, 10, 90, 80_000, 20} {
			extend(seconds)
			kept(fmt.Sprintf("an extension to %d s", seconds))
			mustAppend(t, th, "one", say(fmt.Sprint(seconds), "x"))
			kept("an append after it")
		}
		require.NoError(t, s.rdb.Del(t.Context(), th.keysOf("one").messages).Err())
		mustAppend(t, th, "one", say("b", "x"))
		kept("the repair of an evicted list")
	})
}

// Nobody helps here: no sweep is asked for, and no clock is moved by hand.
func TestTheEmbeddedStoreExpiresByItself(t *testing.T) {
	t.Parallel()
	s := engines[0].open(t, func(o *Options) { o.SweepInterval = 50 * time.Millisecond })
	th := s.For("ann")
	_, err := th.Create(t.Context(), "one", Create{TTL: time.Second, Messages: numbered(1, 3)}, Read{})
	require.NoError(t, err)
	events := listen(t, th, "one")
	exists, err := th.Exists(t.Context(), "one")
	require.NoError(t, err)
	assert.True(t, exists)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := th.Get(t.Context(), "one", Read{})
		assert.ErrorIs(c, err, ErrNotFound)
		count, err := th.Count(t.Context(), Filter{})
		assert.NoError(c, err)
		assert.Zero(c, count)
		assert.Equal(c, []string{s.keys.layout()}, s.embedded.server.Keys())
	}, eventPatience, 20*time.Millisecond)
	assert.Equal(t, string(Expired), string(next(t, events).Kind))
}
