package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// listened is how many threads have a writer and a listener while something fails: they lie on all masters.
const listened = 9

// TestListenersWhileMastersChange lets a master fail, or slots move, while there are writers and listeners: each listener gets each
// message of its thread once and in order, those of before, of meanwhile and of after.
func TestListenersWhileMastersChange(t *testing.T) {
	t.Parallel()
	t.Run("a master of a cluster is replaced", func(t *testing.T) {
		t.Parallel()
		nodes, err := redistest.LaunchReplicatedCluster(3)
		redistest.Require(t, err)
		t.Cleanup(nodes.Close)
		listenWhile(t, store.Connection{Addrs: nodes.Addrs()}, 1, func(ctx context.Context) error {
			nodes[0].Kill()
			err := nodes.AwaitMaster(ctx, nodes[3])
			nodes[0].Restart() // as a replica, for which writers wait
			return err
		})
		requireSharded(t, nodes)
	})
	t.Run("a master of a cluster hands over, fails, and slots move", func(t *testing.T) {
		t.Parallel()
		nodes, err := redistest.LaunchReplicatedCluster(3)
		redistest.Require(t, err)
		t.Cleanup(nodes.Close)
		listenWhile(t, store.Connection{Addrs: nodes.Addrs()}, 1, func(ctx context.Context) error {
			err := nodes.HandOver(ctx, nodes[4])
			nodes[0].Kill()
			err = errors.Join(err, nodes.AwaitMaster(ctx, nodes[3]))
			nodes[0].Restart()
			masters := redistest.Nodes{nodes[2], nodes[3], nodes[4]}
			err = errors.Join(err, masters.AwaitOwners(ctx))
			for _, tag := range store.BlueprintOf("").Buckets {
				err = errors.Join(err, masters.MoveSlot(ctx, "{"+tag+"}"))
			}
			return err
		})
		requireSharded(t, nodes)
	})
	t.Run("the master of sentinels is replaced", func(t *testing.T) {
		t.Parallel()
		sentinels, err := redistest.LaunchSentinels()
		redistest.Require(t, err)
		t.Cleanup(sentinels.Close)
		listenWhile(t, store.Connection{Addrs: sentinels.Addrs(), SentinelMaster: redistest.MasterName}, 0, func(ctx context.Context) error {
			err := sentinels.Replicated(ctx) // nobody waits for the replica, so it has all when the master fails
			sentinels.Master.Kill()
			return err
		})
	})
	t.Run("all slots move, and back", func(t *testing.T) {
		t.Parallel()
		nodes, err := redistest.LaunchCluster(3)
		redistest.Require(t, err)
		t.Cleanup(nodes.Close)
		listenWhile(t, store.Connection{Addrs: nodes.Addrs()}, 0, func(ctx context.Context) error {
			var err error
			for _, tag := range store.BlueprintOf("").Buckets {
				err = errors.Join(err, nodes.MoveSlot(ctx, "{"+tag+"}"), nodes.MoveSlot(ctx, "{"+tag+"}"))
			}
			return err
		})
		requireSharded(t, nodes)
	})
}

// listenWhile lets a writer and a listener of each thread go on from before a failure until it is over.
func listenWhile(t *testing.T, to store.Connection, replicas int, fail func(ctx context.Context) error) {
	t.Helper()
	st := newStore(t, func(o *store.Options) {
		o.WaitReplicas = replicas
		o.Connection.Addrs, o.Connection.SentinelMaster, o.Connection.Timeout = to.Addrs, to.SentinelMaster, time.Second
	})
	// No check finds what is missed here: each connection that ends is made again, and that alone must do.
	hub := New(func(ctx context.Context) Source { return st.Events(ctx) }, quiet, Options{Check: testPace.check})
	t.Cleanup(hub.Close)
	threads := st.For("ann")
	const before, after = 30, 30
	var writing, begun sync.WaitGroup
	t.Cleanup(writing.Wait)
	over := make(chan struct{})
	stop := sync.OnceFunc(func() { close(over) })
	t.Cleanup(stop)
	heard, written := make([]*record, listened), make([]int, listened)
	for i := range listened {
		id := fmt.Sprintf("t%d", i)
		_, err := threads.Create(t.Context(), id, store.Create{}, store.Read{})
		require.NoError(t, err)
		stream, err := hub.Messages(t.Context(), threads, id, "")
		require.NoError(t, err)
		heard[i] = recorded(stream)
		begun.Add(1)
		writing.Go(func() {
			for left := after; left > 0; {
				written[i]++
				m := &store.Message{MessageID: fmt.Sprint(written[i]), Type: store.AI, Content: []byte(`"x"`)}
				if err := persist(t.Context(), func() error {
					_, err := threads.Append(t.Context(), id, store.Append{Messages: []*store.Message{m}}, nil)
					return err
				}); err != nil {
					t.Error(err)
				}
				if written[i] == before {
					begun.Done()
				}
				select {
				case <-over:
					left--
				case <-time.After(2 * time.Millisecond): // so fast that there is load, and so slow that announcements count
				}
			}
		})
	}
	begun.Wait()
	err := fail(t.Context())
	stop()
	writing.Wait()
	require.NoError(t, err)
	for i, h := range heard {
		want := make([]string, written[i])
		for k := range want {
			want[k] = fmt.Sprintf("%d %d", k+1, k+1)
		}
		require.Eventually(t, func() bool { return len(h.all()) >= len(want) }, patience, 5*time.Millisecond, "thread %d", i)
		assert.Equal(t, want, h.all())
	}
}

// record is what a listener has had: numbers and ids.
type record struct {
	mu       sync.Mutex
	messages []string
}

// recorded takes what a stream brings, as fast as it comes, until it ends.
func recorded(s *Stream[*store.Message]) *record {
	r, p := &record{}, pipe(s)
	go func() { // ends with the stream
		for m := range p.C {
			r.mu.Lock()
			r.messages = append(r.messages, fmt.Sprintf("%d %s", m.Seq, m.MessageID))
			r.mu.Unlock()
		}
	}()
	return r
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}
