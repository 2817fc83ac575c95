package feed

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// byLetter shards threads by the first letter of their ids.
func byLetter(_ *store.Threads, threadID string) store.Shard { return store.Shard(threadID[0]) }

// living counts the connections that are.
func (a *air) living() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, w := range a.wires {
		if !w.closed {
			n++
		}
	}
	return n
}

// wire gives a connection by the order in which they were made.
func (a *air) wire(i int) *wire {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wires[i]
}

// A shard has a connection from its first topic to its last.
func TestALineForEachShardInUse(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.shardOf = byLetter
		join := func(id string) *follower {
			f := h.join(threads, id)
			synctest.Wait()
			require.True(t, f.joined(), id)
			return f
		}
		a1, b1, a2 := join("a1"), join("b1"), join("a2")
		assert.Equal(t, 2, a.opened(), "one for a, one for b")
		assert.Equal(t, 3, h.Threads())
		assert.Equal(t, []command{{"subscribe", []store.Channel{threads.Channel("a1")}}, {"subscribe", []store.Channel{threads.Channel("a2")}}}, a.wire(0).took())
		h.leave(a1)
		synctest.Wait()
		assert.Equal(t, 2, a.living())
		assert.Equal(t, []command{{"unsubscribe", []store.Channel{threads.Channel("a1")}}}, a.wire(0).took())
		h.leave(a2)
		synctest.Wait()
		assert.Equal(t, 1, a.living(), "nobody listens to a")
		assert.True(t, a.wire(0).closed)
		assert.Empty(t, a.wire(0).took(), "a connection that ends need not be told to hear no more")

		a3 := join("a3")
		assert.Equal(t, 3, a.opened())
		h.leave(b1)
		h.leave(a3)
		synctest.Wait()
		assert.Zero(t, a.living())
		assert.Empty(t, h.lines)
		time.Sleep(time.Hour)
		assert.Equal(t, 3, a.opened(), "and none is made again")
	})
}

// Who comes to a shard while the connection of its last listener is being closed gets one of his own, and hears nothing of the old one.
func TestAShardIsLeftAndJoinedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.shardOf = byLetter
		first := h.join(threads, "a")
		synctest.Wait()
		h.leave(first)
		second := h.join(threads, "a")
		assert.NotSame(t, first.topic, second.topic)
		synctest.Wait()
		assert.True(t, second.joined())
		assert.Equal(t, 1, second.topic.view().doubts, "it was subscribed to once")
		assert.Equal(t, 2, a.opened())
		assert.Equal(t, 1, a.living())
		h.leave(second)
	})
}

// A connection that ends is made again for its own shard, all of whose listeners look at the store; those of others do not.
func TestALineThatEndsIsOneOfMany(t *testing.T) {
	inBubble(t, func(t *testing.T, a *air, h *Hub, threads *store.Threads) {
		h.shardOf = byLetter
		var followers []*follower
		for _, id := range []string{"a1", "a2", "b"} {
			followers = append(followers, h.join(threads, id))
			synctest.Wait()
		}
		a.do(func() { a.wires[0].end = errWire })
		time.Sleep(2 * minBackoff) // it is jittered by half
		synctest.Wait()
		assert.Equal(t, 3, a.opened())
		for i, doubts := range []int{2, 2, 1} {
			assert.Equal(t, doubts, followers[i].topic.view().doubts, i)
		}
		assert.Len(t, a.wire(2).subscribed, 2)

		a.set(true, false) // who leaves meanwhile leaves nothing behind that connects again
		synctest.Wait()
		for _, f := range followers {
			h.leave(f)
		}
		synctest.Wait()
		opened := a.opened()
		a.set(false, false)
		time.Sleep(time.Hour)
		assert.Equal(t, opened, a.opened())
		assert.Zero(t, a.living())
	})
}
