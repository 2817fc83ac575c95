package feed

import (
	"context"
	"errors"
	"fmt"
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

// TestListenersWhileMastersChange lets a master fail, or a slot move, while there are writers and listeners: each listener gets each
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
	t.Run("a slot moves", func(t *testing.T) {
		t.Parallel()
		nodes, err := redistest.LaunchCluster(3)
		redistest.Require(t, err)
		t.Cleanup(nodes.Close)
		listenWhile(t, store.Connection{Addrs: nodes.Addrs()}, 0, func(ctx context.Context) error {
			return errors.Join(nodes.MoveSlot(ctx, "{04s}"), nodes.MoveSlot(ctx, "{04s}")) // that of the first bucket, and back
		})
	})
}

func listenWhile(t *testing.T, to store.Connection, replicas int, fail func(ctx context.Context) error) {
	t.Helper()
	st := newStore(t, func(o *store.Options) {
		o.WaitReplicas = replicas
		o.Connection.Addrs, o.Connection.SentinelMaster, o.Connection.Timeout = to.Addrs, to.SentinelMaster, time.Second
	})
	hub := New(func(ctx context.Context) Source { return st.Events(ctx) }, quiet, Options{Check: time.Second})
	t.Cleanup(hub.Close)
	threads := st.For("ann")
	const n = 60
	var writing sync.WaitGroup
	goOn := make(chan struct{})
	half := sync.WaitGroup{}
	streams := make([]*piped[*store.Message], listened)
	for i := range streams {
		id := fmt.Sprintf("t%d", i)
		_, err := threads.Create(t.Context(), id, store.Create{}, store.Read{})
		require.NoError(t, err)
		stream, err := hub.Messages(t.Context(), threads, id, "")
		require.NoError(t, err)
		streams[i] = pipe(stream)
		half.Add(1)
		writing.Go(func() {
			for k := 1; k <= n; k++ {
				if k == n/2 {
					half.Done()
					<-goOn
				}
				m := &store.Message{MessageID: fmt.Sprint(k), Type: store.AI, Content: []byte(`"x"`)}
				assert.NoError(t, persist(t.Context(), func() error {
					_, err := threads.Append(t.Context(), id, store.Append{Messages: []*store.Message{m}}, nil)
					return err
				}))
			}
		})
	}
	t.Cleanup(writing.Wait)
	half.Wait()
	failing := make(chan error, 1)
	go func() { failing <- fail(t.Context()) }()
	close(goOn)
	for _, s := range streams {
		read(t, s, 1, n)
	}
	require.NoError(t, <-failing)
}
