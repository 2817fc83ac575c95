package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mustEdit changes messages of a thread.
func mustEdit(tb testing.TB, th *Threads, id string, steps ...Step) *Edited {
	tb.Helper()
	edited, err := th.Edit(tb.Context(), id, Edit{Steps: steps}, &everything)
	require.NoError(tb, err)
	edited.State.countOf = nil
	return edited
}

// texts gives the messages of a thread as number, id and text.
func textsOf(s *AgentState) []string {
	var all []string
	for _, m := range s.Pages[allMessages].Messages {
		all = append(all, fmt.Sprintf("%d %s %s", m.Seq, m.MessageID, m.Text()))
	}
	return all
}

func TestEdit(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		for _, c := range []struct {
			name    string
			steps   []Step
			want    []string
			removed int
			same    int
			edits   int
		}{
			{"put in place", []Step{Put(speak(AI, "m2", "new"))}, []string{"1 m1 text 1", "2 m2 new", "3 m3 text 3"}, 0, 0, 1},
			{"put behind", []Step{Put(say("m4", "new"))}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3", "4 m4 new"}, 0, 0, 0},
			{"put what is there", []Step{Put(say("m2", "text 2"))}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3"}, 0, 1, 0},
			{"remove", []Step{Remove("m2")}, []string{"1 m1 text 1", "3 m3 text 3"}, 1, 0, 1},
			{"remove the last one", []Step{Remove("m3")}, []string{"1 m1 text 1", "2 m2 text 2"}, 1, 0, 1},
			{"remove and put back in place", []Step{Remove("m2"), Put(say("m2", "new"))}, []string{"1 m1 text 1", "2 m2 new", "3 m3 text 3"}, 0, 0, 1},
			{"put and remove", []Step{Put(say("m2", "new")), Remove("m2")}, []string{"1 m1 text 1", "3 m3 text 3"}, 1, 0, 1},
			{"put twice", []Step{Put(say("m4", "a")), Put(say("m4", "b"))}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3", "4 m4 b"}, 0, 0, 0},
			{"add and remove", []Step{Put(say("m4", "a")), Put(say("m5", "b")), Remove("m4")}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3", "4 m5 b"}, 0, 0, 0},
			{"truncate", []Step{TruncateAfter(1)}, []string{"1 m1 text 1"}, 2, 0, 1},
			{"truncate all", []Step{TruncateAfter(0)}, nil, 3, 0, 1},
			{"all anew as it is", []Step{TruncateAfter(0), Put(say("m1", "text 1")), Put(say("m2", "text 2")), Put(say("m3", "text 3"))}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3"}, 0, 3, 0},
			{"all anew, and more", []Step{TruncateAfter(0), Put(say("m1", "text 1")), Put(say("m2", "new")), Put(say("m3", "text 3"))}, []string{"1 m1 text 1", "4 m2 new", "5 m3 text 3"}, 2, 1, 1},
			{"all anew but the first", []Step{TruncateAfter(0), Put(say("m2", "text 2")), Put(say("m1", "text 1"))}, []string{"4 m2 text 2", "5 m1 text 1"}, 3, 0, 1},
			{"all anew and twice", []Step{TruncateAfter(0), Put(say("m1", "text 1")), Put(say("m1", "new"))}, []string{"1 m1 new"}, 2, 0, 2},
			{"all anew and away", []Step{TruncateAfter(0), Put(say("m1", "text 1")), Remove("m1")}, nil, 3, 0, 2},
			{"truncate nothing", []Step{TruncateAfter(3)}, []string{"1 m1 text 1", "2 m2 text 2", "3 m3 text 3"}, 0, 0, 0},
			{"truncate and put again", []Step{TruncateAfter(1), Put(say("m2", "text 2"))}, []string{"1 m1 text 1", "4 m2 text 2"}, 2, 0, 1},
			{"all at once", []Step{TruncateAfter(2), Put(say("m1", "new")), Remove("m2"), Put(say("m9", "more"))}, []string{"1 m1 new", "4 m9 more"}, 2, 0, 3},
		} {
			th := s.For("ann:b")
			before := mustCreate(t, th, c.name, numbered(1, 3)...)
			edited := mustEdit(t, th, c.name, c.steps...)
			assert.Equal(t, c.want, textsOf(edited.State), c.name)
			assert.Equal(t, [3]int{c.removed, c.same, c.edits}, [3]int{edited.Removed, edited.Unchanged, edited.State.Edits}, c.name)
			assert.Equal(t, len(c.want), edited.State.MessageCounts.Total, c.name)
			changed := 1
			if c.edits == 0 && len(c.want) == 3 {
				changed = 0
			}
			assert.Equal(t, before.Version+changed, edited.State.Version, c.name)
			assert.Equal(t, edited.State, mustGet(t, th, c.name), c.name)
			for _, m := range edited.Messages {
				if _, err := th.Message(t.Context(), c.name, m.MessageID); !errors.Is(err, ErrNotFound) {
					require.NoError(t, err)
				}
			}
		}
		assertSound(t, s)
	})
}

// assertSound lets the doctor look whether all that is in Redis fits together.
func assertSound(tb testing.TB, s *Store) {
	tb.Helper()
	assert.Empty(tb, told(examine(tb, s, Examination{})))
}

func TestEditRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, func(o *Options) { o.MaxThreadMessages = 4 })
		th := s.For("ann")
		before := mustCreate(t, th, "one", numbered(1, 3)...)
		two := 2
		for name, c := range map[string]struct {
			edit Edit
			id   string
			want error
		}{
			"no thread":      {Edit{Steps: []Step{Put(say("m1", "x"))}}, "none", ErrNotFound},
			"no message":     {Edit{Steps: []Step{Put(say("m9", "x")), Remove("m7")}}, "one", &MessageMissingError{MessageID: "m7"}},
			"gone with it":   {Edit{Steps: []Step{TruncateAfter(1), Remove("m2")}}, "one", &MessageMissingError{MessageID: "m2"}},
			"version":        {Edit{Steps: []Step{Remove("m1")}, ExpectedVersion: &two}, "one", &ConflictError{Current: 1}},
			"too many":       {Edit{Steps: []Step{Put(say("m4", "x")), Put(say("m5", "x"))}}, "one", &LimitError{"the number of messages in a thread", 4, 5}},
			"another's body": {Edit{Steps: []Step{swap(say("m1", "x"), "{}")}}, "one", errMessageMoved},
		} {
			_, err := th.Edit(t.Context(), c.id, c.edit, nil)
			if typed, ok := c.want.(*MessageMissingError); ok { //nolint:errorlint // it is the wanted one itself
				var missing *MessageMissingError
				require.ErrorAs(t, err, &missing, name)
				assert.Equal(t, typed, missing)
			} else if errors.Is(c.want, ErrNotFound) || errors.Is(c.want, errMessageMoved) {
				require.ErrorIs(t, err, c.want, name)
			} else {
				require.EqualError(t, err, c.want.Error(), name)
			}
			assert.Equal(t, before, mustGet(t, th, "one"), "%s: nothing is half done", name)
		}
		// What has gone makes room.
		mustEdit(t, th, "one", Remove("m1"), Put(say("m4", "x")), Put(say("m5", "x")))
		// A repetition succeeds whatever is expected.
		_, err := th.Edit(t.Context(), "one", Edit{Steps: []Step{Put(say("m5", "x"))}, ExpectedVersion: &two}, nil)
		require.NoError(t, err)
		created, err := th.Edit(t.Context(), "new", Edit{Steps: []Step{Put(say("m1", "x"))}, CreateIfMissing: true}, &everything)
		require.NoError(t, err)
		assert.Equal(t, 1, created.State.Version)
	})
}

