package feed

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// process is a store with a hub, as one process has them.
func process(tb testing.TB, addr string) (*store.Threads, *Hub) {
	tb.Helper()
	st := newStore(tb, func(o *store.Options) { o.Connection.Addrs = []string{addr} })
	hub := New(func(ctx context.Context) Source { return st.Events(ctx) }, quiet, Options{Check: 30 * time.Second})
	tb.Cleanup(hub.Close)
	return st.For("ann"), hub
}

// write adds the messages from to to one by one, each until Redis has taken it: a message that is sent again is stored once.
func write(tb testing.TB, threads *store.Threads, from, to int) {
	tb.Helper()
	for n := from; n <= to; n++ {
		m := &store.Message{MessageID: fmt.Sprint(n), Type: store.AI, Content: []byte(`"x"`)}
		a := store.Append{Messages: []*store.Message{m}, CreateIfMissing: true}
		assert.NoError(tb, persist(tb.Context(), func() error {
			_, err := threads.Append(tb.Context(), thread, a, nil)
			return err
		}))
	}
}

func read(tb testing.TB, s *piped[*store.Message], from, to int) {
	tb.Helper()
	for n := from; n <= to; n++ {
		m, open := receive(tb, s.C)
		require.True(tb, open, "the stream ends before %d", n)
		require.Equal(tb, fmt.Sprint(n), m.MessageID)
		require.Equal(tb, n, m.Seq)
	}
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	here, hub := process(t, server.Addr())
	there, otherHub := process(t, server.Addr())
	write(t, there, 1, 1)
	s := hears(t, t.Context(), hub, here, "")
	other := hears(t, t.Context(), otherHub, there, "")
	const n = 401
	var writing sync.WaitGroup
	t.Cleanup(writing.Wait) // its context ends before that
	writing.Go(func() {
		for first := 2; first < n; first += 100 {
			write(t, there, first, first+49)
			if err := admin.Do(t.Context(), "client", "kill", "type", "pubsub").Err(); err != nil {
				t.Error(err)
			}
			write(t, there, first+50, first+99)
		}
	})
	read(t, s, 2, n)
	read(t, other, 2, n)
	require.Eventually(t, func() bool { // both have subscribed again, so both hear of the end
		channel := string(here.Channel(thread))
		return admin.PubSubNumSub(t.Context(), channel).Val()[channel] == 2
	}, patience, time.Millisecond)
	require.NoError(t, there.Delete(t.Context(), thread, nil))
	for _, s := range []*piped[*store.Message]{s, other} {
		_, open := receive(t, s.C)
		assert.False(t, open)
		require.NoError(t, s.Err())
	}
}

func TestRedisAwayForAProcess(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := redistest.NewProxy(t, server.Addr())
	here, hub := process(t, proxy.Addr())
	there, _ := process(t, server.Addr())
	write(t, there, 1, 1)
	s := hears(t, t.Context(), hub, here, "")
	changes := sees(t, t.Context(), hub, here)
	for round := range 2 {
		first := 2 + 20*round
		proxy.Block(true)
		proxy.CutAll()
		write(t, there, first, first+9)
		_, err := hub.Messages(t.Context(), here, thread, "")
		require.ErrorIs(t, err, store.ErrUnavailable, "nobody can start now")
		proxy.Block(false)
		read(t, s, first, first+9)
		write(t, there, first+10, first+19)
		read(t, s, first+10, first+19)
	}
	for version := 1; version < 41; {
		change, open := receive(t, changes.C)
		require.True(t, open)
		require.Greater(t, change.Version, version)
		version = change.Version
	}
}

// What listeners that keep up get comes out of the announcements. Only reads of the store are transactions here.
func TestKeepingUpCostsNoReads(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	admin := server.Client()
	here, hub := process(t, server.Addr())
	there, _ := process(t, server.Addr())
	write(t, there, 1, 1)
	var streams []*piped[*store.Message]
	for range 10 {
		s := hears(t, t.Context(), hub, here, "")
		streams = append(streams, s)
	}
	before := transactions(t, admin)
	assert.Equal(t, "10", before, "starting costs one")
	for first := 2; first < 200; first += ringSize {
		write(t, there, first, first+ringSize-1)
		for _, s := range streams {
			read(t, s, first, first+ringSize-1)
		}
	}
	require.NoError(t, there.Delete(t.Context(), thread, nil))
	for _, s := range streams {
		_, open := receive(t, s.C)
		assert.False(t, open)
		require.NoError(t, s.Err())
	}
	assert.Equal(t, before, transactions(t, admin))
}

var execCalls = regexp.MustCompile(`cmdstat_exec:calls=(\d+)`)

// transactions is how many Redis has run.
func transactions(tb testing.TB, admin *redis.Client) string {
	tb.Helper()
	stats, err := admin.Info(tb.Context(), "commandstats").Result()
	require.NoError(tb, err)
	calls := execCalls.FindStringSubmatch(stats)
	require.NotNil(tb, calls)
	return calls[1]
}

// A listener that takes nothing while 100,000 messages come has them all afterwards, and meanwhile holds none of them.
func TestAListenerThatStallsForLong(t *testing.T) {
	t.Parallel()
	const n, batch = 100_000, 500
	server := redistest.Start(t)
	here, hub := process(t, server.Addr())
	_, err := here.Create(t.Context(), thread, store.Create{}, store.Read{})
	require.NoError(t, err)
	stalled, err := hub.Messages(t.Context(), here, thread, "")
	require.NoError(t, err)
	for from := 1; from <= n; from += batch {
		messages := make([]*store.Message, batch)
		for i := range messages {
			messages[i] = &store.Message{MessageID: fmt.Sprint(from + i), Type: store.AI, Content: []byte(`"x"`)}
		}
		_, err := here.Append(t.Context(), thread, store.Append{Messages: messages}, nil)
		require.NoError(t, err)
	}
	for seq := 1; seq <= n; seq++ {
		m, err := stalled.Next()
		require.NoError(t, err)
		require.Equal(t, seq, m.Seq)
		require.Equal(t, fmt.Sprint(seq), m.MessageID)
	}
}
