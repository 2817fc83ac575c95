package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"agentstate/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// thread is the id of the thread of a world.
	thread = "one"
	// patience is how long something may take where nothing is wrong.
	patience = 20 * time.Second
	// inline is up to which size a world announces messages with their content.
	inline = 300
)

// testPace leaves it to the tests when topics are checked, never gives up on what is held back, and lets no topic linger.
var testPace = pace{join: patience, lastWords: patience, check: 1000 * time.Hour}

// impatient is for tests in which the announcement of an end does not come.
func impatient(p *pace) { p.lastWords = 50 * time.Millisecond }

// world is a thread in a store, which is the truth, a tap that hears all that is announced of it, and a hub that hears what the
// test lets through.
type world struct {
	tb      testing.TB
	threads *store.Threads
	tap     *store.Events
	air     *air
	hub     *Hub
	// ids are those of all messages that were ever added, by incarnation and in order; now is the current one.
	ids map[store.Epoch][]string
	// removed are those that were removed one by one.
	removed map[string]bool
	now     store.Head
}

// newStore opens an embedded Redis for a test.
func newStore(tb testing.TB, changes ...func(*store.Options)) *store.Store {
	tb.Helper()
	opts := store.DefaultOptions()
	opts.InlineBytes, opts.SweepInterval, opts.Log = inline, 0, quiet
	for _, change := range changes {
		change(&opts)
	}
	st, err := store.Open(opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, st.Close()) })
	return st
}

var quiet = slog.New(slog.DiscardHandler)

// newWorld makes a world whose thread exists and has no messages.
func newWorld(tb testing.TB, changes ...func(*pace)) *world {
	tb.Helper()
	p := testPace
	for _, change := range changes {
		change(&p)
	}
	return newWorldOn(tb, newStore(tb), p)
}

func newWorldOn(tb testing.TB, st *store.Store, p pace) *world {
	tb.Helper()
	w := &world{tb: tb, threads: st.For("ann"), air: newAir(), ids: make(map[store.Epoch][]string), removed: make(map[string]bool)}
	w.tap = st.Events(tb.Context())
	tb.Cleanup(func() { _ = w.tap.Close() })
	require.NoError(tb, w.tap.Subscribe(tb.Context(), w.channel()))
	require.True(tb, w.hear().Joined)
	w.hub = newHub(w.air.open, quiet, p)
	tb.Cleanup(w.hub.Close)
	w.create()
	return w
}

func (w *world) channel() store.Channel { return w.threads.Channel(thread) }

// hear gives the next announcement. Receive itself ends only with its connection, so that is what a test without one ends.
func (w *world) hear() store.Event {
	w.tb.Helper()
	late := time.AfterFunc(patience, func() { _ = w.tap.Close() })
	defer late.Stop()
	e, err := w.tap.Receive(w.tb.Context(), func() {})
	require.NoError(w.tb, err)
	w.now = headOf(e)
	return e
}

// create makes the thread, and gives what was announced, as all that follow do. The hub hears of nothing until it is published.
func (w *world) create() store.Event {
	w.tb.Helper()
	_, err := w.threads.Create(w.tb.Context(), thread, store.Create{}, store.Read{})
	require.NoError(w.tb, err)
	return w.hear()
}

// say adds a small message.
func (w *world) say() store.Event { return w.add(1, 10) }

// add adds some messages at once.
func (w *world) add(n, bytes int) store.Event {
	w.tb.Helper()
	messages := make([]*store.Message, n)
	for i := range messages {
		text, _ := json.Marshal(strings.Repeat("x", bytes)) // a string always can be encoded
		id := fmt.Sprintf("m%d", w.now.Seq+i+1)
		messages[i] = &store.Message{MessageID: id, Type: store.Human, Content: text}
		w.ids[w.now.Epoch] = append(w.ids[w.now.Epoch], id)
	}
	_, err := w.threads.Append(w.tb.Context(), thread, store.Append{Messages: messages}, nil)
	require.NoError(w.tb, err)
	return w.hear()
}

