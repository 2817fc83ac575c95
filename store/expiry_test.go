package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inOneBucket gives n ids that fall into the same bucket.
func inOneBucket(owner, prefix string, n int) []string {
	var ids []string
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprintf("%s%04d", prefix, i); bucketOf(owner, id) == 7 {
			ids = append(ids, id)
		}
	}
	return ids
}

// shows asserts that exactly these threads are in every list and count, in both orders.
func shows(t *testing.T, th *Threads, ids []string) {
	t.Helper()
	// By the index by id, by a search, and without a pattern: that comes last, since to count so clears what has expired.
	for _, pattern := range []string{"t*", "*0*", ""} {
		page, err := th.List(t.Context(), Filter{ThreadIDPattern: pattern}, Range{First: 1000})
		require.NoError(t, err)
		assert.ElementsMatch(t, ids, page.IDs, "List %q", pattern)
		page, err = th.List(t.Context(), Filter{ThreadIDPattern: pattern}, Range{Last: 1000})
		require.NoError(t, err)
		assert.ElementsMatch(t, ids, page.IDs, "List %q backward", pattern)
		page, err = th.IDs(t.Context(), pattern, Range{First: 1000})
		require.NoError(t, err)
		assert.ElementsMatch(t, ids, page.IDs, "IDs %q", pattern)
		count, err := th.Count(t.Context(), Filter{ThreadIDPattern: pattern})
		require.NoError(t, err)
		assert.Equal(t, len(ids), count, "Count %q", pattern)
		count, err = th.Count(t.Context(), Filter{ThreadIDPattern: pattern, UpdatedAfter: time.UnixMicro(1)})
		require.NoError(t, err)
		assert.Equal(t, len(ids), count, "Count %q by time", pattern)
		count, err = th.CountIDs(t.Context(), pattern)
		require.NoError(t, err)
		assert.Equal(t, len(ids), count, "CountIDs %q", pattern)
	}
	recent, err := th.Recent(t.Context(), 1000)
	require.NoError(t, err)
	assert.ElementsMatch(t, ids, recent, "Recent")
	states, err := th.GetMany(t.Context(), ids, Read{})
	require.NoError(t, err)
	assert.Len(t, states, len(ids), "GetMany")
}

func TestAnExpiredThreadIsInNoAnswer(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for i := range 10 {
			mustCreate(t, th, fmt.Sprintf("t0%d", i), numbered(1, 3)...)
		}
		epoch := mustGet(t, th, "t01").Epoch
		lapse(t, th, "t01", "t05")

		exists, err := th.Exists(t.Context(), "t01")
		require.NoError(t, err)
		assert.False(t, exists)
		states, err := th.GetMany(t.Context(), []string{"t00", "t01", "t05", "t09"}, everything)
		require.NoError(t, err)
		assert.Len(t, states, 2)
		for name, do := range map[string]func() error{
			"Get":     func() error { _, err := th.Get(t.Context(), "t01", everything); return err },
			"TTL":     func() error { _, err := th.TTL(t.Context(), "t01"); return err },
			"Message": func() error { _, err := th.Message(t.Context(), "t01", "m1"); return err },
			"After":   func() error { _, _, err := th.After(t.Context(), "t01", Cursor{Epoch: epoch}, 10); return err },
			"Append": func() error {
				_, err := th.Append(t.Context(), "t01", Append{Messages: numbered(1, 1)}, nil)
				return err
			},
			"Update":    func() error { _, err := th.Update(t.Context(), "t01", Update{}, nil); return err },
			"ExtendTTL": func() error { _, err := th.ExtendTTL(t.Context(), "t01", 100); return err },
			"Delete":    func() error { return th.Delete(t.Context(), "t01", nil) },
		} {
			require.ErrorIs(t, do(), ErrNotFound, name)
		}
		shows(t, th, []string{"t00", "t02", "t03", "t04", "t06", "t07", "t08", "t09"})
	})
}

