package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longThread makes a thread of n messages.
func longThread(tb testing.TB, th *Threads, id string, n int) {
	tb.Helper()
	for from := 1; from <= n; from += 1000 {
		_, err := th.Append(tb.Context(), id, Append{Messages: numbered(from, min(1000, n-from+1)), CreateIfMissing: true}, nil)
		require.NoError(tb, err)
	}
}

// elements gives the list of a thread as it lies in Redis, without the times.
func elements(tb testing.TB, s *Store, th *Threads, id string) []string {
	tb.Helper()
	got, err := s.rdb.LRange(tb.Context(), th.keysOf(id).messages, 0, -1).Result()
	require.NoError(tb, err)
	short := make([]string, len(got))
	for i, text := range got {
		e, err := parseElement(text)
		require.NoError(tb, err)
		if short[i] = fmt.Sprint(e.seq); e.letter == removedLetter {
			short[i] += " of " + e.body
		}
	}
	return short
}

// nothingStaged looks that nothing is left of what was staged.
func nothingStaged(tb testing.TB, s *Store) {
	tb.Helper()
	for _, key := range allKeys(tb, s) {
		assert.NotContains(tb, key, ":f:", "it is left over")
	}
}

// A long thread is cut as a short one is, step by step but as one change.
func TestCutLong(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		const n = 2600
		for i, c := range []struct {
			name  string
			ahead []Step
			steps []Step
			want  []string // the first messages
			left  int
			gone  int
		}{
			{"all but one", nil, []Step{TruncateAfter(1)}, []string{"1 m1 text 1"}, 1, n - 1},
			{"half", nil, []Step{TruncateAfter(1300)}, []string{"1 m1 text 1", "2 m2 text 2"}, 1300, 1300},
			{"all", nil, []Step{TruncateAfter(0)}, nil, 0, n},
			{"and more", nil, []Step{TruncateAfter(2), Put(say("m2", "new")), Put(say("m3", "x")), Remove("m1")}, []string{"2 m2 new", "2601 m3 x"}, 2, n - 1},
			{"behind empty places", []Step{Remove("m3"), Remove("m4"), Remove("m1")}, []Step{TruncateAfter(4)}, []string{"2 m2 text 2"}, 1, n - 4},
		} {
			longThread(t, th, c.name, n)
			edits := len(c.ahead)
			if edits > 0 {
				mustEdit(t, th, c.name, c.ahead...)
			}
			begin := mustGet(t, th, c.name)
			got := mustEdit(t, th, c.name, c.steps...)
			assert.Equal(t, c.gone, got.Removed, c.name)
			assert.Equal(t, begin.Version+1, got.State.Version, c.name)
			assert.Equal(t, c.left, got.State.MessageCounts.Total, c.name)
			assert.Equal(t, c.left, got.State.MessageCounts.Human, c.name)
			first := readPage(t, th, c.name, Range{First: 2})
			assert.Equal(t, c.want, textsOf(&AgentState{Pages: map[PageKey]*MessagePage{allMessages: first}}), c.name)
			change, _, err := th.EditsAfter(t.Context(), c.name, EditCursor{Epoch: begin.Epoch, Number: edits}, 10)
			require.NoError(t, err)
			assert.Equal(t, [3]any{Truncated, c.steps[0].seq, n}, [3]any{change[0].Kind, change[0].Seq, change[0].ThroughSeq}, c.name)
			// Who reads on behind a cursor misses nothing, wherever it points.
			added := mustAppend(t, th, c.name, say("next", fmt.Sprint(i))).Messages[0]
			for _, at := range []int{2, 5, 1000, n} {
				page := readPage(t, th, c.name, Range{Last: 1, After: Cursor{Epoch: begin.Epoch, Seq: at}.String()})
				require.NoError(t, page.Err, c.name)
				assert.Equal(t, []int{added.Seq}, seqs(page.Messages), c.name)
			}
		}
		nothingStaged(t, s)
		assertSound(t, s)
	})
}

