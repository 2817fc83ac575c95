package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

func TestShards(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t, withBuckets(4)).For("ann")
		shards := make(map[Shard]bool)
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"} {
			shards[th.Shard(id)] = true
		}
		if e.mode == Cluster {
			assert.Equal(t, map[Shard]bool{0: true, 1: true, 2: true, 3: true}, shards)
		} else {
			assert.Equal(t, map[Shard]bool{Whole: true}, shards)
		}
	})
}

// A connection ends where its slot goes to another node, and not where its own user leaves a channel; the next one goes there.
func TestASubscriptionWhoseSlotMoves(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(2)
	redistest.Require(t, err)
	t.Cleanup(nodes.Close)
	s := engines[1].open(t, withBuckets(1), func(o *Options) { o.Connection.Addrs = nodes.Addrs() })
	th := s.For("ann")
	events := listen(t, th, "one")
	subscribe(t, events, th.Channel("two"))
	for range 2 { // asked twice, it is answered twice
		require.NoError(t, events.Unsubscribe(t.Context(), th.Channel("two")))
	}
	mustAppend(t, th, "one", say("a", "x"))
	require.Equal(t, Created, next(t, events).Kind, "an end that was asked for is none of the connection")

	require.NoError(t, nodes.MoveSlot(t.Context(), string(th.Channel("one"))))
	late := time.AfterFunc(eventPatience, func() { _ = events.Close() })
	defer late.Stop()
	_, err = events.Receive(t.Context(), func() {})
	require.ErrorIs(t, err, errSlotGone)

	// Until the client knows where the slot is, it is told MOVED.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		again := s.Events(t.Context())
		defer again.Close()
		assert.NoError(c, again.Subscribe(t.Context(), th.Channel("one")))
		e, err := again.Receive(t.Context(), func() {})
		if assert.NoError(c, err) {
			assert.True(c, e.Joined)
		}
	}, eventPatience, 10*time.Millisecond)
	mustAppend(t, th, "one", say("b", "x"))
}

// A sharded connection goes nowhere before it knows its channel; Close and the context end that too.
func TestReceiveAheadOfSubscribe(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		th := e.open(t).For("ann")
		for name, end := range map[string]func(*Events, context.CancelFunc){
			"Close":       func(events *Events, _ context.CancelFunc) { _ = events.Close() },
			"the context": func(events *Events, cancel context.CancelFunc) { cancel(); _ = events.Close() },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			events := th.store.Events(ctx)
			ended := make(chan error, 1)
			go func() {
				_, err := events.Receive(ctx, func() {})
				ended <- err
			}()
			end(events, cancel)
			require.Error(t, <-ended, name)
		}
		for i := range 20 { // whichever comes first, and wherever the slot is
			events := th.store.Events(t.Context())
			heard := make(chan Event, 1)
			go func() {
				e, _ := events.Receive(t.Context(), func() {})
				heard <- e
			}()
			channel := th.Channel(string(rune('a' + i)))
			require.NoError(t, events.Subscribe(t.Context(), channel))
			assert.Equal(t, Event{Channel: channel, Joined: true}, <-heard)
			require.NoError(t, events.Close())
		}
	})
}

// A cluster that older programs have used is taken over, and they stop at their next look.
func TestAClusterOfOlderPrograms(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(1)
	redistest.Require(t, err)
	t.Cleanup(nodes.Close)
	older := engines[1].open(t, func(o *Options) { o.Connection.Addrs, o.Connection.Cluster = nodes.Addrs(), true })
	older.sharded = false // as they were; it has asked nothing yet
	mustCreate(t, older.For("ann"), "one")
	layout := func() string { return older.rdb.Get(t.Context(), older.keys.layout()).Val() }
	require.Equal(t, "layout=1 buckets=16", layout())

	require.ErrorContains(t, twin(t, older, withBuckets(32)).CheckLayout(t.Context()), "set REDIS_BUCKETS=16")
	assert.Equal(t, "layout=1 buckets=16", layout(), "who is refused changes nothing")
	assert.NotContains(t, told(examine(t, twin(t, older), Examination{})), "layout 1/0", "whoever starts next takes it over")
	assert.Equal(t, "layout=1 buckets=16", layout(), "the doctor looks")

	require.NoError(t, nodes[0].Client().ConfigSet(t.Context(), "maxmemory", "1").Err())
	newer := twin(t, older)
	require.NoError(t, newer.CheckLayout(t.Context()), "of a Redis that is full, too")
	require.NoError(t, nodes[0].Client().ConfigSet(t.Context(), "maxmemory", "0").Err())
	assert.Equal(t, "layout=2 buckets=16", layout())
	assert.Equal(t, 1, mustGet(t, newer.For("ann"), "one").Version)
	var wrong *LayoutError
	require.ErrorAs(t, older.gate.refresh(t.Context()), &wrong)
	require.ErrorAs(t, older.Ping(t.Context()), &wrong, "it serves no more")
	require.NoError(t, twin(t, newer).CheckLayout(t.Context()))
}

// refresh asks for the layout as the gate does now and then.
func (g *gate) refresh(ctx context.Context) error {
	q := g.question()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What cannot announce does not start, and leaves the layout to those who can: a script would have written when SPUBLISH is refused.
func TestAClusterWithoutShardedPubSub(t *testing.T) {
	t.Parallel()
	node, err := redistest.Launch("--cluster-enabled", "yes", "--rename-command", "SPUBLISH", "")
	redistest.Require(t, err)
	t.Cleanup(node.Close)
	require.NoError(t, node.Client().ClusterAddSlotsRange(t.Context(), 0, slotCount-1).Err())
	require.Eventually(t, func() bool {
		return node.Client().Get(t.Context(), "k").Err() == redis.Nil //nolint:errorlint // as go-redis says that there is nothing
	}, eventPatience, 10*time.Millisecond)

	other := sharedCluster(t)
	for _, n := range other {
		require.NoError(t, n.Client().Do(t.Context(), "acl", "setuser", "hushed", "on", ">password", "~*", "&*", "+@all", "-spublish").Err())
	}
	for name, c := range map[string]struct {
		connection Connection
		want       string
	}{
		"an old Redis":             {Connection{Addrs: []string{node.Addr()}, Cluster: true}, "Redis has no SPUBLISH, which 7.0 and later have"},
		"a user with less of rule": {Connection{Addrs: other.Addrs(), Username: "hushed", Password: "password"}, "allow +spublish, +ssubscribe and +sunsubscribe"},
	} {
		s := engines[1].open(t, func(o *Options) {
			c.connection.MaxConnections, c.connection.ConnectTimeout, c.connection.Timeout = 8, time.Second, 30*time.Second
			o.Connection = c.connection
		})
		err := s.CheckLayout(t.Context())
		var wrong *LayoutError
		require.ErrorAs(t, err, &wrong, name)
		assert.Contains(t, wrong.Error(), c.want, name)
		assert.Contains(t, publicReason(err), c.want, name)
		_, err = s.For("ann").Create(t.Context(), "one", Create{}, Read{})
		require.ErrorAs(t, err, &wrong, name)
		report, err := Examine(t.Context(), s.opts, Examination{Fix: true})
		require.NoError(t, err, name)
		i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Code == "pubsub" })
		require.GreaterOrEqual(t, i, 0, "%s: %v", name, report.Findings)
		assert.Contains(t, report.Findings[i].Text, c.want, name)
		s.gate.open.Store(true)
		keys, err := s.rdb.Exists(t.Context(), s.keys.layout()).Result()
		require.NoError(t, err)
		assert.Zero(t, keys, "%s: nothing is written", name)
	}
}