// A few expired threads are left out of a list; where there are many in a bucket, they are cleared away first. Both sides of
// that edge, with threads that live among them.
func TestManyExpiredThreadsInOneBucket(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for _, c := range []struct {
			expired int
			pattern string
		}{{1, ""}, {peek - 1, ""}, {peek - 1, "t0*"}, {peek, ""}, {peek, "t0*"}, {peek + 1, "*0*"}, {30, "t0*"}, {sweepStep + 5, ""}} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				expired := c.expired
				th := e.open(t).For("ann")
				ids := inOneBucket("ann", "t0", expired+12)
				gone := make([]entry, expired)
				for i := range gone {
					gone[i].id, gone[i].score = ids[i], int64(9e15)+int64(i) // ahead of all others in the list
				}
				for _, id := range ids[expired:] {
					mustCreate(t, th, id)
				}
				plant(t, th, gone)
				lapse(t, th, ids[:expired]...)
				page, err := th.List(t.Context(), Filter{ThreadIDPattern: c.pattern}, Range{First: 5})
				require.NoError(t, err)
				assert.Subset(t, ids[expired:], page.IDs)
				assert.Len(t, page.IDs, 5, "a page is full although others were left out")
				assert.True(t, page.HasNext)
				shows(t, th, ids[expired:])
			})
		}
	})
}

func TestCountClearsWhatHasExpired(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "stays", say("a", "x"))
		keys := allKeys(t, s)
		mustCreate(t, th, "goes", say("a", "x"))
		lapse(t, th, "goes")
		events := listen(t, th, "goes")
		count, err := th.Count(t.Context(), Filter{})
		require.NoError(t, err)
		assert.Equal(t, 1, count)
		assert.Equal(t, string(Expired), string(next(t, events).Kind))
		assert.Equal(t, keys, allKeys(t, s))
	})
}

func TestTheSweeperClearsAndTells(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		owners := []string{"ann", "bob", "a:b%", ""}
		for _, owner := range owners {
			for i := range 5 {
				mustCreate(t, s.For(owner), fmt.Sprint(i), say("a", "x"))
			}
		}
		events := listen(t, s.For("bob"), "1")
		for _, owner := range owners {
			lapse(t, s.For(owner), "0", "1", "2")
		}
		require.NoError(t, s.rdb.Del(t.Context(), s.For("bob").keysOf("0").record).Err(), "Redis has dropped a record already")
		swept := openWith(t, func() Options {
			o := s.opts
			o.SweepInterval = 10 * time.Millisecond
			if s.embedded != nil {
				o.Connection.Addrs, o.Connection.Password = []string{s.embedded.addr()}, s.embedded.password
			}
			return o
		}())
		assert.Equal(t, string(Expired), string(next(t, events).Kind))
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			for _, owner := range owners {
				for b := range buckets {
					n, err := swept.rdb.ZCount(t.Context(), s.keys.expires(b, owner), "-inf", "1").Result()
					assert.NoError(c, err)
					assert.Zero(c, n)
				}
			}
		}, eventPatience, 10*time.Millisecond)
		for _, owner := range owners {
			page, err := s.For(owner).IDs(t.Context(), "", Range{First: 10})
			require.NoError(t, err)
			assert.Equal(t, []string{"3", "4"}, page.IDs)
			for _, id := range page.IDs {
				require.NoError(t, s.For(owner).Delete(t.Context(), id, nil))
			}
		}
		assert.Empty(t, allKeys(t, s), "nothing of a thread is left, nor of an owner without threads")
	})
}

// What expires is decided by the record; an index that lags behind does not take a thread away.
func TestSweepKeepsAThreadThatLives(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", say("a", "x"))
		status, _, err := s.run(t.Context(), th.deletion("one", "", "expired"), nil)
		require.NoError(t, err)
		assert.Equal(t, "KEPT", status)
		status, _, err = s.run(t.Context(), th.deletion("none", "", "expired"), nil)
		require.NoError(t, err)
		assert.Equal(t, "NOT_FOUND", status)
		assert.Equal(t, 1, mustGet(t, th, "one").Seq)
	})
}