// TestEditsAgainstModel compares threads that are changed at random with a model of them: all messages, every page, counts, ids,
// duplicates, and what the doctor says.
func TestEditsAgainstModel(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		trimming := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 60, true })
		rounds := 120
		if testing.Short() {
			rounds = 30
		}
		for seed := range uint64(4) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			id := fmt.Sprintf("thread %d", seed)
			m, th := &modelThread{most: 60}, trimming.For("ann")
			if seed%2 == 1 { // one that is never full
				m, th = &modelThread{most: 100_000}, twin(t, trimming, func(o *Options) { o.MaxThreadMessages, o.Trim = 100_000, false }).For("ann")
			}
			mustCreate(t, th, id)
			for range rounds {
				m.change(t, rnd, th, id)
				state := mustGet(t, th, id)
				require.Equal(t, m.texts(), textsOf(state))
				require.Equal(t, len(m.messages), state.MessageCounts.Total)
				m.comparePages(t, rnd, th, id, state)
			}
		}
		assertSound(t, trimming)
	})
}

// modelThread is a thread as it should be.
type modelThread struct {
	messages  []*Message
	seq, most int
	ids       int
}

func (m *modelThread) texts() []string {
	var all []string
	for _, one := range m.messages {
		all = append(all, fmt.Sprintf("%d %s %s", one.Seq, one.MessageID, one.Text()))
	}
	return all
}

