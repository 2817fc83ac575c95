package feed

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// number reads a number out of what a node tells of itself, 0 where it does not tell it.
func number(tb testing.TB, text, pattern string) int {
	tb.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	require.NoError(tb, err)
	return n
}

// calls counts how often all nodes together have run a command.
func calls(tb testing.TB, nodes redistest.Nodes, command string) int {
	tb.Helper()
	n := 0
	for _, node := range nodes {
		stats, err := node.Client().Info(tb.Context(), "commandstats").Result()
		require.NoError(tb, err)
		n += number(tb, stats, `cmdstat_`+command+`:calls=(\d+)`)
	}
	return n
}

// requireSharded wants that all was announced, and heard, by sharded pub/sub.
func requireSharded(tb testing.TB, nodes redistest.Nodes) {
	tb.Helper()
	for _, command := range []string{"publish", "subscribe", "unsubscribe"} {
		assert.Zero(tb, calls(tb, nodes, command), command)
	}
	assert.Positive(tb, calls(tb, nodes, "spublish"))
	assert.Positive(tb, calls(tb, nodes, "ssubscribe"))
}

// onTheBus counts the messages of pub/sub that the nodes have sent each other.
func onTheBus(tb testing.TB, nodes redistest.Nodes, kind string) int {
	tb.Helper()
	n := 0
	for _, node := range nodes {
		info, err := node.Client().ClusterInfo(tb.Context()).Result()
		require.NoError(tb, err)
		n += number(tb, info, `cluster_stats_messages_`+kind+`_sent:(\d+)`)
	}
	return n
}

// hearing counts the connections that are subscribed to something, and the channels.
func hearing(tb testing.TB, nodes redistest.Nodes) (connections, channels int) {
	tb.Helper()
	for _, node := range nodes {
		list, err := node.Client().Do(tb.Context(), "client", "list", "type", "pubsub").Text()
		require.NoError(tb, err)
		connections += strings.Count(list, "id=")
		of, err := node.Client().PubSubShardChannels(tb.Context(), "*").Result()
		require.NoError(tb, err)
		channels += len(of)
	}
	return connections, channels
}

// On a cluster there is a connection for each bucket in use, and what is announced reaches the node of the bucket and its replica.
func TestAnnouncementsStayInTheirShard(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchReplicatedCluster(3)
	redistest.Require(t, err)
	t.Cleanup(nodes.Close)
	require.Eventually(t, func() bool { // a master tells its replica from when it knows of it
		for _, node := range nodes[:3] {
			slots, err := node.Client().ClusterSlots(t.Context()).Result() //nolint:staticcheck // CLUSTER SHARDS is a master's of Redis 7 alone
			if err != nil || slices.ContainsFunc(slots, func(r redis.ClusterSlot) bool { return len(r.Nodes) < 2 }) {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	st := newStore(t, func(o *store.Options) { o.Connection.Addrs = nodes.Addrs() })
	p := defaultPace
	p.check, p.linger = testPace.check, 0
	hub := newHub(func(ctx context.Context) Source { return st.Events(ctx) }, quiet, p)
	t.Cleanup(hub.Close)
	threads := st.For("ann")
	const buckets, threadsEach, messages = 16, 2, 20
	ids := perShard(threads, buckets, threadsEach)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	streams := make(map[string]*piped[*store.Message])
	for _, some := range ids {
		for _, id := range some {
			_, err := threads.Create(t.Context(), id, store.Create{}, store.Read{})
			require.NoError(t, err)
			s, err := hub.Messages(ctx, threads, id, "")
			require.NoError(t, err)
			streams[id] = pipe(s)
		}
	}
	connections, channels := hearing(t, nodes)
	assert.Equal(t, buckets, connections)
	assert.Equal(t, buckets*threadsEach, channels)

	masters := nodes[:3] // replicas get what a script has done as a transaction
	before, reads := onTheBus(t, nodes, "publishshard"), calls(t, masters, "exec")
	for k := 1; k <= messages; k++ {
		for id := range streams {
			m := &store.Message{MessageID: fmt.Sprint(k), Type: store.AI, Content: []byte(`"x"`)}
			_, err := threads.Append(t.Context(), id, store.Append{Messages: []*store.Message{m}}, nil)
			require.NoError(t, err)
		}
	}
	for _, s := range streams {
		read(t, s, 1, messages)
	}
	requireSharded(t, nodes)
	assert.Zero(t, onTheBus(t, nodes, "publish"))
	assert.Equal(t, buckets*threadsEach*messages, onTheBus(t, nodes, "publishshard")-before, "each goes to one replica")
	assert.Equal(t, reads, calls(t, masters, "exec"), "who keeps up reads nothing")

	// The last listener of a bucket takes its connection with him.
	for i := range ids {
		leave, stop := context.WithCancel(t.Context())
		s, err := hub.Messages(leave, threads, ids[i][0], "")
		require.NoError(t, err)
		stop()
		_, open := receive(t, pipe(s).C)
		assert.False(t, open)
	}
	connections, _ = hearing(t, nodes)
	assert.Equal(t, buckets, connections, "others listen still")
	cancel()
	require.Eventually(t, func() bool {
		connections, channels := hearing(t, nodes)
		return connections == 0 && channels == 0
	}, patience, 10*time.Millisecond)
	assert.Zero(t, hub.Threads())
}

// perShard gives ids of threads, so many of each shard.
func perShard(threads *store.Threads, shards, each int) [][]string {
	ids := make([][]string, shards)
	for i, full := 0, 0; full < shards; i++ {
		id := fmt.Sprintf("t%d", i)
		if of := threads.Shard(id); len(ids[of]) < each {
			if ids[of] = append(ids[of], id); len(ids[of]) == each {
				full++
			}
		}
	}
	return ids
}

// What a killed connection has not brought is read when it is back, in one bucket as in all.
func TestConnectionsOfAClusterAreKilled(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(3)
	redistest.Require(t, err)
	t.Cleanup(nodes.Close)
	listenWhile(t, store.Connection{Addrs: nodes.Addrs()}, 0, func(ctx context.Context) error {
		for range 20 {
			for _, node := range nodes {
				if err := node.Client().ClientKillByFilter(ctx, "type", "pubsub").Err(); err != nil && err != redis.Nil { //nolint:errorlint // as go-redis says that there is nothing
					return err
				}
			}
		}
		return nil
	})
	requireSharded(t, nodes)
}
