package store

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
)

// failoverPatience is how long it may take until writers go on with a replica in the place of its master, on a busy machine. It is less
// than the minute after which go-redis looks at a cluster by itself.
const failoverPatience = 45 * time.Second

// crowd are writers who each add messages to a thread of their own, and try again what was not acknowledged, with the same id.
type crowd struct {
	threads   *Threads
	count     int // of writers, and threads
	each      int // messages of each
	half, all sync.WaitGroup
	// on lets them go on behind the half.
	on chan struct{}
	// slowest is the longest time that one message took until it was acknowledged.
	mu      sync.Mutex
	slowest time.Duration
	errs    []error
}

// start lets the writers go, who make their threads with the first message: as all others, it is tried again where a replica that is still
// being filled does not acknowledge it in time. Half is done when each has had half of its messages acknowledged, and waits for on.
func (c *crowd) start(ctx context.Context) {
	c.on = make(chan struct{})
	for w := range c.count {
		c.half.Add(1)
		c.all.Go(func() {
			for i := range c.each {
				if i == c.each/2 {
					c.half.Done()
					<-c.on
				}
				c.add(ctx, fmt.Sprintf("t%d", w), say(fmt.Sprintf("m%d", i), "x"))
			}
		})
	}
}

func (c *crowd) add(ctx context.Context, threadID string, m *Message) {
	start := time.Now()
	for {
		_, err := c.threads.Append(ctx, threadID, Append{Messages: []*Message{m}, CreateIfMissing: true}, nil)
		c.mu.Lock()
		c.slowest = max(c.slowest, time.Since(start))
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrUnavailable) {
			if err != nil {
				c.errs = append(c.errs, err)
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// check waits for the writers, and wants each message once and in its place.
func (c *crowd) check(tb testing.TB) {
	tb.Helper()
	c.all.Wait()
	require.Empty(tb, c.errs)
	tb.Log("the slowest message took", c.slowest.Round(time.Millisecond))
	for w := range c.count {
		state := mustGet(tb, c.threads, fmt.Sprintf("t%d", w))
		want := make([]string, c.each)
		for i := range want {
			want[i] = fmt.Sprintf("m%d", i)
		}
		assert.Equal(tb, want, messageIDs(state.Pages[allMessages].Messages), state.ThreadID)
	}
}

// What was acknowledged after a replica had it is there when the replica takes over, once.
func TestAMasterOfAClusterFails(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchReplicatedCluster(3)
	redistest.Require(t, err)
	defer nodes.Close()
	ctx, cancel := context.WithTimeout(t.Context(), failoverPatience)
	defer cancel()
	s := engines[2].open(t, func(o *Options) {
		o.Connection.Addrs, o.Connection.Timeout, o.WaitReplicas = nodes.Addrs(), time.Second, 1
	})
	c := &crowd{threads: s.For("ann"), count: 12, each: 60}
	c.start(ctx)
	c.half.Wait()
	nodes[0].Kill()
	close(c.on)
	require.NoError(t, nodes.AwaitMaster(ctx, nodes[3]))
	nodes[0].Restart() // as a replica, for which the others' writers wait
	c.check(t)
}

func TestTheMasterOfSentinelsFails(t *testing.T) {
	t.Parallel()
	sentinels, err := redistest.LaunchSentinels()
	redistest.Require(t, err)
	defer sentinels.Close()
	ctx, cancel := context.WithTimeout(t.Context(), failoverPatience)
	defer cancel()
	s := engines[3].open(t, func(o *Options) { o.Connection.Addrs, o.Connection.Timeout = sentinels.Addrs(), time.Second })
	c := &crowd{threads: s.For("ann"), count: 8, each: 60}
	// Where nobody waits for the replica, what was acknowledged in the last moment may be lost. So it has all when the master fails.
	c.start(ctx)
	c.half.Wait()
	require.NoError(t, sentinels.Replicated(ctx))
	sentinels.Master.Kill()
	close(c.on)
	c.check(t)
}

// A bucket's slot moves from one master to another while there are writers: https://redis.io/docs/latest/commands/cluster-setslot/
func TestSlotsMoveUnderLoad(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(3)
	redistest.Require(t, err)
	defer nodes.Close()
	ctx, cancel := context.WithTimeout(t.Context(), failoverPatience)
	defer cancel()
	s := engines[2].open(t, func(o *Options) { o.Connection.Addrs = nodes.Addrs() })
	c := &crowd{threads: s.For("ann"), count: 12, each: 400}
	c.start(ctx)
	c.half.Wait()
	keys := c.threads.keysOf("t0")
	close(c.on)
	require.NoError(t, nodes.MoveSlot(ctx, keys.record))
	c.check(t)
	require.NoError(t, nodes.MoveSlot(ctx, keys.record), "and back")
	assert.Equal(t, c.each, mustGet(t, c.threads, "t0").Seq)
}
