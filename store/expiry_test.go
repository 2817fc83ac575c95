package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inOneBucket gives n ids that fall into the same bucket.
func inOneBucket(owner, prefix string, n int) []string {
	var ids []string
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprintf("%s%04d", prefix, i); newKeyspace("", DefaultBuckets).bucketOf(owner, id) == 7 {
			ids = append(ids, id)
		}
	}
	return ids
}

// shows asserts that exactly these threads are in every list and count, in both orders.
func shows(t *testing.T, th *Threads, ids []string) {
	t.Helper()
	// By the index by id, by a search, and without a pattern.
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
		count, err = th.Count(t.Context(), Filter{ThreadIDPattern: pattern, UpdatedAfter: new(time.UnixMicro(1))})
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

// A few expired threads are left out of a list; where there are many in a bucket, it is asked about each. Both sides of
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

// Whatever has expired and is not cleared away yet, however much of it, is left out at the cost of a second round trip.
func TestExpiredThreadsCostOneRoundTrip(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		const expired, living = 20_000, 40
		gone, ids := make([]entry, expired), make([]string, expired)
		for i := range gone {
			ids[i] = fmt.Sprintf("gone%05d", i)
			gone[i] = entry{id: ids[i], score: int64(1 + i)} // behind all others in the list
		}
		plant(t, th, gone)
		lapse(t, th, ids...)
		for i := range living {
			mustCreate(t, th, fmt.Sprintf("lives%02d", i))
		}
		counter := watch(s)
		_, err := th.Count(t.Context(), Filter{UpdatedAfter: new(time.UnixMicro(1))})
		require.NoError(t, err) // the script is known from here on
		for name, c := range map[string]struct {
			trips int
			count func() (int, error)
		}{
			"Count": {2, func() (int, error) { return th.Count(t.Context(), Filter{}) }},
			"Count of new ones": {2, func() (int, error) {
				return th.Count(t.Context(), Filter{UpdatedAfter: new(time.UnixMicro(expired / 2))})
			}},
			"Count of the oldest": {2, func() (int, error) {
				return th.Count(t.Context(), Filter{UpdatedBefore: new(time.UnixMicro(expired / 2))})
			}},
			"Count by a prefix": {2, func() (int, error) { return th.CountIDs(t.Context(), "lives*") }},
			"Recent":            {2, func() (int, error) { ids, err := th.Recent(t.Context(), living/2); return len(ids), err }},
			"List of the ones by a prefix": {2, func() (int, error) {
				return listed(th.List(t.Context(), Filter{ThreadIDPattern: "lives*"}, Range{First: 1000}))
			}},
			"IDs": {2, func() (int, error) { return listed(th.IDs(t.Context(), "lives*", Range{First: 1000})) }},
		} {
			var n int
			sent := counter.of(func() { n, err = c.count() })
			require.NoError(t, err)
			want := living
			switch name {
			case "Count of the oldest":
				want = 0
			case "Recent":
				want = living / 2
			}
			assert.Equal(t, want, n, name)
			assert.LessOrEqual(t, len(sent), c.trips, name)
			assert.Empty(t, sends(sent, "eval"), name)
			assert.Empty(t, sends(sent, "unlink"), "a query clears nothing away")
		}
		page, err := th.List(t.Context(), Filter{}, Range{Last: 10})
		require.NoError(t, err)
		assert.Len(t, page.IDs, 10, "behind everything that has expired")
	})
}

