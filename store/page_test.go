package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readPage reads one page of a thread.
func readPage(tb testing.TB, th *Threads, id string, r Range, types ...MessageType) *MessagePage {
	tb.Helper()
	key := MessagesOf(r, types)
	state, err := th.Get(tb.Context(), id, Read{Pages: []PageKey{key}})
	require.NoError(tb, err)
	return state.Pages[key]
}

func TestPages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		epoch := mustCreate(t, th, "one", numbered(1, 25)...).Epoch
		at := func(seq int) string { return Cursor{Epoch: epoch, Seq: seq}.String() }
		for _, c := range []struct {
			name             string
			r                Range
			from, to         int // from 1 to 0 is nothing
			hasPrev, hasNext bool
		}{
			{"first", Range{First: 10}, 1, 10, false, true},
			{"first, all", Range{First: 25}, 1, 25, false, false},
			{"first, more than all", Range{First: 1000}, 1, 25, false, false},
			{"last", Range{Last: 10}, 16, 25, true, false},
			{"last, all", Range{Last: 25}, 1, 25, false, false},
			{"last, more than all", Range{Last: 1000}, 1, 25, false, false},
			{"first after", Range{First: 10, After: at(10)}, 11, 20, true, true},
			{"first after, to the end", Range{First: 10, After: at(20)}, 21, 25, true, false},
			{"first after the start", Range{First: 2, After: at(0)}, 1, 2, false, true},
			{"first after the end", Range{First: 10, After: at(25)}, 1, 0, true, false},
			{"last before", Range{Last: 10, Before: at(16)}, 6, 15, true, true},
			{"last before, to the start", Range{Last: 10, Before: at(6)}, 1, 5, false, true},
			{"last before the start", Range{Last: 10, Before: at(1)}, 1, 0, false, true},
			{"last before all", Range{Last: 10, Before: at(0)}, 1, 0, false, true},
			{"first before", Range{First: 10, Before: at(6)}, 1, 5, false, true},
			{"last after", Range{Last: 10, After: at(20)}, 21, 25, true, false},
			{"first between", Range{First: 3, After: at(5), Before: at(15)}, 6, 8, true, true},
			{"last between", Range{Last: 3, After: at(5), Before: at(15)}, 12, 14, true, true},
			{"all between", Range{First: 100, After: at(5), Before: at(8)}, 6, 7, true, true},
			{"neighbours", Range{First: 10, After: at(5), Before: at(6)}, 1, 0, true, true},
			{"crossed", Range{First: 10, After: at(15), Before: at(5)}, 1, 0, true, true},
		} {
			page := readPage(t, th, "one", c.r)
			require.NoError(t, page.Err, c.name)
			assert.Equal(t, numberRange(c.from, c.to), seqs(page.Messages), c.name)
			assert.Equal(t, [2]bool{c.hasPrev, c.hasNext}, [2]bool{page.HasPrev, page.HasNext}, "%s: previous, next", c.name)
			assert.Equal(t, 25, page.Total, c.name)
		}
	})
}

func TestCursorsThatDoNotHold(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		epoch := mustCreate(t, th, "one", numbered(1, 5)...).Epoch
		other := mustCreate(t, th, "two", numbered(1, 5)...).Epoch
		for _, types := range [][]MessageType{nil, {Human}} {
			for name, cursor := range map[string]Cursor{
				"of another incarnation": {Epoch: other, Seq: 3}, "beyond the end": {Epoch: epoch, Seq: 6},
			} {
				for _, r := range []Range{{First: 2, After: cursor.String()}, {Last: 2, Before: cursor.String()}} {
					page := readPage(t, th, "one", r, types...)
					var expired *CursorExpiredError
					require.ErrorAs(t, page.Err, &expired, name)
					assert.Empty(t, page.Messages)
					oldest := readPage(t, th, "one", Range{First: 10, After: expired.Oldest.String()}, types...)
					require.NoError(t, oldest.Err)
					assert.Equal(t, numberRange(1, 5), seqs(oldest.Messages), "the oldest one works")
				}
			}
			for name, r := range map[string]Range{
				"after": {First: 2, After: "nonsense"}, "before": {Last: 2, Before: "nonsense"},
			} {
				var bad *BadCursorError
				err := readPage(t, th, "one", r, types...).Err
				require.ErrorIs(t, err, ErrBadCursor)
				require.ErrorAs(t, err, &bad)
				assert.Equal(t, name, bad.Argument)
			}
			listCursor := entry{id: "one", score: 1}.cursor(false)
			require.ErrorIs(t, readPage(t, th, "one", Range{First: 2, After: listCursor}, types...).Err, ErrBadCursor, "one of a list of threads")
		}
	})
}