// What is refused leaves nothing behind, and a repetition costs nothing.
func TestCutLongRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		longThread(t, th, "one", 2100)
		version := mustGet(t, th, "one").Version
		wrong := version + 1
		cut := func(expected *int, more ...Step) (*Edited, error) {
			return th.Edit(t.Context(), "one", Edit{Steps: append([]Step{TruncateAfter(10)}, more...), ExpectedVersion: expected}, nil)
		}
		_, err := cut(&wrong)
		var conflict *ConflictError
		require.ErrorAs(t, err, &conflict)
		_, err = cut(&version, Remove("m11"))
		var missing *MessageMissingError
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, 2100, mustGet(t, th, "one").MessageCounts.Total)
		nothingStaged(t, s)
		_, err = cut(&version)
		require.NoError(t, err)
		watched := watch(s)
		trips := watched.of(func() {
			got, err := cut(&version)
			require.NoError(t, err)
			assert.Zero(t, got.Removed)
		})
		assert.Len(t, trips, 1)
		assert.Equal(t, version+1, mustGet(t, th, "one").Version)
		nothingStaged(t, s)
	})
}

// While a long thread is cut others append and change messages: it is cut at one instant, and nothing else is lost.
func TestCutLongAmongWriters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		longThread(t, th, "one", 2500)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = th.Append(ctx, "one", Append{Messages: []*Message{say(fmt.Sprint("x", i), "x")}}, nil)
			}
		})
		begun := mustGet(t, th, "one")
		_, err := th.Edit(t.Context(), "one", Edit{Steps: []Step{TruncateAfter(1200)}}, nil)
		require.NoError(t, err)
		cancel()
		writing.Wait()
		edits, _, err := th.EditsAfter(t.Context(), "one", EditCursor{Epoch: begun.Epoch}, 10)
		require.NoError(t, err)
		require.Len(t, edits, 1)
		state := mustGet(t, th, "one")
		page := readPage(t, th, "one", Range{First: 1000, After: Cursor{Epoch: begun.Epoch, Seq: 1200}.String()})
		assert.Equal(t, 1200+len(page.Messages), state.MessageCounts.Total)
		for i, m := range page.Messages {
			assert.Equal(t, edits[0].ThroughSeq+1+i, m.Seq, "what came later stays")
		}
		nothingStaged(t, s)
		assertSound(t, s)

		// Where a message that stays is changed all the time, it says so.
		longThread(t, th, "two", 2100)
		var gone sync.WaitGroup
		for w := range 2 {
			gone.Go(func() {
				for i := 0; i < 50; i++ {
					mustEdit(t, th, "two", Put(say("m1", fmt.Sprint(w, i))))
				}
			})
		}
		got, err := th.Edit(t.Context(), "two", Edit{Steps: []Step{TruncateAfter(1000)}}, nil)
		if !errors.Is(err, ErrUnavailable) {
			require.NoError(t, err)
			assert.Equal(t, 1100, got.Removed)
		}
		gone.Wait()
		assertSound(t, s)
	})
}

