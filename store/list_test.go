package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plant puts threads into the indexes by hand, without records: with the scores that a test wants, and quickly.
func plant(tb testing.TB, th *Threads, entries []entry) {
	tb.Helper()
	var updated, expires, byID [DefaultBuckets][]redis.Z
	for _, e := range entries {
		b := th.store.keys.bucketOf(th.owner, e.id)
		updated[b] = append(updated[b], redis.Z{Score: float64(e.score), Member: e.id})
		expires[b] = append(expires[b], redis.Z{Score: 9e15, Member: e.id})
		byID[b] = append(byID[b], redis.Z{Member: e.id})
	}
	_, err := th.store.rdb.Pipelined(tb.Context(), func(pipe redis.Pipeliner) error {
		for b := range updated {
			if len(updated[b]) > 0 {
				pipe.ZAdd(tb.Context(), th.store.keys.updated(b, th.owner), updated[b]...)
				pipe.ZAdd(tb.Context(), th.store.keys.expires(b, th.owner), expires[b]...)
				pipe.ZAdd(tb.Context(), th.store.keys.byID(b, th.owner), byID[b]...)
			}
		}
		return nil
	})
	require.NoError(tb, err)
}

// inOrder lists the ids of entries as a list shows them.
func inOrder(entries []entry, byID bool) []string {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return compare(a, b, byID) })
	ids := make([]string, len(sorted))
	for i, e := range sorted {
		ids[i] = e.id
	}
	return ids
}

// walk goes through a list from cursor to cursor, forward or backward, and gives what it saw from front to back. between is
// called after each page.
func walk(tb testing.TB, list func(Range) (*IDPage, error), size int, backward bool, between func()) []string {
	tb.Helper()
	all := []string{}
	r := Range{First: size}
	if backward {
		r = Range{Last: size}
	}
	for {
		page, err := list(r)
		require.NoError(tb, err)
		require.LessOrEqual(tb, len(page.IDs), size)
		require.Len(tb, page.Cursors, len(page.IDs))
		if len(page.IDs) > 0 && restrictsNothing(page) {
			require.Equal(tb, []string{page.Cursors[0], page.Cursors[len(page.Cursors)-1]}, []string{page.Start, page.End})
		}
		between()
		if backward {
			all = append(slices.Clone(page.IDs), all...)
			if r.Before = page.Start; !page.HasPrev {
				return all
			}
			require.Len(tb, page.IDs, size, "a page that is not the last one is full")
			continue
		}
		all = append(all, page.IDs...)
		if r.After = page.End; !page.HasNext {
			return all
		}
		require.Len(tb, page.IDs, size, "a page that is not the last one is full")
	}
}

// restrictsNothing tells whether a page starts and ends with its own ids: one that ran out of budget goes on elsewhere.
func restrictsNothing(page *IDPage) bool { return slices.Contains(page.Cursors, page.End) }

// sizes are page sizes to walk with. The smallest take hundreds of pages: the real server alone is quick enough at them.
func (e engine) sizes(small int, others ...int) []int {
	if e.mode == Standalone {
		return append([]int{small}, others...)
	}
	return others
}

func TestListsInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		var byUpdate []string
		for i := range 40 {
			id := fmt.Sprintf("%02d", i*7%40)
			mustCreate(t, th, id)
			byUpdate = append([]string{id}, byUpdate...)
		}
		for _, touched := range []string{"05", "33"} {
			mustAppend(t, th, touched, say("a", "x"))
			byUpdate = append([]string{touched}, slices.DeleteFunc(byUpdate, func(id string) bool { return id == touched })...)
		}
		page, err := th.List(t.Context(), Filter{}, Range{First: 1000})
		require.NoError(t, err)
		assert.Equal(t, byUpdate, page.IDs, "newest first")
		assert.Equal(t, [2]bool{false, false}, [2]bool{page.HasPrev, page.HasNext})
		recent, err := th.Recent(t.Context(), 10)
		require.NoError(t, err)
		assert.Equal(t, byUpdate[:10], recent)
		byID, err := th.IDs(t.Context(), "*", Range{First: 1000})
		require.NoError(t, err)
		assert.Equal(t, slices.Sorted(slices.Values(byUpdate)), byID.IDs)
		count, err := th.Count(t.Context(), Filter{})
		require.NoError(t, err)
		assert.Equal(t, 40, count)

		states, err := th.GetMany(t.Context(), append([]string{"none"}, byUpdate[:20]...), Read{})
		require.NoError(t, err)
		require.Len(t, states, 20, "one that is absent is left out")
		for i, state := range states {
			assert.Equal(t, byUpdate[i], state.ThreadID, "in the order asked for")
			if i > 0 {
				assert.True(t, state.LastUpdated.Before(states[i-1].LastUpdated))
			}
		}
		none, err := th.GetMany(t.Context(), nil, Read{})
		require.NoError(t, err)
		assert.Empty(t, none)
	})
}

func TestEmptyLists(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("nobody")
		for _, pattern := range []string{"", "*", "a*", "*a", "[", "exact"} {
			page, err := th.List(t.Context(), Filter{ThreadIDPattern: pattern}, Range{First: 5})
			require.NoError(t, err)
			assert.Equal(t, &IDPage{IDs: []string{}, Cursors: []string{}}, page)
			page, err = th.IDs(t.Context(), pattern, Range{First: 5})
			require.NoError(t, err)
			assert.Equal(t, &IDPage{IDs: []string{}, Cursors: []string{}}, page)
			count, err := th.CountIDs(t.Context(), pattern)
			require.NoError(t, err)
			assert.Zero(t, count)
		}
	})
}

// Pages of any size, in both directions, while threads are written to: what stays untouched is seen once, in order.
func TestCursorsOfListsStayValid(t *testing.T) {
	const n = 60
	onEveryEngine(t, func(t *testing.T, e engine) {
		for _, size := range e.sizes(1, 2, 7, 1000) {
			for _, backward := range []bool{false, true} {
				th := e.open(t).For("ann")
				entries := make([]entry, n)
				for i := range entries {
					entries[i] = entry{id: fmt.Sprintf("t%02d", i), score: int64(1e15) + int64(i/4)} // four share a time
				}
				plant(t, th, entries)
				want := inOrder(entries, false)
				list := func(r Range) (*IDPage, error) { return th.List(t.Context(), Filter{}, r) }
				assert.Equal(t, want, walk(t, list, size, backward, func() {}))

				touched, i := make(map[string]bool), 0
				seen := walk(t, list, size, backward, func() {
					if id := fmt.Sprintf("t%02d", i*11%n); i < 15 {
						mustAppend(t, th, id, say("a", "x"))
						touched[id] = true
					}
					i++
				})
				untouched := func(id string) bool { return !touched[id] }
				assert.Equal(t, filter(want, untouched), filter(seen, untouched), "size %d", size)
				byID := func(r Range) (*IDPage, error) { return th.IDs(t.Context(), "", r) }
				if !backward {
					assert.Equal(t, inOrder(entries, true), walk(t, byID, size, false, func() {}))
				}
			}
		}
	})
}

func filter(ids []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !keep(id) })
}

// More threads of the very same time than are read at once.
func TestListsWithTies(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		entries := make([]entry, 0, 300)
		for i := range 300 {
			score := int64(1_700_000_000_000_000)
			switch {
			case i < 20:
				score -= int64(i)
			case i >= 280:
				score += int64(i)
			}
			entries = append(entries, entry{id: fmt.Sprintf("t%03d", i), score: score})
		}
		plant(t, th, entries)
		want := inOrder(entries, false)
		for _, size := range e.sizes(1, 50, 1000) {
			for _, backward := range []bool{false, true} {
				list := func(r Range) (*IDPage, error) { return th.List(t.Context(), Filter{}, r) }
				assert.Equal(t, want, walk(t, list, size, backward, func() {}), "size %d", size)
			}
		}
	})
}

