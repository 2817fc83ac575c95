package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// TestProcessesShareARedis runs two servers on the same keys: what is written through one shows and arrives through the other.
func TestProcessesShareARedis(t *testing.T) {
	t.Parallel()
	environ := at(sharedRedis(t).Addr())
	one, two := start(t, environ...), start(t, environ...)
	for _, transport := range gqltest.Transports {
		id := transport.Name
		created := create(t, one, id, human("m1"))
		assert.Equal(t, created.ID, read(t, two, id, `id`).ID, "a cache may be filled from both")
		messages, _, last := follow(t, two, transport, id)
		changes, version := watch(t, two, transport, id)
		sent := append(add(t, one, id, human("x")), add(t, two, id, human("y"))...)
		sent = append(sent, add(t, one, id, numbered(100, 3)...)...)
		got := nextMessages(t, messages, len(sent))
		assert.Equal(t, upTo(last.Seq+1, last.Seq+5), seqs(got))
		for i, m := range got {
			assert.Equal(t, sent[i].Cursor, m.Cursor, "a cursor of one is a cursor of the other")
		}
		for c := (change{}); c.Version < version+3; {
			c = nextChange(t, changes)
			assert.Equal(t, "UPDATED", c.Kind)
		}
		drop(t, one, id)
		messages.Completes(t)
		assert.Equal(t, "DELETED", nextChange(t, changes).Kind)
	}
}

// TestOneConnectionForAllListeners counts, on a Redis of its own, the connections that 50 listeners on 10 threads take, and
// looks whether their subscriptions go with them.
func TestOneConnectionForAllListeners(t *testing.T) {
	t.Parallel()
	shared := redistest.Start(t)
	s, rdb, ctx := start(t, at(shared.Addr())...), shared.Client(), context.Background()
	const threads, each = 10, 5
	var streams []*gqltest.Stream
	for i := range threads {
		id := fmt.Sprintf("t%d", i)
		after := create(t, s, id, human("m1")).Messages.Nodes[0].Cursor
		for j := range each {
			transport := gqltest.Transports[(i+j)%len(gqltest.Transports)]
			streams = append(streams, transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": after}))
		}
	}
	for round := range 3 {
		for i := range threads {
			add(t, s, fmt.Sprintf("t%d", i), human(fmt.Sprintf("r%d", round)))
		}
		for _, stream := range streams {
			assert.Equal(t, fmt.Sprintf("r%d", round), nextMessage(t, stream).MessageID)
		}
		assert.Len(t, pubsubClients(t, rdb), 1)
	}
	channels, err := rdb.PubSubChannels(ctx, "*").Result()
	require.NoError(t, err)
	assert.Len(t, channels, threads, "one channel for each thread")
	for _, stream := range streams {
		stream.Close()
	}
	eventually(t, "the subscriptions end with the listeners", func() bool {
		channels, err := rdb.PubSubChannels(ctx, "*").Result()
		return err == nil && len(channels) == 0
	})
}

// pubsubClients are the connections that are subscribed to something.
func pubsubClients(tb testing.TB, rdb *redis.Client) []string {
	tb.Helper()
	text, err := rdb.Do(context.Background(), "client", "list", "type", "pubsub").Text()
	require.NoError(tb, err)
	return strings.Split(strings.TrimSpace(text), "\n")
}

// TestTotalCountIsCountedWhereItIsSelected looks at what Redis was asked: ZCOUNT is what counts threads.
func TestTotalCountIsCountedWhereItIsSelected(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s, rdb := start(t, at(own.Addr())...), own.Client()
	create(t, s, "a", human("m1"))
	counted := func() bool {
		stats, err := rdb.Info(context.Background(), "commandstats").Result()
		require.NoError(t, err)
		require.NoError(t, rdb.ConfigResetStat(context.Background()).Err())
		return strings.Contains(stats, "cmdstat_zcount:")
	}
	counted()
	for selection, want := range map[string]bool{
		`agentStates { nodes { threadId messages { totalCount } } edges { cursor } pageInfo { hasNextPage } }`: false,
		`threadIds { nodes edges { cursor } pageInfo { hasNextPage } }`:                                        false,
		`recentAgentStates { threadId }`:                                     false,
		`agentStates { totalCount @skip(if: true) nodes { threadId } }`:      false,
		`agentStates { nodes { threadId } totalCount }`:                      true,
		`threadIds { ...c } } fragment c on ThreadIdConnection { totalCount`: true,
		`agentStateCount`: true,
	} {
		s.Must(t, `{ `+selection+` }`, nil, nil)
		assert.Equal(t, want, counted(), selection)
	}
}