// Empty places beside each other are one run, which readers step over; those at the beginning are left out.
func TestEmptyPlaces(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		for _, c := range []struct {
			edits [][]Step
			want  string
		}{
			{[][]Step{{Remove("m3")}, {Remove("m5")}, {Remove("m4")}}, "1, 2, 3 of 3-5, 4 of 3-5, 5 of 3-5, 6"},
			{[][]Step{{Remove("m3"), Remove("m5"), Remove("m4")}}, "1, 2, 3 of 3-5, 4 of 3-5, 5 of 3-5, 6"},
			{[][]Step{{Remove("m2")}, {Remove("m3")}, {Remove("m4")}, {Remove("m5")}}, "1, 2 of 2-5, 3 of 2-3, 4 of 2-4, 5 of 2-5, 6"},
			{[][]Step{{Remove("m2")}, {Remove("m1")}}, "3, 4, 5, 6"},
			{[][]Step{{Remove("m2"), Remove("m3")}, {Remove("m5")}, {Remove("m1")}}, "4, 5 of 5-5, 6"},
			{[][]Step{{TruncateAfter(4)}, {TruncateAfter(2)}}, "1, 2, 3 of 3-6, 4 of 3-6, 5 of 3-6, 6 of 3-6"},
			{[][]Step{{Remove("m4")}, {TruncateAfter(4)}}, "1, 2, 3, 4 of 4-6, 5 of 4-6, 6 of 4-6"},
			{[][]Step{{TruncateAfter(2)}, {Put(say("x", "x"))}, {Remove("m1")}, {Remove("m2")}}, "7"},
			{[][]Step{{TruncateAfter(3)}, {Put(say("x", "x")), Remove("m3")}}, "1, 2, 3 of 3-6, 4 of 4-6, 5 of 4-6, 6 of 3-6, 7"},
			{[][]Step{{TruncateAfter(0)}}, ""},
			{[][]Step{{Remove("m1"), Remove("m2"), Remove("m3")}, {Remove("m4"), Remove("m5"), Remove("m6")}}, ""},
		} {
			id := fmt.Sprint(c.edits)
			begin := mustCreate(t, th, id, numbered(1, 6)...)
			for _, steps := range c.edits {
				mustEdit(t, th, id, steps...)
			}
			assert.Equal(t, c.want, strings.Join(elements(t, s, th, id), ", "))
			state := mustGet(t, th, id)
			var want []int
			for _, m := range state.Pages[allMessages].Messages {
				want = append(want, m.Seq)
			}
			for at := range 7 { // all cursors hold
				page := readPage(t, th, id, Range{First: 10, After: Cursor{Epoch: begin.Epoch, Seq: at}.String()})
				require.NoError(t, page.Err)
				assert.ElementsMatch(t, slices.DeleteFunc(slices.Clone(want), func(seq int) bool { return seq <= at }), seqs(page.Messages))
				upTo := at
				fork, err := th.Fork(t.Context(), id, fmt.Sprint("fork ", at, id), Fork{UpTo: &upTo}, &everything)
				require.NoError(t, err)
				assert.ElementsMatch(t, slices.DeleteFunc(slices.Clone(want), func(seq int) bool { return seq > at }), seqs(fork.Pages[allMessages].Messages))
				assert.Equal(t, at+1, mustAppend(t, th, fork.ThreadID, say("next", "x")).Messages[0].Seq)
			}
		}
		nothingStaged(t, s)
		assertSound(t, s)
	})
}

// However many empty places there are, a page takes few round trips.
func TestPagesOverEmptyPlaces(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 5)...)
		for range 60 {
			mustAppend(t, th, "one", numbered(6, 100)...)
			mustEdit(t, th, "one", TruncateAfter(5))
		}
		mustCreate(t, th, "two", numbered(1, 5)...)
		for range 10 {
			mustAppend(t, th, "two", numbered(6, 300)...)
			for from := 6; from < 306; from += 100 {
				var steps []Step
				for n := from; n < from+100; n++ {
					steps = append(steps, Remove(fmt.Sprint("m", n)))
				}
				mustEdit(t, th, "two", steps...)
			}
		}
		// What is empty already is not emptied again, however much that is.
		watched := watch(s)
		mustAppend(t, th, "one", say("m6", "x"))
		assert.Len(t, sends(watched.of(func() { mustEdit(t, th, "one", TruncateAfter(5)) }), "evalsha"), 1)
		mustAppend(t, th, "one", say("last", "x"))
		mustAppend(t, th, "two", say("last", "x"))
		for _, id := range []string{"one", "two"} {
			for _, c := range []struct {
				r     Range
				want  int
				trips int
			}{
				{Range{Last: 3}, 3, 4},
				{Range{First: 6}, 6, 4},
				{Range{Last: 6}, 6, 4},
				{Range{First: 1, After: Cursor{Epoch: mustGet(t, th, id).Epoch, Seq: 5}.String()}, 1, 4},
			} {
				trips := watched.of(func() {
					page := readPage(t, th, id, c.r)
					require.NoError(t, page.Err)
					assert.Len(t, page.Messages, c.want)
				})
				assert.LessOrEqual(t, len(trips), c.trips, "%s %+v", id, c.r)
			}
		}
	})
}

