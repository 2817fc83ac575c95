package feed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// follows listens to the changes of messages of the thread of a world.
func (w *world) follows(after string) *piped[*store.MessageEdit] {
	w.tb.Helper()
	s, err := w.hub.Edits(w.tb.Context(), w.threads, thread, after)
	require.NoError(w.tb, err)
	return pipe(s)
}

// getsEdits reads the changes with the numbers from to to, which must come each once and in order.
func getsEdits(tb testing.TB, p *piped[*store.MessageEdit], from, to int) []*store.MessageEdit {
	tb.Helper()
	var all []*store.MessageEdit
	for n := from; n <= to; n++ {
		edit, ok := receive(tb, p.C)
		require.True(tb, ok, "the stream ends before %d: %v", n, p.Err())
		require.Equal(tb, n, edit.Number)
		all = append(all, edit)
	}
	return all
}

func TestEdits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tell(w.add(3, 10))
	p := w.follows("")
	w.tell(w.rewrite(2))
	first := getsEdits(t, p, 1, 1)[0]
	assert.Equal(t, store.MessageUpdated, first.Kind)
	assert.Equal(t, `"version 2"`, string(first.Message.Content))
	w.tell(w.drop(1), w.say(), w.drop(4))
	got := getsEdits(t, p, 2, 3)
	assert.Equal(t, []string{"m1", "m4"}, []string{got[0].MessageID, got[1].MessageID})

	// Who comes back gets what he has missed.
	assert.Equal(t, got, getsEdits(t, w.follows(first.Cursor()), 2, 3))

	// When the thread goes there is nothing left that could be out of date.
	w.tell(w.remove())
	_, ok := receive(t, p.C)
	assert.False(t, ok)
	assert.NoError(t, p.Err())
}

func TestEditsRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.hub.Edits(t.Context(), w.threads, "none", "")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = w.hub.Edits(t.Context(), w.threads, thread, w.cursor(0))
	require.ErrorIs(t, err, store.ErrBadCursor, "a cursor of messages is none of changes")
	var expired *store.EditsExpiredError
	_, err = w.hub.Edits(t.Context(), w.threads, thread, store.EditCursor{Epoch: "0123456789abcdef"}.String())
	require.ErrorAs(t, err, &expired)
}

// Whatever becomes of the announcements, each change comes once and in order as soon as there is a sign that something has happened.
func TestEditsWhateverHappens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := chance{world: newWorld(t, impatient), Rand: rand.New(rand.NewPCG(seed, 3))}
			c.tell(c.add(20, 10))
			p := c.follows("")
			for range 40 {
				switch seq := 1 + c.IntN(20); c.IntN(6) {
				case 0:
					c.announce(c.say())
				case 1:
					c.air.cut()
				case 2:
					c.hub.check(t.Context())
				case 3:
					c.settle()
				default:
					c.announce(c.rewrite(seq))
				}
			}
			c.tell(c.joinAgain())
			state, err := c.threads.Get(t.Context(), thread, store.Read{})
			require.NoError(t, err)
			require.NotZero(t, state.Edits)
			getsEdits(t, p, 1, state.Edits)
		})
	}
}
