package store

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppendNumbersAndCounts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		_, err := th.Append(t.Context(), "one", Append{Messages: numbered(1, 1)}, nil)
		require.ErrorIs(t, err, ErrNotFound, "nobody asked to create it")

		first := mustAppend(t, th, "one", say("a", "1"))
		assert.Equal(t, 1, first.State.Version)
		second := mustAppend(t, th, "one", speak(AI, "b", "2"), speak(System, "c", "3"), speak(Function, "d", "4"))
		assert.Equal(t, 2, second.State.Version, "a batch is one change")
		assert.Equal(t, []int{2, 3, 4}, seqs(second.Messages))
		assert.Equal(t, first.State.Epoch, second.State.Epoch)
		assert.Equal(t, first.State.CreatedAt, second.State.CreatedAt)
		assert.True(t, second.State.LastUpdated.After(first.State.LastUpdated))
		third, err := th.Append(t.Context(), "one", Append{Messages: []*Message{speak(Chat, "e", "5"), speak(Other, "f", "6")}}, nil)
		require.NoError(t, err)
		assert.Nil(t, third.State, "no read was asked for")
		assert.Equal(t, []int{5, 6}, seqs(third.Messages))

		state := mustGet(t, th, "one")
		assert.Equal(t, MessageCounts{Total: 6, Human: 1, Ai: 1, System: 1, Other: 3}, state.MessageCounts)
		assert.Equal(t, Head{Epoch: state.Epoch, Seq: 6, Version: 3}, state.Head())
		page := state.Pages[allMessages]
		assert.Equal(t, []string{"a", "b", "c", "d", "e", "f"}, messageIDs(page.Messages))
		assert.Equal(t, []int{1, 2, 3, 4, 5, 6}, seqs(page.Messages))
		assert.Equal(t, []*Message{first.Messages[0], second.Messages[0]}, page.Messages[:2], "what was given back is what was stored")
	})
}

func TestAMessageIsStoredOnce(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		before := mustCreate(t, th, "one", say("a", "x"), speak(AI, "b", "y"))
		stored := before.Pages[allMessages].Messages

		again := mustAppend(t, th, "one", speak(AI, "b", "y"), say("a", "x"), say("a", "x"))
		assert.Equal(t, 3, again.Duplicates)
		assert.Equal(t, []*Message{stored[1], stored[0], stored[0]}, again.Messages)
		assert.Equal(t, before, again.State, "neither version nor time nor expiry has changed")

		mixed := mustAppend(t, th, "one", say("c", "new"), say("a", "x"), say("c", "new"), say("d", "new"))
		assert.Equal(t, 2, mixed.Duplicates)
		assert.Equal(t, []int{3, 1, 3, 4}, seqs(mixed.Messages))
		assert.Equal(t, before.Version+1, mixed.State.Version)
		assert.Equal(t, []string{"a", "b", "c", "d"}, messageIDs(mixed.State.Pages[allMessages].Messages))
		assert.Equal(t, MessageCounts{Total: 4, Human: 3, Ai: 1}, mixed.State.MessageCounts)
	})
}

