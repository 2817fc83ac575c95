package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// haystack plants 25,000 threads, more than a page looks at, with a needle every 2,500.
func haystack(tb testing.TB, th *Threads) (entries []entry, needles []string) {
	tb.Helper()
	for i := range 25_000 {
		id := fmt.Sprintf("id:%05d", i)
		if i%2500 == 1250 {
			id += ":needle"
			needles = append([]string{id}, needles...)
		}
		entries = append(entries, entry{id: id, score: int64(i) + 1})
	}
	plant(tb, th, entries)
	return entries, needles
}

func TestSearchesInAHaystack(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		entries, needles := haystack(t, th)
		count, err := th.Count(t.Context(), Filter{})
		require.NoError(t, err)
		assert.Len(t, entries, count)
		// The first pattern tells nothing of where to look, the second has a prefix that all ids share.
		patterns := []string{"*needle", "id:*needle"}
		if e.mode != Standalone { // it takes its time, and the second goes both ways
			patterns = patterns[1:]
		}
		for _, pattern := range patterns {
			testSearchBeyondItsBudget(t, th, pattern, needles)
		}
		testSearchBackward(t, th, needles)
		testSearchForNothing(t, th)
		testPrefixIsLookedUp(t, th, watch(s))
		testCountsAreBounded(t, s)
	})
}

func testSearchBeyondItsBudget(t *testing.T, th *Threads, pattern string, needles []string) {
	t.Helper()
	for name, list := range map[string]func(Range) (*IDPage, error){
		"by update": func(r Range) (*IDPage, error) { return th.List(t.Context(), Filter{ThreadIDPattern: pattern}, r) },
		"by id":     func(r Range) (*IDPage, error) { return th.IDs(t.Context(), pattern, r) },
	} {
		found, pages := []string{}, 0
		for r := (Range{First: 20}); ; pages++ {
			page, err := list(r)
			require.NoError(t, err)
			require.Less(t, pages, 3, "each page looks at %d ids", listBudget.ids)
			found = append(found, page.IDs...)
			if !page.HasNext {
				break
			}
			require.NotEmpty(t, page.End, "the next page goes on behind what was looked at")
			require.NotEqual(t, r.After, page.End)
			r.After = page.End
		}
		assert.ElementsMatch(t, needles, found, "%s, %s", name, pattern)
		assert.Equal(t, 1, pages, "%s, %s: one page ends early", name, pattern)
	}
	count, err := th.CountIDs(t.Context(), pattern)
	require.NoError(t, err)
	assert.Equal(t, len(needles), count)
	count, err = th.Count(t.Context(), Filter{ThreadIDPattern: pattern, UpdatedBefore: new(time.UnixMicro(5001))})
	require.NoError(t, err)
	assert.Equal(t, 2, count)
}

func testSearchBackward(t *testing.T, th *Threads, needles []string) {
	t.Helper()
	page, err := th.List(t.Context(), Filter{ThreadIDPattern: "*needle"}, Range{Last: 20})
	require.NoError(t, err)
	assert.Equal(t, needles[2:], page.IDs, "the eight in the oldest 20,000")
	require.True(t, page.HasPrev)
	page, err = th.List(t.Context(), Filter{ThreadIDPattern: "*needle"}, Range{Last: 20, Before: page.Start})
	require.NoError(t, err)
	assert.Equal(t, needles[:2], page.IDs)
	assert.False(t, page.HasPrev)
}

// A page that has found nothing within its budget still goes on.
func testSearchForNothing(t *testing.T, th *Threads) {
	t.Helper()
	page, err := th.List(t.Context(), Filter{ThreadIDPattern: "*no such"}, Range{First: 5})
	require.NoError(t, err)
	assert.Empty(t, page.IDs)
	assert.True(t, page.HasNext)
	assert.Empty(t, page.Start)
	page, err = th.List(t.Context(), Filter{ThreadIDPattern: "*no such"}, Range{First: 5, After: page.End})
	require.NoError(t, err)
	assert.False(t, page.HasNext)
}

// Where a pattern starts with text, that text leads straight to the ids.
func testPrefixIsLookedUp(t *testing.T, th *Threads, counter *trips) {
	t.Helper()
	for _, c := range []struct {
		pattern string
		want    int
	}{{"id:1234*", 10}, {"id:12345", 1}, {"id:0125?*", 10}, {`id:0125\0:*`, 1}, {"id:x*", 0}, {"zz*", 0}} {
		sent := counter.of(func() {
			page, err := th.List(t.Context(), Filter{ThreadIDPattern: c.pattern}, Range{First: 50})
			require.NoError(t, err)
			assert.Len(t, page.IDs, c.want, c.pattern)
			for _, id := range page.IDs {
				assert.True(t, matchGlob(c.pattern, id), id)
			}
		})
		assert.LessOrEqual(t, len(sent), 2, c.pattern)
		sent = counter.of(func() {
			page, err := th.IDs(t.Context(), c.pattern, Range{First: 50})
			require.NoError(t, err)
			assert.Len(t, page.IDs, c.want, c.pattern)
		})
		assert.Len(t, sent, 1, c.pattern)
	}
}