func TestPagesOfAnEmptyThread(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		epoch := mustCreate(t, th, "one").Epoch
		for _, r := range []Range{{First: 5}, {Last: 5}, {First: 5, After: Cursor{Epoch: epoch}.String()}, {Last: 5, Before: Cursor{Epoch: epoch}.String()}} {
			for _, types := range [][]MessageType{nil, {Human, AI}} {
				page := readPage(t, th, "one", r, types...)
				require.NoError(t, page.Err)
				assert.Empty(t, page.Messages)
				assert.False(t, page.HasNext)
				assert.Zero(t, page.Total)
			}
		}
	})
}

func TestMessagesOf(t *testing.T) {
	t.Parallel()
	r := Range{First: 5}
	assert.Equal(t, MessagesOf(r, []MessageType{AI, Human}), MessagesOf(r, []MessageType{Human, AI, Human}), "a key says what, not how")
	assert.NotEqual(t, MessagesOf(r, nil), MessagesOf(r, []MessageType{Human}))
	assert.Equal(t, []string{"A", "H"}, MessagesOf(r, []MessageType{Human, AI}).letters())
	assert.Nil(t, MessagesOf(r, nil).letters())
}

var allTypes = []MessageType{Human, AI, System, Tool, Function, Chat, Other}

// pageModel is what a page of a plain slice of messages must hold, and whether there is more of it within the cursors.
func pageModel(all []*Message, r Range, after, before int, types []MessageType) (wanted []string, more bool) {
	wanted = []string{}
	for _, m := range all {
		if m.Seq > after && m.Seq < before && (len(types) == 0 || slices.Contains(types, m.Type)) {
			wanted = append(wanted, m.MessageID)
		}
	}
	size := max(r.First, r.Last)
	if more = len(wanted) > size; !more {
		return wanted, false
	}
	if r.First > 0 {
		return wanted[:size], true
	}
	return wanted[len(wanted)-size:], true
}

// Random pages, with and without types, of a thread longer than the steps of a search by type, against a plain slice.
func TestPagesAgreeWithASlice(t *testing.T) {
	const n, tries = 2300, 60
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		random := rand.New(rand.NewPCG(1, 2)) // the same pages each time
		messages := make([]*Message, n)
		for i := range messages {
			kind := AI
			if i%2 == 0 { // the other types are rare: some pages need several steps
				kind = allTypes[min(random.IntN(2000), len(allTypes)-1)]
			}
			messages[i] = speak(kind, fmt.Sprintf("m%d", i+1), "x")
		}
		messages[3].Type, messages[2200].Type = Tool, Tool
		epoch := mustCreate(t, th, "one", messages...).Epoch
		for i, m := range messages {
			m.Seq = i + 1
		}
		for range tries {
			r, after, before := Range{First: 1 + random.IntN(20)}, 0, n+1
			if random.IntN(2) == 0 {
				r = Range{Last: 1 + random.IntN(20)}
			}
			if random.IntN(2) == 0 {
				after = random.IntN(n + 1)
				r.After = Cursor{Epoch: epoch, Seq: after}.String()
			}
			if random.IntN(2) == 0 {
				before = random.IntN(n + 1)
				r.Before = Cursor{Epoch: epoch, Seq: before}.String()
			}
			types := slices.Clone(allTypes[:random.IntN(len(allTypes))])
			if random.IntN(3) == 0 {
				types = []MessageType{Tool}
			}
			page := readPage(t, th, "one", r, types...)
			require.NoError(t, page.Err)
			want, more := pageModel(messages, r, after, before, types)
			require.Equal(t, want, messageIDs(page.Messages), "%+v %v", r, types)
			switch {
			case r.First > 0 && more:
				require.True(t, page.HasNext, "%+v %v", r, types)
			case r.Last > 0 && more:
				require.True(t, page.HasPrev, "%+v %v", r, types)
			case r.First > 0 && r.Before == "":
				require.False(t, page.HasNext, "%+v %v", r, types)
			case r.Last > 0 && r.After == "":
				require.False(t, page.HasPrev, "%+v %v", r, types)
			}
			total, _ := pageModel(messages, Range{First: n}, 0, n+1, types)
			require.Len(t, total, page.Total, types)
		}
	})
}