func TestAMessageIDIsNotTakenTwice(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		before := mustCreate(t, th, "one", say("a", "x"), say("b", "y"))
		for name, batch := range map[string][]*Message{
			"other content":           {say("a", "X")},
			"a prefix of it":          {{MessageID: "a", Type: Human, Content: json.RawMessage(`""`)}},
			"other type":              {speak(AI, "a", "x")},
			"a name more":             {{MessageID: "a", Type: Human, Content: json.RawMessage(`"x"`), Name: ptr("n")}},
			"a time":                  {{MessageID: "a", Type: Human, Content: json.RawMessage(`"x"`), Timestamp: at}},
			"behind new messages":     {say("n1", "new"), say("n2", "new"), say("a", "other")},
			"twice in the batch":      {say("n1", "new"), say("a", "one"), say("a", "other")},
			"new, twice in the batch": {say("n1", "new"), say("a", "x"), say("n1", "other")},
		} {
			_, err := th.Append(t.Context(), "one", Append{Messages: batch}, nil)
			var exists *MessageExistsError
			require.ErrorAs(t, err, &exists, name)
			wrong := "a"
			if name == "new, twice in the batch" {
				wrong = "n1"
			}
			assert.Equal(t, wrong, exists.MessageID, name)
			assert.Equal(t, before, mustGet(t, th, "one"), "%s: nothing is written", name)
		}
		_, err := th.Message(t.Context(), "one", "n1")
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestExpectedVersion(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		write := func(id string, a Append) (*Appended, error) { return th.Append(t.Context(), id, a, &everything) }
		conflict := func(err error, current int) {
			t.Helper()
			var conflict *ConflictError
			require.ErrorAs(t, err, &conflict)
			assert.Equal(t, current, conflict.Current)
		}
		_, err := write("one", Append{Messages: numbered(1, 1), ExpectedVersion: ptr(0)})
		require.ErrorIs(t, err, ErrNotFound)
		_, err = write("one", Append{Messages: numbered(1, 1), ExpectedVersion: ptr(1), CreateIfMissing: true})
		conflict(err, 0)
		made, err := write("one", Append{Messages: numbered(1, 1), ExpectedVersion: ptr(0), CreateIfMissing: true})
		require.NoError(t, err)
		assert.Equal(t, 1, made.State.Version)
		_, err = write("one", Append{Messages: numbered(2, 1), ExpectedVersion: ptr(0), CreateIfMissing: true})
		conflict(err, 1)
		more, err := write("one", Append{Messages: numbered(2, 2), ExpectedVersion: ptr(1)})
		require.NoError(t, err)
		assert.Equal(t, 2, more.State.Version)
		for _, wrong := range []int{-1, 0, 1, 3} {
			_, err = write("one", Append{Messages: numbered(4, 1), ExpectedVersion: ptr(wrong)})
			conflict(err, 2)
		}
		// The retry of a call whose answer was lost has the old expectation, and must succeed; something new must not.
		again, err := write("one", Append{Messages: numbered(2, 2), ExpectedVersion: ptr(1)})
		require.NoError(t, err)
		assert.Equal(t, 2, again.Duplicates)
		assert.Equal(t, more.Messages, again.Messages)
		_, err = write("one", Append{Messages: numbered(3, 2), ExpectedVersion: ptr(1)})
		conflict(err, 2)
		assert.Equal(t, 3, mustGet(t, th, "one").Seq)
	})
}

func TestAppendNothing(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		made, err := th.Append(t.Context(), "one", Append{CreateIfMissing: true}, &everything)
		require.NoError(t, err)
		assert.Equal(t, 1, made.State.Version)
		assert.Empty(t, made.Messages)
		again, err := th.Append(t.Context(), "one", Append{}, &everything)
		require.NoError(t, err)
		assert.Zero(t, again.State.Seq)
	})
}

func TestMessage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		_, err := th.Message(t.Context(), "one", "m1")
		require.ErrorIs(t, err, ErrNotFound, "no such thread")
		page := mustCreate(t, th, "one", numbered(1, 20)...).Pages[allMessages]
		for _, want := range page.Messages {
			got, err := th.Message(t.Context(), "one", want.MessageID)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		for _, none := range []string{"m21", "m", "M1", ""} {
			_, err = th.Message(t.Context(), "one", none)
			require.ErrorIs(t, err, ErrNotFound, none)
		}
	})
}

func TestACallersCancellationStaysWhatItIs(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := th.Get(ctx, "one", Read{})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrUnavailable)
		_, err = th.Append(ctx, "one", Append{Messages: numbered(1, 1), CreateIfMissing: true}, nil)
		require.ErrorIs(t, err, context.Canceled)
		exists, err := th.Exists(t.Context(), "one")
		require.NoError(t, err)
		assert.False(t, exists)
	})
}
