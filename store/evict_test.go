package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evict takes one key of a thread away, as a Redis short of memory does that is not set to noeviction.
func evict(tb testing.TB, th *Threads, key string) {
	tb.Helper()
	require.NoError(tb, th.store.rdb.Del(tb.Context(), key).Err())
}

func TestAThreadWhoseMessagesWereEvicted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		old := mustCreate(t, th, "one", speak(AI, "m1", "text 1"), say("m2", "text 2"), speak(Chat, "m3", "text 3"))
		evict(t, th, th.keysOf("one").messages)
		events := listen(t, th, "one")

		// A writer who sends again what is lost, and something new, twice each.
		appended := mustAppend(t, th, "one", speak(Tool, "m4", "x"), say("m2", "text 2"), speak(Tool, "m4", "x"), say("m2", "text 2"))
		state := appended.State
		assert.NotEqual(t, old.Epoch, state.Epoch, "it goes on as another incarnation")
		assert.Equal(t, old.Version+1, state.Version)
		assert.Equal(t, 3, state.Base)
		assert.Equal(t, 5, state.Seq, "no number is used twice")
		assert.Equal(t, []int{4, 5, 4, 5}, seqs(appended.Messages))
		assert.Equal(t, 2, appended.Duplicates)
		assert.Equal(t, state.Epoch, appended.Messages[0].Epoch)
		assert.Equal(t, MessageCounts{Total: 2, Human: 1, Tool: 1}, state.MessageCounts)
		assert.Equal(t, []int{4, 5}, seqs(state.Pages[allMessages].Messages))
		assert.Equal(t, state.Epoch, next(t, events).Epoch)

		_, _, err := th.After(t.Context(), "one", Cursor{Epoch: old.Epoch, Seq: 3}, 10)
		var expired *CursorExpiredError
		require.ErrorAs(t, err, &expired)
		messages, _, err := th.After(t.Context(), "one", expired.Oldest, 10)
		require.NoError(t, err)
		assert.Equal(t, []int{4, 5}, seqs(messages))
		mustAppend(t, th, "one", numbered(10, 8)...) // now the list is long enough for a place of old to mean another message
		_, err = th.Message(t.Context(), "one", "m1")
		require.ErrorIs(t, err, ErrNotFound)
		assert.Zero(t, mustAppend(t, th, "one", speak(AI, "m1", "other")).Duplicates, "the ids of what is lost are free")
	})
}

func TestAnEvictedListThatIsTrimmedToo(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 5, true }).For("ann")
		mustCreate(t, th, "one", numbered(1, 5)...)
		evict(t, th, th.keysOf("one").messages)
		state := mustAppend(t, th, "one", numbered(6, 3)...).State
		assert.Equal(t, [2]int{5, 8}, [2]int{state.Base, state.Seq})
		assert.Equal(t, MessageCounts{Total: 3, Human: 3}, state.MessageCounts)
		state = mustAppend(t, th, "one", numbered(9, 4)...).State
		assert.Equal(t, [2]int{7, 12}, [2]int{state.Base, state.Seq})
		assert.Equal(t, []int{8, 9, 10, 11, 12}, seqs(state.Pages[allMessages].Messages))
	})
}

// Without its record there is no thread; what else is left of it must not come back.
func TestAThreadWhoseRecordWasEvicted(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 3)...)
		evict(t, th, th.keysOf("one").record)
		_, err := th.Get(t.Context(), "one", everything)
		require.ErrorIs(t, err, ErrNotFound)
		state := mustAppend(t, th, "one", say("m2", "other")).State
		assert.Equal(t, Head{Epoch: state.Epoch, Seq: 1, Version: 1}, state.Head())
		assert.Len(t, state.Pages[allMessages].Messages, 1)
		require.NoError(t, th.Delete(t.Context(), "one", nil))
		assert.Empty(t, allKeys(t, s))
	})
}
