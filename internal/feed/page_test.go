package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// page is a client that shows a thread by both streams, as docs/delivery.md says.
type page struct {
	shown map[int]string
	// said are the numbers of which an UPDATED has told, gone those of which a DELETED or TRUNCATED has.
	said, gone map[int]bool
	edits      int
}

func textOf(m *store.Message) string { return m.MessageID + " " + string(m.Content) }

func (p *page) added(m *store.Message) {
	if !p.said[m.Seq] && !p.gone[m.Seq] {
		p.shown[m.Seq] = textOf(m)
	}
}

func (p *page) changed(e *store.MessageEdit) {
	p.edits = e.Number
	first, last := e.Seq, e.Seq
	switch e.Kind {
	case store.MessageUpdated:
		if e.Message != nil {
			p.shown[e.Seq], p.said[e.Seq] = textOf(e.Message), true
		}
		return
	case store.Truncated:
		first, last = e.Seq+1, e.ThroughSeq
	case store.MessageDeleted:
	}
	for seq := first; seq <= last; seq++ {
		delete(p.shown, seq)
		p.gone[seq] = true
	}
}

// change does something at random to the messages of the thread. What others have changed meanwhile may refuse it.
func change(ctx context.Context, threads *store.Threads, rnd *rand.Rand) {
	id := func() string { return fmt.Sprint("m", rnd.IntN(20)) }
	say := func(id string) *store.Message {
		return &store.Message{MessageID: id, Type: store.AI, Content: fmt.Appendf(nil, `"%d"`, rnd.Int32())}
	}
	var steps []store.Step
	switch rnd.IntN(10) {
	case 0:
		steps = append(steps, store.TruncateAfter(0), store.Put(say(id())), store.Put(say(id())))
	case 1:
		state, err := threads.Get(ctx, thread, store.Read{})
		if err == nil {
			steps = append(steps, store.TruncateAfter(max(0, state.Seq-rnd.IntN(10))))
		}
	case 2, 3:
		steps = append(steps, store.Remove(id()))
	default:
		steps = append(steps, store.Put(say(id())))
	}
	_, _ = threads.Edit(ctx, thread, store.Edit{Steps: steps}, nil)
}

// However many change a thread at the same time, and whatever becomes of announcements: who follows both streams has it in the end.
func TestPageAmongEditors(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	here, hub := process(t, server.Addr())
	there, _ := process(t, server.Addr())
	write(t, there, 1, 3)
	state, err := here.Get(t.Context(), thread, store.Read{})
	require.NoError(t, err)
	p := &page{shown: map[int]string{1: `1 "x"`, 2: `2 "x"`, 3: `3 "x"`}, said: make(map[int]bool), gone: make(map[int]bool)}
	messages, err := hub.Messages(t.Context(), here, thread, store.Cursor{Epoch: state.Epoch, Seq: state.Seq}.String())
	require.NoError(t, err)
	edits, err := hub.Edits(t.Context(), here, thread, state.EditCursor())
	require.NoError(t, err)
	adds, changes := pipe(messages), pipe(edits)

	var editing sync.WaitGroup
	t.Cleanup(editing.Wait) // their contexts end before that
	var done sync.WaitGroup
	for w := range 3 {
		done.Add(1)
		editing.Go(func() {
			defer done.Done()
			rnd := rand.New(rand.NewPCG(uint64(w), 9))
			for i := range 120 {
				change(t.Context(), []*store.Threads{here, there}[w%2], rnd)
				if i%40 == 20 {
					assert.NoError(t, admin.Do(t.Context(), "client", "kill", "type", "pubsub").Err())
				}
			}
		})
	}
	ended := make(chan *store.AgentState, 1)
	editing.Go(func() {
		done.Wait()
		write(t, there, 4, 4)
		last, err := here.Get(t.Context(), thread, store.Read{Pages: []store.PageKey{whole}})
		assert.NoError(t, err)
		ended <- last
	})
	for last := state; ; {
		if last != state && p.edits == last.Edits && p.shown[last.Seq] != "" {
			state = last
			break
		}
		select {
		case m, open := <-adds.C:
			require.True(t, open)
			p.added(m)
		case e, open := <-changes.C:
			require.True(t, open)
			require.Equal(t, p.edits+1, e.Number, "each once, in order")
			p.changed(e)
		case last = <-ended:
		case <-time.After(patience):
			require.Fail(t, "nothing more comes", "%d changes of %d", p.edits, last.Edits)
		}
	}
	want := make(map[int]string)
	for _, m := range state.Pages[whole].Messages {
		want[m.Seq] = textOf(m)
	}
	assert.Equal(t, want, p.shown)
}

// whole is the page with all messages.
var whole = store.MessagesOf(store.Range{First: 1000}, nil)
