package feed

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

func TestThreadEndsForOneWhoHadEverything(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world) store.Event{"deleted": (*world).remove, "expired": (*world).expire} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fresh, old := w.listen(""), w.listen(w.cursor(0))
			w.tell(w.say(), w.add(2, 10), w.say())
			old.gets(4)
			fresh.gets(4)
			w.tell(end(w))
			require.NoError(t, old.ends())
			require.NoError(t, fresh.ends())
			assert.Zero(t, w.hub.Listeners())
		})
	}
}

func TestThreadEndsForOneWhoIsALittleBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.listen("")
	for range ringSize {
		w.tell(w.say())
	}
	w.tell(w.remove())
	w.settle()
	e.gets(ringSize) // it had none of them in hand when the thread went
	require.NoError(t, e.ends())
}

func TestThreadEndsForOneWhoIsFarBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add(firstBatch, 10)
	e := w.listen(w.cursor(0)) // has these in hand
	for range ringSize + 1 {
		w.tell(w.say())
	}
	w.tell(w.remove())
	w.settle()
	e.gets(firstBatch)
	requireExpired(t, e.ends())
}

// Each case tells some of what happens after a listener got the messages 1 to 3 in hand. It must never get one of another
// incarnation, and may only end without an error if it had everything of its own.
func TestThreadIsCreatedAnew(t *testing.T) {
	t.Parallel()
	const (
		message = iota // 4, where there is one
		end
		created
		second // message 1 of the second incarnation
		again  // message 2
		end2
		created3
		last
	)
	tests := []struct {
		name string
		// behind says that there is a message 4.
		behind bool
		tell   []int
		// expired says that it must end with an error.
		expired bool
	}{
		{"all heard", false, []int{end, created, second, again, end2, created3, last}, false},
		{"all heard, and one message is lost with the thread", true, []int{message, end, created, second, again, end2, created3, last}, true},
		{"one message more, and both ends", true, []int{message, end, created, end2}, true},
		{"only the end", false, []int{end}, false},
		{"only the end, and the message before it", true, []int{message, end}, false},
		{"only the end, with a message unheard", true, []int{end}, true},
		{"the end comes last", false, []int{created, second, end}, false},
		{"the end comes last, twice", false, []int{last, end2, end, end}, false},
		{"only the creation", false, []int{created}, true},
		{"only what is said in the second", false, []int{second, again}, true},
		{"only what is said in the third", true, []int{last}, true},
		{"only the end of the second", false, []int{end2}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, impatient)
			w.add(3, 10)
			e := w.listen(w.cursor(0))
			var said store.Event
			if test.behind {
				said = w.say()
			}
			events := []store.Event{said, w.remove(), w.create(), w.say(), w.say(), w.remove(), w.create(), w.say()}
			anew := w.listen(w.cursor(0)) // follows the third
			for _, n := range test.tell {
				w.tell(events[n])
			}
			w.settle()
			e.gets(3)
			if test.behind && !test.expired {
				e.gets(4)
			}
			err := e.ends()
			if test.expired {
				assert.Equal(t, store.Cursor{Epoch: w.now.Epoch}, requireExpired(t, err).Oldest, "where it can start again")
			} else {
				require.NoError(t, err)
			}
			w.tell(w.say())
			anew.gets(2)
		})
	}
}

// The end of an incarnation that nobody heard of may have other numbers of messages than the one in the ring.
func TestEndOfAnIncarnationThatWasNotHeardOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	first := w.listen("")
	w.tell(w.say(), w.say(), w.say())
	first.gets(3)
	w.remove()
	w.create()
	w.add(2, 10)
	e := w.listen(w.cursor(0)) // has two in hand
	w.say()
	w.tell(w.remove())
	e.gets(2)
	requireExpired(t, e.ends())
	requireExpired(t, first.ends())
}

func TestThreadEndsUnheard(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(*world){
		"with a message":                       func(w *world) { w.say(); w.remove() },
		"without, which nobody knows":          func(w *world) { w.remove() },
		"and is created anew":                  func(w *world) { w.say(); w.remove(); w.create() },
		"and is created anew before the sweep": func(w *world) { w.say(); w.lapse(); w.create(); w.say() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, impatient)
			e := w.listen("")
			w.air.set(true, false)
			happens(w)
			w.air.set(false, false)
			requireExpired(t, e.ends())
			assert.Zero(t, w.hub.Listeners())
		})
	}
}

// departing is a listener at the end of the messages 1 and 2 of a thread that is gone, who has read that and waits for the announcement.
func departing(t *testing.T, w *world) (f *follower, m *messages, result chan error) {
	t.Helper()
	w.add(2, 10)
	at := store.Cursor{Epoch: w.now.Epoch, Seq: 2}
	f = w.hub.join(w.threads, thread)
	t.Cleanup(func() { w.hub.leave(f) })
	m = &messages{follower: f, cursor: at, batch: firstBatch}
	require.NoError(t, m.start(t.Context()))
	return f, m, make(chan error, 1)
}

// waits returns when the listener sleeps until something changes.
func (f *follower) waits(tb testing.TB) {
	tb.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for range 2 { // when there is room for the second, it has taken the first
		select {
		case f.wake <- struct{}{}:
		case <-late.C:
			require.FailNow(tb, "it does not wait")
		}
	}
}

func TestEndIsReadBeforeItIsHeard(t *testing.T) {
	t.Parallel()
	t.Run("and there was nothing more", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		f, m, result := departing(t, w)
		gone := w.remove()
		go func() { result <- m.catchUp(t.Context()) }()
		f.waits(t)
		w.tell(gone)
		err, _ := receive(t, result)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("and the last message is on its way", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		f, m, result := departing(t, w)
		said, gone := w.say(), w.remove()
		go func() { result <- m.catchUp(t.Context()) }()
		f.waits(t)
		w.tell(said)
		err, _ := receive(t, result)
		require.NoError(t, err)
		require.Len(t, m.pending, 1)
		w.tell(gone)
		last, err := nextOf(t, m)
		require.NoError(t, err)
		assert.Equal(t, 3, last.Seq)
		_, err = nextOf(t, m)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("and it is there again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		f, m, result := departing(t, w)
		gone := w.remove()
		created := w.create()
		go func() { result <- m.catchUp(t.Context()) }()
		f.waits(t)
		w.tell(gone, created)
		err, _ := receive(t, result)
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("and the hub closes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.listen("")
		w.remove()
		w.tell(w.joinAgain())
		w.settle()
		w.hub.Close()
		require.NoError(t, e.ends())
	})
}

// One message comes after the store said that the thread is gone, and then nothing any more.
func TestLastMessageWithoutAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(p *pace) { p.lastWords /= 20 })
	f, m, result := departing(t, w)
	said := w.say()
	w.remove()
	go func() { result <- m.catchUp(t.Context()) }()
	f.waits(t)
	w.tell(said)
	err, _ := receive(t, result)
	require.NoError(t, err)
	last, err := nextOf(t, m)
	require.NoError(t, err)
	assert.Equal(t, 3, last.Seq)
	_, err = nextOf(t, m)
	requireExpired(t, err)
}

// nextOf gives the next message of a listener without a stream, which has it at hand or reads the store once for it.
func nextOf(tb testing.TB, m *messages) (*store.Message, error) {
	tb.Helper()
	message, at, err := m.now()
	if at == behind && err == nil {
		if err := m.catchUp(tb.Context()); err != nil {
			return nil, err
		}
		message, _, err = m.now()
	}
	return message, err
}
