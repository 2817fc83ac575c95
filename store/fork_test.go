package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFork(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 250)...)
		mustEdit(t, th, "one", Remove("m7"), Put(speak(AI, "m9", "new")))
		context, relevant := "so far", true
		before, err := th.Update(t.Context(), "one", Update{
			Context: &context, Relevant: &relevant, Metadata: []byte(`{"title":"one"}`), AddPlan: &Plan{PlanID: "p", Subtasks: []string{"a"}},
			AddToolCall: &ToolExecution{ToolID: "t", Tool: "x", Parameters: []byte(`1`)},
		}, &everything)
		require.NoError(t, err)
		before.countOf = nil

		for i, upTo := range []int{0, 1, 8, 100, 101, 249, 250} {
			id := fmt.Sprintf("fork %d", i) // in other buckets
			got, err := th.Fork(t.Context(), "one", id, Fork{UpTo: &upTo}, &everything)
			require.NoError(t, err, upTo)
			got.countOf = nil
			want := *before
			want.ThreadID, want.Epoch, want.Version, want.Seq, want.Edits = id, got.Epoch, 1, upTo, 0
			want.CreatedAt, want.LastUpdated, want.ExpiresAt = got.CreatedAt, got.LastUpdated, got.ExpiresAt
			var kept []string
			for _, text := range textsOf(before) {
				var n int
				_, err := fmt.Sscan(text, &n)
				require.NoError(t, err)
				if n <= upTo {
					kept = append(kept, text)
				}
			}
			assert.Equal(t, kept, textsOf(got))
			assert.Equal(t, len(kept), got.MessageCounts.Total)
			want.Pages, want.MessageCounts, want.Removed = got.Pages, got.MessageCounts, got.Removed
			assert.Equal(t, &want, got, upTo)
			assert.NotEqual(t, before.Epoch, got.Epoch, "cursors of the one are none of the other")
			assert.WithinDuration(t, got.LastUpdated.Add(time.Duration(got.TTLSeconds)*time.Second), got.ExpiresAt, time.Second)
			assert.Equal(t, upTo+1, mustAppend(t, th, id, say("next", "x")).Messages[0].Seq)
		}
		assert.Equal(t, textsOf(before), textsOf(mustGet(t, th, "one")), "the other one is as it was")
		assertSound(t, s)
		for _, key := range allKeys(t, s) {
			assert.NotContains(t, key, ":f:", "it is left over")
		}
	})
}

func TestForkRefuses(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, func(o *Options) { o.MaxThreadMessages, o.Trim = 3, true }).For("ann")
		mustCreate(t, th, "one", numbered(1, 3)...)
		mustAppend(t, th, "one", numbered(4, 2)...) // two are trimmed
		mustCreate(t, th, "two")
		_, err := th.Fork(t.Context(), "none", "new", Fork{}, nil)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = th.Fork(t.Context(), "one", "two", Fork{}, nil)
		require.ErrorIs(t, err, ErrExists)
		for _, place := range []int{1, 6} {
			_, err = th.Fork(t.Context(), "one", "new", Fork{UpTo: &place}, nil)
			require.ErrorIs(t, err, ErrNoSuchPlace)
		}
		got, err := th.Fork(t.Context(), "one", "new", Fork{TTL: time.Minute, Metadata: []byte(`{"a":1}`)}, &everything)
		require.NoError(t, err)
		assert.Equal(t, []string{"3 m3 text 3", "4 m4 text 4", "5 m5 text 5"}, textsOf(got))
		assert.Equal(t, 60, got.TTLSeconds)
		assert.JSONEq(t, `{"a":1}`, string(got.Metadata))
	})
}

// A fork is of one instant: while messages are changed two at a time, both are changed in it or neither.
func TestForkAmongWriters(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		th := s.For("ann")
		mustCreate(t, th, "one", numbered(1, 300)...)
		var writing sync.WaitGroup
		done := make(chan struct{})
		writing.Go(func() {
			for i := range 200 {
				text := fmt.Sprint("version ", i)
				mustEdit(t, th, "one", Put(say("m1", text)), Put(say("m300", text)))
				select {
				case <-done:
					return
				default:
				}
			}
		})
		forks := 0
		for i := range 20 {
			got, err := th.Fork(t.Context(), "one", fmt.Sprint("fork ", i), Fork{}, &everything)
			if err != nil {
				require.ErrorIs(t, err, ErrUnavailable)
				continue
			}
			forks++
			all := got.Pages[allMessages].Messages
			first, last := all[0].Text(), all[299].Text()
			if strings.HasPrefix(first, "version") || strings.HasPrefix(last, "version") {
				require.Equal(t, first, last)
			}
		}
		close(done)
		writing.Wait()
		_, err := th.Fork(t.Context(), "one", "at rest", Fork{}, nil)
		require.NoError(t, err)
		t.Log("forks while it was changed:", forks)
	})
}