// The default page of a thread with an empty place takes one round trip, as that of any other does.
func TestPageOfAThreadWithEmptyPlaces(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 120)...)
		mustEdit(t, th, "one", Remove("m60"))
		watched := watch(s)
		for _, c := range []struct {
			r                Range
			want             int
			hasPrev, hasNext bool
			trips            int
		}{
			{Range{Last: 50}, 50, true, false, 1},
			{Range{First: 50}, 50, false, true, 1},
			{Range{Last: 119}, 119, false, false, 2},
			{Range{First: 119}, 119, false, false, 2}, // one place more than messages
			{Range{Last: 120}, 119, false, false, 1},
			{Range{First: 118}, 118, false, true, 2},
		} {
			trips := watched.of(func() {
				page := readPage(t, th, "one", c.r)
				assert.Equal(t, [3]any{c.want, c.hasPrev, c.hasNext}, [3]any{len(page.Messages), page.HasPrev, page.HasNext}, "%+v", c.r)
			})
			assert.Len(t, trips, c.trips, "%+v", c.r)
		}
	})
}

// A thread whose oldest messages are trimmed all the time is forked all the same: the fork is of the instant in which it began.
func TestForkWhileTrimmed(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 400, true })
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 400)...)
		next := 401
		s.rdb.AddHook(before{"stage", func() {
			mustAppend(t, s.For("ann"), "one", numbered(next, 40)...)
			next += 40
		}})
		got, err := th.Fork(t.Context(), "one", "two", Fork{}, &everything)
		require.NoError(t, err)
		assert.Equal(t, [3]int{0, 400, 400}, [3]int{got.Base, got.Seq, got.MessageCounts.Total})
		assert.Greater(t, mustGet(t, th, "one").Base, 40)
		nothingStaged(t, s)
		assertSound(t, s)
	})
}

// A fork that is refused brings nothing, and leaves nothing behind.
func TestForkRefusedLeavesNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		longThread(t, th, "one", 300)
		mustCreate(t, th, "two")
		watched := watch(s)
		trips := watched.of(func() {
			_, err := th.Fork(t.Context(), "one", "two", Fork{}, nil)
			require.ErrorIs(t, err, ErrExists)
		})
		assert.Empty(t, sends(trips, "lrange"))
		nothingStaged(t, s)
	})
}

// Who writes all messages anew and gets no answer sends it again: nothing is done twice, between empty places either.
func TestAllAnewAgain(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		version := mustCreate(t, th, "one", numbered(1, 150)...).Version
		anew := Edit{Steps: []Step{TruncateAfter(0)}, ExpectedVersion: &version}
		for _, m := range numbered(10, 120) {
			anew.Steps = append(anew.Steps, Put(m))
		}
		once, err := th.Edit(t.Context(), "one", anew, &everything)
		require.NoError(t, err)
		again, err := th.Edit(t.Context(), "one", anew, &everything)
		require.NoError(t, err)
		assert.Equal(t, [3]int{150, 0, 120}, [3]int{once.Removed, again.Removed, again.Unchanged})
		assert.Equal(t, textsOf(once.State), textsOf(again.State))
		assert.Equal(t, once.State.Version, again.State.Version)
		mustEdit(t, th, "one", Remove("m11"), Remove("m80"))
		anew.Steps = slices.DeleteFunc(anew.Steps, func(s Step) bool { return s.id == "m11" || s.id == "m80" })
		anew.ExpectedVersion = nil
		got, err := th.Edit(t.Context(), "one", anew, nil)
		require.NoError(t, err)
		assert.Equal(t, [2]int{0, 118}, [2]int{got.Removed, got.Unchanged})
		assertSound(t, s)
	})
}
