package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// strangers are owners with a thread each whose keys would fall together if owner and id were only joined.
var strangers = []struct{ owner, id string }{
	{"a", "b:c"},
	{"a:b", "c"},
	{"", "a:b:c"},
	{"a:b:c", ":"},
	{"", ":x"},
	{":", "x"},
	{":x", ":"},
	{"a%3Ab", "c"},
	{"a%253Ab", "c"},
	{"a", "c"},
	{"A", "c"},
	{"*", "c"},
	{"{a}", "c"},
	{"", "c"},
	{"é", "c"},
	{"a b", "c"},
	{"%", "c"},
	{"%25", "c"},
}

func TestOwnersSeeNothingOfEachOther(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, withBuckets(1)) // so that one connection hears all on a cluster too
		events := s.Events(t.Context())
		defer func() { require.NoError(t, events.Close()) }()
		subscribe(t, events, s.For("a").Channel("b:c"), s.For("").Channel(":x"))
		for i, stranger := range strangers {
			th := s.For(stranger.owner)
			state := mustCreate(t, th, stranger.id, say("m", fmt.Sprint(i)))
			assert.Equal(t, 1, state.Version)
		}
		for i, stranger := range strangers {
			th := s.For(stranger.owner)
			got, err := th.Message(t.Context(), stranger.id, "m")
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint(i), got.Text())
			page, err := th.List(t.Context(), Filter{}, Range{First: 100})
			require.NoError(t, err)
			byID, err := th.IDs(t.Context(), "*", Range{First: 100})
			require.NoError(t, err)
			count, err := th.Count(t.Context(), Filter{})
			require.NoError(t, err)
			var own []string
			for _, other := range strangers {
				if other.owner == stranger.owner {
					own = append(own, other.id)
				}
			}
			assert.ElementsMatch(t, own, page.IDs, stranger.owner)
			assert.ElementsMatch(t, own, byID.IDs, stranger.owner)
			assert.Equal(t, len(own), count, stranger.owner)
		}
		assert.Equal(t, s.For("a").Channel("b:c"), next(t, events).Channel)
		assert.Equal(t, s.For("").Channel(":x"), next(t, events).Channel, "of all the others nothing is heard")

		cleaned, err := s.For("a").Cleanup(t.Context(), -time.Hour, false, 10)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"b:c", "c"}, cleaned.ThreadIDs)
		left := 0
		for _, owner := range []string{"a:b", "A", "", ":"} {
			count, err := s.For(owner).Count(t.Context(), Filter{})
			require.NoError(t, err)
			left += count
		}
		assert.Equal(t, 6, left, "a cleanup is its owner's alone")
	})
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, stranger := range strangers {
		state := &AgentState{Owner: stranger.owner, ThreadID: stranger.id}
		message := &Message{Owner: stranger.owner, ThreadID: stranger.id, MessageID: "m"}
		for _, id := range []string{state.ID(), message.ID()} {
			assert.False(t, seen[id], "%q is unique", stranger)
			seen[id] = true
		}
		assert.Equal(t, state.ID(), (&AgentState{Owner: stranger.owner, ThreadID: stranger.id, Epoch: "other", Version: 7}).ID())
	}
}