// change changes the thread and the model in the same way.
func (m *modelThread) change(t *testing.T, rnd *rand.Rand, th *Threads, id string) {
	t.Helper()
	var steps []Step
	if rnd.IntN(6) == 0 {
		after := max(0, m.seq-rnd.IntN(12))
		if rnd.IntN(6) == 0 {
			after = 0
		}
		steps = append(steps, TruncateAfter(after))
		m.messages = slices.DeleteFunc(m.messages, func(one *Message) bool { return one.Seq > after })
	}
	kept := len(m.messages)
	for range rnd.IntN(5) + 1 {
		switch at := rnd.IntN(kept + 4); {
		case at < len(m.messages) && rnd.IntN(2) == 0:
			steps = append(steps, Remove(m.messages[at].MessageID))
			m.messages = slices.Delete(m.messages, at, at+1)
		case at < len(m.messages):
			one := speak([]MessageType{Human, AI, Tool}[rnd.IntN(3)], m.messages[at].MessageID, fmt.Sprint(rnd.IntN(3)))
			steps = append(steps, Put(one))
			one.Seq = m.messages[at].Seq
			m.messages[at] = one
		default:
			m.ids++
			one := speak([]MessageType{Human, AI, Tool}[rnd.IntN(3)], fmt.Sprintf("n%d", m.ids), "new")
			steps = append(steps, Put(one))
			m.messages = append(m.messages, one)
		}
	}
	_, err := th.Edit(t.Context(), id, Edit{Steps: steps}, nil)
	require.NoError(t, err)
	for _, one := range m.messages {
		if one.Seq == 0 {
			m.seq++
			one.Seq = m.seq
		}
	}
	m.messages = m.messages[max(0, len(m.messages)-m.most):]
}

// comparePages reads pages at random places.
func (m *modelThread) comparePages(t *testing.T, rnd *rand.Rand, th *Threads, id string, state *AgentState) {
	t.Helper()
	cursor := state.Trimmed + rnd.IntN(state.Seq-state.Trimmed+1)
	text := Cursor{Epoch: state.Epoch, Seq: cursor}.String()
	n := rnd.IntN(8) + 1
	var types []MessageType
	if rnd.IntN(3) == 0 {
		types = []MessageType{Human, Tool}
	}
	var ahead, behind []int
	for _, one := range m.messages {
		if types != nil && !slices.Contains(types, one.Type) {
			continue
		}
		switch {
		case one.Seq < cursor:
			ahead = append(ahead, one.Seq)
		case one.Seq > cursor:
			behind = append(behind, one.Seq)
		}
	}
	after := readPage(t, th, id, Range{First: n, After: text}, types...)
	require.NoError(t, after.Err)
	require.Equal(t, behind[:min(n, len(behind))], append([]int(nil), seqs(after.Messages)...))
	require.Equal(t, len(behind) > n, after.HasNext)
	before := readPage(t, th, id, Range{Last: n, Before: text}, types...)
	require.Equal(t, ahead[max(0, len(ahead)-n):], append([]int(nil), seqs(before.Messages)...))
	require.Equal(t, len(ahead) > n, before.HasPrev)
}