// drop removes a message.
func (w *world) drop(seq int) store.Event {
	w.tb.Helper()
	id := w.ids[w.now.Epoch][seq-1]
	_, err := w.threads.Edit(w.tb.Context(), thread, store.Edit{Steps: []store.Step{store.Remove(id)}}, nil)
	require.NoError(w.tb, err)
	w.removed[string(w.now.Epoch)+id] = true
	return w.hear()
}

// rewrite changes a message.
func (w *world) rewrite(seq int) store.Event {
	w.tb.Helper()
	text, _ := json.Marshal(fmt.Sprint("version ", w.now.Version)) // a string always can be encoded
	m := &store.Message{MessageID: w.ids[w.now.Epoch][seq-1], Type: store.Human, Content: text}
	_, err := w.threads.Edit(w.tb.Context(), thread, store.Edit{Steps: []store.Step{store.Put(m)}}, nil)
	require.NoError(w.tb, err)
	return w.hear()
}

// isRemoved tells whether a message of an incarnation was removed.
func (w *world) isRemoved(epoch store.Epoch, seq int) bool {
	return w.removed[string(epoch)+w.ids[epoch][seq-1]]
}

// lastOf gives the number of the last message of an incarnation that was not removed.
func (w *world) lastOf(epoch store.Epoch) int {
	last := len(w.ids[epoch])
	for last > 0 && w.isRemoved(epoch, last) {
		last--
	}
	return last
}

// update changes the thread, and adds no message.
func (w *world) update() store.Event {
	w.tb.Helper()
	relevant := true
	_, err := w.threads.Update(w.tb.Context(), thread, store.Update{Relevant: &relevant}, nil)
	require.NoError(w.tb, err)
	return w.hear()
}

func (w *world) remove() store.Event {
	w.tb.Helper()
	require.NoError(w.tb, w.threads.Delete(w.tb.Context(), thread, nil))
	return w.hear()
}

// expire lets the thread's time be over, and clears away what is left of it.
func (w *world) expire() store.Event {
	w.tb.Helper()
	w.lapse()
	_, err := w.threads.Cleanup(w.tb.Context(), time.Hour, false, 0)
	require.NoError(w.tb, err)
	return w.hear()
}

// lapse lets the thread's time be over, of which nobody is told.
func (w *world) lapse() {
	w.tb.Helper()
	_, err := w.threads.ExtendTTL(w.tb.Context(), thread, 0)
	require.NoError(w.tb, err)
}

// tell lets the hub hear of events.
func (w *world) tell(events ...store.Event) {
	for _, e := range events {
		w.air.publish(e)
	}
}

// cursor is behind the message seq of the current incarnation.
func (w *world) cursor(seq int) string { return store.Cursor{Epoch: w.now.Epoch, Seq: seq}.String() }

// listen starts a stream of messages that ends with the test.
func (w *world) listen(after string) *ear {
	w.tb.Helper()
	ctx, cancel := context.WithCancel(w.tb.Context())
	w.tb.Cleanup(cancel)
	s, err := w.hub.Messages(ctx, w.threads, thread, after)
	require.NoError(w.tb, err)
	e := &ear{w: w, stream: pipe(s), cancel: cancel, at: store.Cursor{Epoch: w.now.Epoch, Seq: w.now.Seq}}
	if after != "" {
		e.at, err = store.ParseCursor(after)
		require.NoError(w.tb, err)
	}
	return e
}

// piped is a stream that a goroutine asks, as one that serves a client does; it hands out one thing after the other. C is closed at
// the end, and Err then says why: nil for the regular end, and for that of the context.
type piped[T any] struct {
	C   chan T
	err error
}

func (p *piped[T]) Err() error { return p.err }

// pipes counts the streams that were piped.
var pipes atomic.Int64

