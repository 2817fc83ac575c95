package feed

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// Who needs the same messages at the same time waits for the one read of them.
func TestListenersShareARead(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *air, h *Hub, threads *store.Threads) {
		topic := h.join(threads, thread).topic
		key := readKey[store.Cursor]{cursor: store.Cursor{Epoch: "0011223344556677", Seq: 3}, limit: 5, view: topic.view()}
		r := &sharedRead[*store.Message]{done: make(chan struct{})}
		r.found.all = []*store.Message{{Seq: 4}}
		topic.reads[key] = r
		var got atomic.Int32
		for range 100 {
			go func() {
				messages, _, err := topic.after(t.Context(), key)
				assert.NoError(t, err)
				assert.Equal(t, r.found.all, messages)
				got.Add(1)
			}()
		}
		synctest.Wait()
		assert.Zero(t, got.Load())
		delete(topic.reads, key)
		close(r.done)
		synctest.Wait()
		assert.Equal(t, int32(100), got.Load())
	})
}

// The one who reads may go away, which is no reason for the others to go without; and nobody waits longer than his own context.
func TestASharedReadOutlivesItsOwner(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *air, h *Hub, threads *store.Threads) {
		for range readsAtOnce {
			h.reading <- struct{}{} // so that no read begins
		}
		topic := h.join(threads, thread).topic
		key := readKey[store.Cursor]{cursor: store.Cursor{Epoch: "0011223344556677", Seq: 3}, limit: 5, view: topic.view()}
		const readers = 10
		errs := make(chan error, readers)
		var cancels []context.CancelFunc
		for range readers {
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			go func() {
				_, _, err := topic.after(ctx, key)
				errs <- err
			}()
			synctest.Wait()
		}
		assert.Len(t, topic.reads, 1)
		for i, cancel := range cancels { // the first one is the owner, and each time another one takes over
			cancel()
			synctest.Wait()
			require.Len(t, errs, 1, "only this one goes: %d", i)
			require.ErrorIs(t, <-errs, context.Canceled)
			assert.Len(t, topic.reads, min(1, readers-1-i))
		}
	})
}

func TestAnotherViewIsAnotherRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say()
	topic := w.hub.join(w.threads, thread).topic
	w.settle()
	stale := readKey[store.Cursor]{cursor: store.Cursor{Epoch: w.now.Epoch}, limit: 5, view: topic.view()}
	topic.mu.Lock()
	topic.reads[stale] = &sharedRead[*store.Message]{done: make(chan struct{})} // one that has begun already, and may not see what comes now
	topic.mu.Unlock()
	w.tell(w.say())
	w.settle()
	fresh := stale
	fresh.view = topic.view()
	messages, _, err := topic.after(t.Context(), fresh)
	require.NoError(t, err)
	assert.Len(t, messages, 2)
}

// After a reconnection everybody reads, and no more than a few of them at once.
func TestReadsTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.say()
	for range readsAtOnce {
		w.hub.reading <- struct{}{}
	}
	started := make(chan error, 1)
	go func() {
		_, err := w.hub.Messages(t.Context(), w.threads, thread, w.cursor(0))
		started <- err
	}()
	for w.hub.Listeners() == 0 {
		time.Sleep(time.Millisecond)
	}
	w.settle()
	select {
	case <-started:
		require.FailNow(t, "it has not waited for its turn")
	default:
	}
	<-w.hub.reading
	err, _ := receive(t, started)
	require.NoError(t, err)
}
