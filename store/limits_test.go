package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFullThreadRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages = 5 }).For("ann")
		before := mustCreate(t, th, "one", numbered(1, 4)...)
		_, err := th.Append(t.Context(), "one", Append{Messages: numbered(5, 2)}, nil)
		var full *LimitError
		require.ErrorAs(t, err, &full)
		assert.Equal(t, 5, full.Limit)
		assert.Equal(t, 6, full.Actual)
		assert.Equal(t, before, mustGet(t, th, "one"), "all or none")

		appended := mustAppend(t, th, "one", say("m1", "text 1"), say("m5", "text 5"), say("m2", "text 2"))
		assert.Equal(t, 5, appended.State.Seq, "those that are there already do not count")
		again := mustAppend(t, th, "one", numbered(1, 5)...)
		assert.Equal(t, 5, again.Duplicates, "a retry succeeds on a full thread")
	})
}

func TestAFullThreadTrims(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 5, true }).For("ann")
		old := mustCreate(t, th, "one", speak(AI, "a1", "x"), say("m1", "text 1"), say("m2", "text 2"), speak(AI, "a2", "x"))
		ahead := Cursor{Epoch: old.Epoch}
		behindFirst := Cursor{Epoch: old.Epoch, Seq: 1}
		state := mustAppend(t, th, "one", numbered(3, 4)...).State
		assert.Equal(t, 8, state.Seq)
		assert.Equal(t, 3, state.Base)
		assert.Equal(t, old.Epoch, state.Epoch)
		assert.Equal(t, MessageCounts{Total: 5, Human: 4, Ai: 1}, state.MessageCounts)
		assert.Equal(t, []int{4, 5, 6, 7, 8}, seqs(state.Pages[allMessages].Messages))

		for _, cursor := range []Cursor{ahead, behindFirst, {Epoch: old.Epoch, Seq: 2}} {
			_, _, err := th.After(t.Context(), "one", cursor, 10)
			var expired *CursorExpiredError
			require.ErrorAs(t, err, &expired, cursor.Seq)
			assert.Equal(t, Cursor{Epoch: old.Epoch, Seq: 3}, expired.Oldest)
		}
		messages, head, err := th.After(t.Context(), "one", Cursor{Epoch: old.Epoch, Seq: 3}, 2)
		require.NoError(t, err, "all behind it is there")
		assert.Equal(t, []int{4, 5}, seqs(messages))
		assert.Equal(t, state.Head(), head)

		_, err = th.Message(t.Context(), "one", "m1")
		require.ErrorIs(t, err, ErrNotFound)
		reused := mustAppend(t, th, "one", say("m1", "another"))
		assert.Zero(t, reused.Duplicates, "the id of a trimmed message is free")
		assert.Equal(t, 9, reused.Messages[0].Seq)
		got, err := th.Message(t.Context(), "one", "m6")
		require.NoError(t, err)
		assert.Equal(t, 8, got.Seq)

		_, err = th.Append(t.Context(), "one", Append{Messages: numbered(100, 6)}, nil)
		var full *LimitError
		require.ErrorAs(t, err, &full, "a batch that would push out itself")
		assert.Equal(t, [2]int{5, 6}, [2]int{full.Limit, full.Actual})
		assert.Equal(t, 9, mustGet(t, th, "one").Seq)
	})
}

func TestPagesOfATrimmedThread(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 20, true }).For("ann")
		for from := 1; from <= 43; from += 10 {
			mustAppend(t, th, "one", numbered(from, min(10, 43-from+1))...)
		}
		state := mustGet(t, th, "one")
		at := func(seq int) string { return Cursor{Epoch: state.Epoch, Seq: seq}.String() }
		for _, c := range []struct {
			name             string
			r                Range
			from, to         int
			hasPrev, hasNext bool
		}{
			{"first", Range{First: 3}, 24, 26, false, true},
			{"last", Range{Last: 3}, 41, 43, true, false},
			{"all", Range{First: 1000}, 24, 43, false, false},
			{"after", Range{First: 3, After: at(30)}, 31, 33, true, true},
			{"after the base", Range{First: 3, After: at(23)}, 24, 26, false, true},
			{"before", Range{Last: 3, Before: at(30)}, 27, 29, true, true},
			{"first before", Range{First: 30, Before: at(30)}, 24, 29, false, true},
			{"last after", Range{Last: 3, After: at(30)}, 41, 43, true, false},
		} {
			key := MessagesOf(c.r, nil)
			got, err := th.Get(t.Context(), "one", Read{Pages: []PageKey{key}})
			require.NoError(t, err)
			page := got.Pages[key]
			require.NoError(t, page.Err, c.name)
			assert.Equal(t, numberRange(c.from, c.to), seqs(page.Messages), c.name)
			assert.Equal(t, [2]bool{c.hasPrev, c.hasNext}, [2]bool{page.HasPrev, page.HasNext}, c.name)
			assert.Equal(t, 20, page.Total, c.name)
			typed := readPage(t, th, "one", c.r, Human)
			require.NoError(t, typed.Err, c.name)
			assert.Equal(t, numberRange(c.from, c.to), seqs(typed.Messages), "%s, by type", c.name)
		}
	})
}

