package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A change of a message that has been trimmed since comes without it, and not with another one.
func TestEditsOfTrimmedMessages(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 4, true }).For("ann")
		begin, err := ParseEditCursor(mustCreate(t, th, "one", numbered(1, 4)...).EditCursor())
		require.NoError(t, err)
		mustEdit(t, th, "one", Put(say("m1", "new")), Put(say("m4", "new")))
		mustAppend(t, th, "one", numbered(5, 2)...)
		edits, _, err := th.EditsAfter(t.Context(), "one", begin, 10)
		require.NoError(t, err)
		require.Len(t, edits, 2)
		assert.Nil(t, edits[0].Message)
		assert.Equal(t, "m4", edits[1].Message.MessageID)
	})
}

// A thread that is longer than the limit of today allows loses nothing when one of its messages is changed.
func TestEditBeyondALoweredLimit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		mustCreate(t, s.For("ann"), "one", numbered(1, 9)...)
		for _, trim := range []bool{false, true} {
			th := twin(t, s, func(o *Options) { o.MaxThreadMessages, o.Trim = 3, trim }).For("ann")
			got := mustEdit(t, th, "one", Put(say("m5", fmt.Sprint("trim ", trim))))
			assert.Equal(t, 9, got.State.MessageCounts.Total)
		}
	})
}

// No key of a thread is without an expiry, whatever comes and goes.
func TestEditKeepsExpiries(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		again := []Step{Put(say("m1", "x")), Put(say("m2", "x"))}
		for i, empty := range [][]Step{{Remove("m1"), Remove("m2")}, {TruncateAfter(0)}, {TruncateAfter(1), Remove("m1")}} {
			for j, fill := range []func(id string){
				func(id string) { mustAppend(t, th, id, numbered(1, 2)...) },
				func(id string) { mustEdit(t, th, id, again...) },
				func(id string) { mustEdit(t, th, id, append([]Step{TruncateAfter(0)}, again...)...) },
			} {
				id := fmt.Sprint(i, j)
				keys := th.keysOf(id)
				mustCreate(t, th, id, numbered(1, 2)...)
				for _, change := range []func(){func() { mustEdit(t, th, id, empty...) }, func() { fill(id) }} {
					change()
					for _, key := range []string{keys.record, keys.messages, keys.ids, keys.edits} {
						ttl, err := s.rdb.PTTL(t.Context(), key).Result()
						require.NoError(t, err)
						assert.NotEqual(t, time.Duration(-1), ttl, "%s %s", id, key)
					}
				}
			}
		}
		assertSound(t, s)
	})
}

// Of several steps for one message the last one says whether it has changed.
func TestEditCountsUnchanged(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for i, c := range []struct {
			steps []Step
			want  int
		}{
			{[]Step{Put(say("m1", "text 1")), Put(say("m1", "new"))}, 0},
			{[]Step{Put(say("m1", "new")), Put(say("m1", "text 1"))}, 2},
			{[]Step{Put(say("m1", "text 1")), Remove("m1")}, 0},
			{[]Step{Remove("m1"), Put(say("m1", "text 1")), Put(say("m2", "text 2"))}, 2},
			{[]Step{Put(say("m9", "x")), Put(say("m9", "x"))}, 0},
		} {
			id := fmt.Sprint(i)
			mustCreate(t, th, id, numbered(1, 3)...)
			assert.Equal(t, c.want, mustEdit(t, th, id, c.steps...).Unchanged, i)
		}
	})
}