// pipe asks a stream until it is over: in the one way or the other, by turns.
func pipe[T any](s *Stream[T]) *piped[T] {
	p := &piped[T]{C: make(chan T)}
	ask := s.Next
	if pipes.Add(1)%2 == 0 {
		ask = polling(s)
	}
	go func() { // ends with the stream
		defer close(p.C)
		for {
			v, err := ask()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
					p.err = err
				}
				return
			}
			select {
			case p.C <- v:
			case <-s.ctx.Done():
				return
			case <-s.hub.ctx.Done():
				return
			}
		}
	}()
	return p
}

// polling makes Next of Poll and Notify.
func polling[T any](s *Stream[T]) func() (T, error) {
	woken := make(chan struct{}, 1)
	s.Notify(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	return func() (T, error) {
		for {
			if v, ok, err := s.Poll(); ok || err != nil {
				return v, err
			}
			select {
			case <-woken:
			case <-s.ctx.Done():
				s.Leave()
			}
		}
	}
}

// hears follows the messages of the thread, sees its changes.
func hears(tb testing.TB, ctx context.Context, h *Hub, threads *store.Threads, after string) *piped[*store.Message] {
	tb.Helper()
	s, err := h.Messages(ctx, threads, thread, after)
	require.NoError(tb, err)
	return pipe(s)
}

func sees(tb testing.TB, ctx context.Context, h *Hub, threads *store.Threads) *piped[Change] {
	tb.Helper()
	s, err := h.Changes(ctx, threads, thread, store.Read{})
	require.NoError(tb, err)
	return pipe(s)
}

// ear is a listener of a world, and knows what it must get next.
type ear struct {
	w      *world
	stream *piped[*store.Message]
	cancel context.CancelFunc
	at     store.Cursor
}

// gets reads all messages up to the number to.
func (e *ear) gets(to int) {
	e.w.tb.Helper()
	for e.at.Seq < to {
		m, ok := receive(e.w.tb, e.stream.C)
		if !ok {
			require.FailNow(e.w.tb, "the stream ends too early", "at %d, before %d: %v", e.at.Seq, to, e.stream.Err())
		}
		e.take(m)
	}
}

// take checks that a message is the next one, but for those that were removed.
func (e *ear) take(m *store.Message) {
	e.w.tb.Helper()
	for e.at.Seq++; e.at.Seq < m.Seq && e.w.isRemoved(e.at.Epoch, e.at.Seq); {
		e.at.Seq++
	}
	require.Equal(e.w.tb, e.at.String(), m.Cursor())
	require.Equal(e.w.tb, e.w.ids[m.Epoch][m.Seq-1], m.MessageID)
}

// ends waits for the end of the stream, ahead of which no message may come, and gives its error.
func (e *ear) ends() error {
	e.w.tb.Helper()
	m, ok := receive(e.w.tb, e.stream.C)
	require.False(e.w.tb, ok, "there is a message behind %d: %v", e.at.Seq, m)
	return e.stream.Err()
}

// receive reads from a channel as long as that may take.
func receive[T any](tb testing.TB, c <-chan T) (T, bool) {
	tb.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case v, ok := <-c:
		return v, ok
	case <-late.C:
		require.FailNow(tb, "nothing comes")
		panic("unreachable")
	}
}

// requireExpired wants an error that says that there were messages which the listener has not had.
func requireExpired(tb testing.TB, err error) *store.CursorExpiredError {
	tb.Helper()
	var expired *store.CursorExpiredError
	require.ErrorAs(tb, err, &expired)
	return expired
}

// settle waits until the hub has taken in all that it was told: what is subscribed to now is confirmed behind that.
func (w *world) settle() {
	w.tb.Helper()
	f := w.hub.join(w.threads, "settle")
	defer w.hub.leave(f)
	require.NoError(w.tb, f.awaitJoin(w.tb.Context()))
}

// joinAgain is what the hub hears when the channel was subscribed to.
func (w *world) joinAgain() store.Event { return store.Event{Channel: w.channel(), Joined: true} }
