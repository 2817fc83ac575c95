package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// age makes a thread look as if it was last updated so long ago, and in the index too, unless only that is wanted.
func age(tb testing.TB, th *Threads, by time.Duration, onlyIndex bool, ids ...string) {
	tb.Helper()
	at := redisTime(tb, th.store).Add(-by).UnixMicro()
	_, err := th.store.rdb.Pipelined(tb.Context(), func(pipe redis.Pipeliner) error {
		for _, id := range ids {
			keys := th.keysOf(id)
			pipe.ZAdd(tb.Context(), keys.updated, redis.Z{Score: float64(at), Member: id})
			if !onlyIndex {
				pipe.HSet(tb.Context(), keys.record, "updated", at)
			}
		}
		return nil
	})
	require.NoError(tb, err)
}

func TestCleanup(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		for i := range 10 {
			mustCreate(t, th, fmt.Sprintf("t0%d", i), numbered(1, 3)...)
		}
		mustCreate(t, s.For("bob"), "t00")
		age(t, s.For("bob"), 100*day, false, "t00")
		age(t, th, 31*day, false, "t01", "t02")
		age(t, th, 40*day, false, "t03")
		age(t, th, 29*day, false, "t04")
		age(t, th, 90*day, false, "t05")
		lapse(t, th, "t05", "t06")
		events := listen(t, th, "t03")

		cleaned, err := th.Cleanup(t.Context(), 30*day, true, 10)
		require.NoError(t, err)
		assert.Equal(t, 3, cleaned.Count)
		assert.Equal(t, "t03", cleaned.ThreadIDs[0], "oldest first")
		assert.ElementsMatch(t, []string{"t01", "t02", "t03"}, cleaned.ThreadIDs)
		assert.Equal(t, 3, mustGet(t, th, "t01").Seq, "a dry run removes nothing")

		cleaned, err = th.Cleanup(t.Context(), 30*day, false, 2)
		require.NoError(t, err)
		assert.Equal(t, 3, cleaned.Count, "all are counted")
		assert.Len(t, cleaned.ThreadIDs, 2, "and so many named")
		assert.Equal(t, string(Deleted), string(next(t, events).Kind))
		shows(t, th, []string{"t00", "t04", "t07", "t08", "t09"})
		shows(t, s.For("bob"), []string{"t00"})
		again, err := th.Cleanup(t.Context(), 30*day, false, 2)
		require.NoError(t, err)
		assert.Equal(t, &Cleaned{}, again)

		_, err = th.Cleanup(t.Context(), -time.Hour, false, 0)
		require.NoError(t, err)
		require.NoError(t, s.For("bob").Delete(t.Context(), "t00", nil))
		assert.Empty(t, allKeys(t, s), "with its last thread an owner is gone, and nothing of a thread or of an expired one is left")
	})
}

func TestCleanupGoesInSteps(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		ids := make([]string, 2*sweepStep+30)
		for i := range ids {
			ids[i] = fmt.Sprintf("t%03d", i)
			_, err := th.Create(t.Context(), ids[i], Create{}, Read{})
			require.NoError(t, err)
		}
		old := ids[:2*sweepStep+10]
		age(t, th, 31*day, false, old...)
		for _, dry := range []bool{true, false} {
			cleaned, err := th.Cleanup(t.Context(), 30*day, dry, len(old)-5)
			require.NoError(t, err)
			assert.Equal(t, len(old), cleaned.Count)
			assert.Len(t, cleaned.ThreadIDs, len(old)-5)
			assert.Subset(t, old, cleaned.ThreadIDs)
		}
		count, err := th.Count(t.Context(), Filter{})
		require.NoError(t, err)
		assert.Equal(t, 20, count)
	})
}

func TestCleanupClearsWhatManyExpiredThreadsLeft(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		ids := inOneBucket("ann", "t", sweepStep+20)
		entries := make([]entry, len(ids))
		for i, id := range ids {
			entries[i].id = id
		}
		plant(t, th, entries)
		lapse(t, th, ids...)
		for range 2 { // a dry run leaves even that
			cleaned, err := th.Cleanup(t.Context(), 30*day, true, 10)
			require.NoError(t, err)
			assert.Zero(t, cleaned.Count)
		}
		cleaned, err := th.Cleanup(t.Context(), 30*day, false, 10)
		require.NoError(t, err)
		assert.Zero(t, cleaned.Count, "what has expired was not removed for its age")
		assert.Empty(t, allKeys(t, s))
	})
}

// A thread that is written to between the search for old ones and their removal stays: the index of the search was right when
// it was read, the record decides.
func TestCleanupSparesWhatIsWrittenTo(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for _, id := range []string{"t01", "t02", "t03"} {
			mustCreate(t, th, id)
		}
		age(t, th, 31*day, false, "t01", "t03")
		age(t, th, 31*day, true, "t02")
		cleaned, err := th.Cleanup(t.Context(), 30*day, false, 10)
		require.NoError(t, err)
		assert.Equal(t, 2, cleaned.Count)
		assert.NotContains(t, cleaned.ThreadIDs, "t02")
		assert.Equal(t, 1, mustGet(t, th, "t02").Version)
	})
}

func TestCleanupAgainstWriters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		ids := make([]string, 150)
		for i := range ids {
			ids[i] = fmt.Sprintf("t%03d", i)
			_, err := th.Create(t.Context(), ids[i], Create{}, Read{})
			require.NoError(t, err)
		}
		age(t, th, 31*day, false, ids...)
		var g errgroup.Group
		var cleaned *Cleaned
		written := make([]bool, len(ids))
		g.Go(func() (err error) {
			cleaned, err = th.Cleanup(t.Context(), 30*day, false, len(ids))
			return err
		})
		g.Go(func() error {
			for i, id := range slices.Backward(ids) {
				_, err := th.Append(t.Context(), id, Append{Messages: numbered(1, 1)}, nil)
				if written[i] = err == nil; err != nil && !isNotFound(err) {
					return err
				}
			}
			return nil
		})
		require.NoError(t, g.Wait())
		for i, id := range ids {
			exists, err := th.Exists(t.Context(), id)
			require.NoError(t, err)
			assert.Equal(t, written[i], exists, "%s: either it was written to or it was removed", id)
			assert.Equal(t, !written[i], slices.Contains(cleaned.ThreadIDs, id))
		}
	})
}

func TestDelete(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		require.ErrorIs(t, th.Delete(t.Context(), "one", nil), ErrNotFound)
		mustCreate(t, th, "one", numbered(1, 3)...)
		mustAppend(t, th, "one", say("a", "x"))
		var conflict *ConflictError
		require.ErrorAs(t, th.Delete(t.Context(), "one", ptr(1)), &conflict)
		assert.Equal(t, 2, conflict.Current)
		assert.NotEmpty(t, allKeys(t, s))
		require.NoError(t, th.Delete(t.Context(), "one", ptr(2)))
		require.ErrorIs(t, th.Delete(t.Context(), "one", nil), ErrNotFound)
		assert.Empty(t, allKeys(t, s))
	})
}