// numberRange lists the numbers from from to to.
func numberRange(from, to int) []int {
	numbers := make([]int, 0, max(to-from+1, 0))
	for n := from; n <= to; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// Scripts pass lists to Redis in pieces, since Lua's unpack has a bound; these batches need several.
func TestBigBatches(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 3000, true }).For("ann")
		seq := 0
		for _, n := range []int{500, 2500, 2500} {
			batch := numbered(seq+1, n)
			appended, err := th.Append(t.Context(), "one", Append{Messages: batch, CreateIfMissing: true}, nil)
			require.NoError(t, err)
			assert.Equal(t, numberRange(seq+1, seq+n), seqs(appended.Messages))
			assert.Equal(t, messageIDs(batch), messageIDs(appended.Messages))
			seq += n
		}
		state := mustGet(t, th, "one")
		assert.Equal(t, MessageCounts{Total: 3000, Human: 3000}, state.MessageCounts)
		assert.Equal(t, 2500, state.Base, "and trims 2500 at once")
		again, err := th.Append(t.Context(), "one", Append{Messages: numbered(3001, 2500)}, nil)
		require.NoError(t, err)
		assert.Equal(t, 2500, again.Duplicates)
	})
}

func TestABigMessage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		text := strings.Repeat("é\"\\<", 256<<10/5)
		mustAppend(t, th, "one", say("big", text))
		got, err := th.Message(t.Context(), "one", "big")
		require.NoError(t, err)
		assert.Equal(t, text, got.Text())
		assert.Equal(t, 1, mustAppend(t, th, "one", say("big", text)).Duplicates)
	})
}

// strangeIDs have a meaning to somebody: to globs, to Redis Cluster, to the separators of keys and elements.
var strangeIDs = []string{
	"a:b{c}*", "{", "}", "{}", "{04s}", ":", "::", "%", "%3A", "%s%d", "*", "?", "[a-z]", "\\", "'", `"`, " ", "a b", "m:1", "t:x", "1:2:H:3:x",
	"-", "+", "(a", "[a", "inf", "-inf", "null", "0", "é", "日本語", "😀", "\u202e", "a\u0301", strings.Repeat("😀", 63) + "abc", strings.Repeat("x", 255),
}

func TestNoCharacterOfAnIDHasAMeaning(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann:{x}%*")
		for i, id := range strangeIDs {
			messages := make([]*Message, len(strangeIDs))
			for j, messageID := range strangeIDs {
				messages[j] = say(messageID, fmt.Sprint(i, j))
			}
			state := mustAppend(t, th, id, messages...).State
			assert.Equal(t, id, state.ThreadID)
			assert.Equal(t, strangeIDs, messageIDs(state.Pages[allMessages].Messages))
		}
		for i, id := range strangeIDs {
			last := len(strangeIDs) - 1
			got, err := th.Message(t.Context(), id, strangeIDs[last])
			require.NoError(t, err, id)
			assert.Equal(t, fmt.Sprint(i, last), got.Text(), id)
		}
		page, err := th.List(t.Context(), Filter{}, Range{First: 1000})
		require.NoError(t, err)
		assert.ElementsMatch(t, strangeIDs, page.IDs)
		for i, id := range strangeIDs {
			require.NoError(t, th.Delete(t.Context(), id, nil), id)
			n, err := th.Count(t.Context(), Filter{})
			require.NoError(t, err)
			assert.Equal(t, len(strangeIDs)-1-i, n, id)
		}
		assert.Empty(t, allKeys(t, th.store))
	})
}