func TestListFilters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		base := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		var entries []entry
		for i := range 30 {
			kind := []string{"chat:", "task:", "chat:old:"}[i%3]
			entries = append(entries, entry{id: fmt.Sprintf("%s%02d", kind, i), score: base.Add(time.Duration(i) * time.Microsecond).UnixMicro()})
		}
		plant(t, th, entries)
		at := func(i int) time.Time { return base.Add(time.Duration(i) * time.Microsecond) }
		for name, f := range map[string]Filter{
			"none": {}, "after": {UpdatedAfter: new(at(9))}, "before": {UpdatedBefore: new(at(9))}, "between": {UpdatedAfter: new(at(3)), UpdatedBefore: new(at(20))},
			"empty": {UpdatedAfter: new(at(5)), UpdatedBefore: new(at(6))}, "the start of time": {UpdatedAfter: new(time.Time{}), UpdatedBefore: new(at(4))}, "before all time": {UpdatedBefore: new(time.Time{})},
			"crossed":                  {UpdatedAfter: new(at(9)), UpdatedBefore: new(at(3))},
			"finer than a microsecond": {UpdatedAfter: new(at(3).Add(500)), UpdatedBefore: new(at(20).Add(500))},
			"prefix":                   {ThreadIDPattern: "chat:*"}, "prefix and more": {ThreadIDPattern: "chat:*0?"}, "exact": {ThreadIDPattern: "task:04"},
			"no prefix": {ThreadIDPattern: "*1?"}, "choice": {ThreadIDPattern: "[ct]???:0[0-5]"}, "nothing": {ThreadIDPattern: "chat:x*"},
			"prefix, after": {ThreadIDPattern: "chat:*", UpdatedAfter: new(at(9))}, "no prefix, between": {ThreadIDPattern: "*:?[05]", UpdatedAfter: new(at(3)), UpdatedBefore: new(at(20))},
		} {
			var matching []entry
			for i, e := range entries {
				if f.ThreadIDPattern != "" && !matchGlob(f.ThreadIDPattern, e.id) ||
					f.UpdatedAfter != nil && !at(i).After(*f.UpdatedAfter) || f.UpdatedBefore != nil && !at(i).Before(*f.UpdatedBefore) {
					continue
				}
				matching = append(matching, e)
			}
			count, err := th.Count(t.Context(), f)
			require.NoError(t, err)
			assert.Equal(t, len(matching), count, name)
			for _, size := range e.sizes(1, 4, 100) {
				for _, backward := range []bool{false, true} {
					list := func(r Range) (*IDPage, error) { return th.List(t.Context(), f, r) }
					assert.Equal(t, inOrder(matching, false), walk(t, list, size, backward, func() {}), "%s, size %d", name, size)
				}
				if f.UpdatedAfter == nil && f.UpdatedBefore == nil {
					byID := func(r Range) (*IDPage, error) { return th.IDs(t.Context(), f.ThreadIDPattern, r) }
					assert.Equal(t, inOrder(matching, true), walk(t, byID, size, false, func() {}), "%s by id, size %d", name, size)
				}
			}
		}
	})
}

func TestBadCursorsOfLists(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		byUpdate, byID := entry{id: "a", score: 1}.cursor(false), entry{id: "a"}.cursor(true)
		message := Cursor{Epoch: "0011223344556677", Seq: 1}.String()
		for _, cursor := range []string{"x", "!", message, byID} {
			for argument, r := range map[string]Range{"after": {First: 1, After: cursor}, "before": {Last: 1, Before: cursor}} {
				_, err := th.List(t.Context(), Filter{}, r)
				var bad *BadCursorError
				require.ErrorAs(t, err, &bad, cursor)
				assert.Equal(t, argument, bad.Argument)
			}
		}
		for _, cursor := range []string{"x", message, byUpdate} {
			_, err := th.IDs(t.Context(), "*", Range{First: 1, After: cursor})
			require.ErrorIs(t, err, ErrBadCursor, cursor)
		}
	})
}