func listed(page *IDPage, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(page.IDs), nil
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
				for b := range s.keys.buckets {
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
		// An index that says otherwise is mended, or the sweeper would ask for the same threads forever.
		keys := th.keysOf("one")
		require.NoError(t, s.rdb.ZAdd(t.Context(), keys.expires, redis.Z{Score: 1, Member: "one"}).Err())
		require.NoError(t, s.sweep(t.Context(), time.Now(), []place{{"ann", keys.bucket}}))
		score, err := s.rdb.ZScore(t.Context(), keys.expires, "one").Result()
		require.NoError(t, err)
		assert.Equal(t, mustGet(t, th, "one").ExpiresAt.UnixMicro(), int64(score))
		// By a clock that is ahead of that of the record's Redis there is more due than can be removed: it is left to the next time.
		ahead := inOneBucket("ann", "ahead", sweepStep+10)
		for _, id := range ahead {
			mustCreate(t, th, id)
		}
		counter := watch(s)
		sent := counter.of(func() {
			require.NoError(t, s.sweep(t.Context(), time.Now().Add(100*24*time.Hour), []place{{"ann", 7}}))
		})
		assert.LessOrEqual(t, len(sent), 3)
		status, _, err = s.run(t.Context(), th.deletion("none", "", "expired"), nil)
		require.NoError(t, err)
		assert.Equal(t, "NOT_FOUND", status)
		assert.Equal(t, 1, mustGet(t, th, "one").Seq)
	})
}

// Redis writes a round score as 1e+15, which not every Lua reads.
func TestARoundTimeOfExpiry(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", say("a", "x"))
		lapse(t, th, "one")
		keys := th.keysOf("one")
		require.NoError(t, s.rdb.ZAdd(t.Context(), keys.expires, redis.Z{Score: 1e15, Member: "one"}).Err())
		require.NoError(t, s.rdb.ZAdd(t.Context(), keys.updated, redis.Z{Score: 1.7e15, Member: "one"}).Err())
		count, err := th.Count(t.Context(), Filter{UpdatedAfter: new(time.UnixMicro(17e14 - 1)), UpdatedBefore: new(time.UnixMicro(17e14 + 1))})
		require.NoError(t, err)
		assert.Zero(t, count)
		require.NoError(t, s.sweeper.tick(t.Context(), s))
		assert.Empty(t, allKeys(t, s))
	})
}

// While clearing away fails the log says so once, and once that it works again.
func TestTheSweeperComplainsOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		var log bytes.Buffer
		s := e.open(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		broken := s.keys.owners(3)
		for range 2 {
			require.NoError(t, s.rdb.Set(t.Context(), broken, "no set", 0).Err())
			for range 3 {
				s.sweeper.attempt(t.Context(), s, time.Minute)
			}
			require.NoError(t, s.rdb.Del(t.Context(), broken).Err())
			for range 3 {
				s.sweeper.attempt(t.Context(), s, time.Minute)
			}
		}
		assert.Equal(t, 2, strings.Count(log.String(), "level=WARN"), log.String())
		assert.Equal(t, 2, strings.Count(log.String(), "level=INFO"), log.String())
	})
}

// A page does not pass over any number of expired threads: it ends early, and the next one goes on behind them.
func TestAPageEndsAmongExpiredThreads(t *testing.T) {
	most := listBudget.expired
	listBudget.expired = 3000
	t.Cleanup(func() { listBudget.expired = most })
	for _, e := range engines {
		t.Run(string(e.mode), func(t *testing.T) {
			th := e.open(t).For("ann")
			const expired, living = 20_000, 30
			var entries []entry
			var gone, lives []string
			for i := range expired + living {
				id := fmt.Sprintf("t%05d", i)
				entries = append(entries, entry{id: id, score: int64(1 + i)})
				if i%(expired/living) == 7 && len(lives) < living {
					lives = append(lives, id)
				} else {
					gone = append(gone, id)
				}
			}
			plant(t, th, entries)
			lapse(t, th, gone...)
			for _, backward := range []bool{false, true} {
				seen, pages := []string{}, 0
				for r := (Range{First: 10}); ; pages++ {
					if backward && r.Last == 0 {
						r = Range{Last: 10}
					}
					page, err := th.List(t.Context(), Filter{}, r)
					require.NoError(t, err)
					require.Less(t, pages, 100)
					seen = append(seen, page.IDs...)
					if backward {
						if r.Before = page.Start; !page.HasPrev {
							break
						}
					} else if r.After = page.End; !page.HasNext {
						break
					}
				}
				assert.ElementsMatch(t, lives, seen, "each once")
				assert.Greater(t, pages, 3, "some pages ended early")
			}
		})
	}
}