func TestChangeMessage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 3)...)
		// Everybody adds a letter; none is lost, whoever comes between.
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, _, err := th.ChangeMessage(context.Background(), "one", "m2", nil, func(m *Message) error {
					m.Content = []byte(strings.TrimSuffix(string(m.Content), `"`) + `x"`)
					return nil
				}, nil)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		got := mustGet(t, th, "one")
		assert.Equal(t, []string{"1 m1 text 1", "2 m2 text 2xxxxxxxx", "3 m3 text 3"}, textsOf(got))
		assert.Equal(t, 8, got.Edits)
		_, _, err := th.ChangeMessage(t.Context(), "one", "m9", nil, func(*Message) error { return nil }, nil)
		require.ErrorIs(t, err, ErrNotFound)
		_, _, err = th.ChangeMessage(t.Context(), "none", "m1", nil, func(*Message) error { return nil }, nil)
		assert.ErrorIs(t, err, ErrNotFound)
	})
}

func TestEditsAfter(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		start := mustCreate(t, th, "one", numbered(1, 5)...)
		cursor, err := ParseEditCursor(start.EditCursor())
		require.NoError(t, err)
		mustEdit(t, th, "one", Put(say("m2", "new")))
		mustEdit(t, th, "one", Remove("m3"))
		mustEdit(t, th, "one", TruncateAfter(4), Put(say("m6", "more")))
		edits, head, err := th.EditsAfter(t.Context(), "one", cursor, 10)
		require.NoError(t, err)
		assert.Equal(t, 3, head.Edits)
		require.Len(t, edits, 3)
		assert.Equal(t, "new", edits[0].Message.Text())
		for i, want := range []MessageEdit{
			{Kind: MessageUpdated, Number: 1, Version: 2, Seq: 2, MessageID: "m2"},
			{Kind: MessageDeleted, Number: 2, Version: 3, Seq: 3, MessageID: "m3"},
			{Kind: Truncated, Number: 3, Version: 4, Seq: 4, ThroughSeq: 5},
		} {
			got := *edits[i]
			assert.NotZero(t, got.At)
			got.At, got.Epoch, got.ThreadID, got.Message = want.At, "", "", nil
			assert.Equal(t, want, got)
		}
		behind, err := ParseEditCursor(edits[1].Cursor())
		require.NoError(t, err)
		rest, _, err := th.EditsAfter(t.Context(), "one", behind, 10)
		require.NoError(t, err)
		assert.Equal(t, edits[2:], rest)

		for range 1000 / 10 {
			var steps []Step
			for i := range 10 {
				steps = append(steps, Put(say(fmt.Sprintf("z%d", i), fmt.Sprint(rand.Int64()))))
			}
			mustEdit(t, th, "one", steps...)
		}
		var expired *EditsExpiredError
		_, _, err = th.EditsAfter(t.Context(), "one", EditCursor{Epoch: cursor.Epoch, Number: 0}, 10)
		if head = mustGet(t, th, "one").Head(); head.Edits > 1000 {
			require.ErrorAs(t, err, &expired)
			assert.Equal(t, EditCursor{Epoch: head.Epoch, Number: head.Edits}, expired.Newest)
		}
		_, _, err = th.EditsAfter(t.Context(), "one", EditCursor{Epoch: "0123456789abcdef", Number: 1}, 10)
		require.ErrorAs(t, err, &expired)
		_, _, err = th.EditsAfter(t.Context(), "one", EditCursor{Epoch: cursor.Epoch, Number: head.Edits + 1}, 10)
		require.ErrorAs(t, err, &expired, "Redis has lost changes that the reader has had")
		_, _, err = th.EditsAfter(t.Context(), "none", cursor, 10)
		require.ErrorIs(t, err, ErrNotFound)
	})
}