// A thread that is written to between two steps of one search must not hide its neighbours.
func TestASearchMissesNoNeighbour(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		for _, c := range []struct{ backward, meddled bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			s := e.open(t)
			th, other := s.For("ann"), twin(t, s).For("ann")
			var entries []entry
			for i := 0; len(entries) < 2*searchChunk; i++ {
				if id := fmt.Sprintf("t%06d", i); th.store.keys.bucketOf("ann", id) == 0 { // in one bucket, so that its chunks matter
					entries = append(entries, entry{id: id, score: int64(1000 + i)})
				}
			}
			plant(t, th, entries)
			edge := entries[searchChunk] // the last one of the first chunk, from the newest
			command, r := "zrevrangebyscore", Range{First: 2 * searchChunk}
			if c.backward {
				edge, command, r = entries[searchChunk-1], "zrangebyscore", Range{Last: 2 * searchChunk}
			}
			m := meddle(s, 2, command, func() {
				if c.meddled {
					require.NoError(t, other.Delete(t.Context(), edge.id, nil))
				}
			})
			mustCreate(t, other, edge.id)
			plant(t, th, []entry{edge})
			page, err := th.List(t.Context(), Filter{ThreadIDPattern: "*t*"}, r)
			require.NoError(t, err)
			require.LessOrEqual(t, m.before.Load(), int32(0))
			assert.Equal(t, inOrder(entries, false), page.IDs, "all others are there once, and the one too: it was read before it went")
		}
	})
}

func TestPrefixesOfPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"abc": "abc", "abc*": "abc", "*": "", "a?c": "a", "a[bc]": "a", `a\*c*`: "a*c", `\[x`: "[x", `é*`: "é", `\é*`: "é", `end\`: `end\`, "": "",
	} {
		g := compileGlob(pattern)
		assert.Equal(t, want, g.prefix, pattern)
		assert.Equal(t, !strings.ContainsAny(strings.NewReplacer(`\*`, "", `\[`, "").Replace(pattern), "*?["), g.exact, pattern)
	}
}

// A count by a pattern says where it would have to look at too much, and does not give a number that is not true.
func testCountsAreBounded(t *testing.T, s *Store) {
	t.Helper()
	th := twin(t, s, func(o *Options) { o.MaxCountedIDs = 20_000 }).For("ann")
	_, err := th.CountIDs(t.Context(), "*needle")
	var limit *CountLimitError
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, 20_000, limit.Limit)
	for pattern, want := range map[string]int{"id:1*e": 4, "*": 25_000, "id:0[0-9]*": 10_000} {
		n, err := th.CountIDs(t.Context(), pattern)
		require.NoError(t, err, pattern)
		assert.Equal(t, want, n, pattern)
	}
}

// To match many ids with a long pattern takes time, which nobody waits for any more when the request has ended.
func TestAnEndedSearchStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := listing{byID: true}
	entries := make([]entry, 3*searchChunk)
	for i := range entries {
		entries[i].id = fmt.Sprintf("%05d", i)
	}
	s := searching{listing: l, streams: []*stream{{buf: entries, done: true}}}
	_, err := s.merge(ctx, 0)
	require.ErrorIs(t, err, context.Canceled)
}

// To compare a long pattern with long ids is much work each time. A page does a bounded amount of it and goes on in the next one.
func TestAPatternThatTakesLong(t *testing.T) {
	most := listBudget.steps
	listBudget.steps = 500_000
	t.Cleanup(func() { listBudget.steps = most })
	th := engines[0].open(t).For("ann")
	entries := make([]entry, 300)
	for i := range entries {
		entries[i] = entry{id: strings.Repeat("a", 200) + fmt.Sprintf("%03d", i), score: int64(1 + i)}
	}
	entries[5].id = strings.Repeat("a", 200) + "b"
	plant(t, th, entries)
	pattern := "*" + strings.Repeat("a", 100) + "b"
	pages := 0
	var found []string
	for r := (Range{First: 10}); ; pages++ {
		page, err := th.List(t.Context(), Filter{ThreadIDPattern: pattern}, r)
		require.NoError(t, err)
		found = append(found, page.IDs...)
		if r.After = page.End; !page.HasNext {
			break
		}
		require.Less(t, pages, 100)
	}
	assert.Equal(t, []string{entries[5].id}, found)
	assert.Greater(t, pages, 2)
}

// A thread that is written to while a page of the oldest is read moves to where the page ends, and must not be on it twice.
func TestAThreadIsOnAPageOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th, other := s.For("ann"), twin(t, s).For("ann")
		var entries []entry
		for i := 0; len(entries) < 2*searchChunk; i++ {
			if id := fmt.Sprintf("t%06d", i); th.store.keys.bucketOf("ann", id) == 0 {
				entries = append(entries, entry{id: id, score: int64(1000 + i)})
			}
		}
		first := entries[0].id
		mustCreate(t, other, first)
		plant(t, th, entries)
		m := meddle(s, 2, "zrangebyscore", func() { mustAppend(t, other, first, say("a", "x")) })
		page, err := th.List(t.Context(), Filter{ThreadIDPattern: "*t*"}, Range{Last: 1000 + searchChunk})
		require.NoError(t, err)
		require.LessOrEqual(t, m.before.Load(), int32(0))
		n := 0
		for _, id := range page.IDs {
			if id == first {
				n++
			}
		}
		assert.Equal(t, 1, n)
	})
}

func TestAnExactPatternIsLookedUp(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		for _, id := range []string{"a", "ab", "abc", "a*"} {
			mustCreate(t, th, id)
		}
		for pattern, want := range map[string][]string{"ab": {"ab"}, `a\*`: {"a*"}, "b": {}} {
			page, err := th.IDs(t.Context(), pattern, Range{First: 10})
			require.NoError(t, err)
			assert.Equal(t, want, page.IDs, pattern)
			page, err = th.List(t.Context(), Filter{ThreadIDPattern: pattern}, Range{First: 10})
			require.NoError(t, err)
			assert.Equal(t, want, page.IDs, pattern)
			n, err := th.CountIDs(t.Context(), pattern)
			require.NoError(t, err)
			assert.Len(t, want, n, pattern)
		}
	})
}
