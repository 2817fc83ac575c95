package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// layout is what is written of so many buckets.
func (e engine) layout(buckets int) string {
	if e.mode == Cluster {
		return fmt.Sprintf("layout=2 buckets=%d", buckets)
	}
	return fmt.Sprintf("layout=1 buckets=%d", buckets)
}

// withBuckets asks for so many buckets.
func withBuckets(n int) func(*Options) { return func(o *Options) { o.Buckets = n } }

func TestLayoutIsWrittenOnFirstUse(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t, withBuckets(4))
		mustCreate(t, s.For("ann"), "one", say("m1", "hello"))
		text, err := s.rdb.Get(t.Context(), s.keys.layout()).Result()
		require.NoError(t, err)
		assert.Equal(t, e.layout(4), text)
		assert.Equal(t, "m1", mustGet(t, twin(t, s).For("ann"), "one").Pages[allMessages].Messages[0].MessageID)

		other := twin(t, s, withBuckets(8))
		for name, call := range map[string]func() error{
			"a write":    func() error { _, err := other.For("ann").Create(t.Context(), "two", Create{}, Read{}); return err },
			"a read":     func() error { _, err := other.For("ann").Get(t.Context(), "one", Read{}); return err },
			"a count":    func() error { _, err := other.For("ann").Count(t.Context(), Filter{}); return err },
			"a script":   func() error { _, err := other.For("ann").Message(t.Context(), "one", "m1"); return err },
			"a document": func() error { return other.SaveDocument(t.Context(), "h", "{a}", time.Minute) },
			"a ping":     func() error { return other.Ping(t.Context()) },
			"the start":  func() error { return other.CheckLayout(t.Context()) },
		} {
			err := call()
			require.ErrorIs(t, err, ErrUnavailable, name)
			var wrong *LayoutError
			require.ErrorAs(t, err, &wrong, name)
			assert.Contains(t, err.Error(), "set REDIS_BUCKETS=4", name)
		}
		n, err := s.For("ann").Count(t.Context(), Filter{})
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	})
}

func TestEveryNumberOfBucketsServes(t *testing.T) {
	t.Parallel()
	for n := 1; n <= MaxBuckets; n *= 2 {
		th := engines[1].open(t, withBuckets(n)).For("ann")
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			mustAppend(t, th, id, numbered(1, 2)...)
		}
		page, err := th.List(t.Context(), Filter{}, Range{First: 10})
		require.NoError(t, err)
		assert.Len(t, page.IDs, 5, "%d buckets", n)
		count, err := th.CountIDs(t.Context(), "*")
		require.NoError(t, err)
		assert.Equal(t, 5, count)
		cleaned, err := th.Cleanup(t.Context(), 0, false, 10)
		require.NoError(t, err)
		assert.Equal(t, 5, cleaned.Count)
	}
}

// Threads of a version that wrote no layout lie in sixteen buckets.
func TestThreadsWithoutALayout(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		s := e.open(t)
		mustCreate(t, s.For("ann"), "one")
		require.NoError(t, s.rdb.Del(t.Context(), s.keys.layout()).Err())
		err := twin(t, s, withBuckets(32)).CheckLayout(t.Context())
		require.ErrorContains(t, err, "set REDIS_BUCKETS=16")
		require.NoError(t, twin(t, s).CheckLayout(t.Context()))
		assert.Equal(t, e.layout(16), s.rdb.Get(t.Context(), s.keys.layout()).Val())
	})
}

func TestLayoutsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"layout=3 buckets=16":  "run the version of agentstate that wrote them",
		"layout=2 buckets=16":  "name its nodes in REDIS_ADDRS",
		"layout=1 buckets=16 ": "REDIS_KEY_PREFIX",
		"hello":                "REDIS_KEY_PREFIX",
		"layout=1 buckets=x":   "REDIS_KEY_PREFIX",
	} {
		s := engines[1].open(t)
		require.NoError(t, sharedServer(t).Client().Set(t.Context(), s.keys.layout(), text, 0).Err())
		assert.ErrorContains(t, s.CheckLayout(t.Context()), want, text)
	}
}

// Two that come at once with different numbers: one of them wins, and only its threads are there.
func TestOneLayoutWins(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		first := e.open(t, withBuckets(2))
		stores := []*Store{first, twin(t, first, withBuckets(4)), twin(t, first, withBuckets(8)), twin(t, first, withBuckets(16))}
		errs := make([]error, len(stores))
		var all sync.WaitGroup
		for i, s := range stores {
			all.Go(func() { _, errs[i] = s.For("ann").Create(t.Context(), "one", Create{}, Read{}) })
		}
		all.Wait()
		winners := 0
		for _, err := range errs {
			if err == nil {
				winners++
				continue
			}
			var wrong *LayoutError
			require.ErrorAs(t, err, &wrong)
		}
		assert.Equal(t, 1, winners, "%v", errs)
	})
}

// A Redis that is away at the start is asked when it comes, before anything is written.
func TestLayoutOfARedisThatComesLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	early := engines[1].open(t, func(o *Options) { o.Prefix, o.Connection.Addrs = "p", []string{server.Addr()} })
	server.Kill()
	require.ErrorIs(t, early.CheckLayout(t.Context()), ErrUnavailable)
	_, err := early.For("ann").Create(t.Context(), "one", Create{}, Read{})
	require.ErrorIs(t, err, ErrUnavailable)
	server.Restart() // empty: it keeps nothing
	require.NoError(t, server.Client().Set(t.Context(), "p:layout", "layout=1 buckets=64", 0).Err())
	_, err = early.For("ann").Create(t.Context(), "one", Create{}, Read{})
	var wrong *LayoutError
	require.ErrorAs(t, err, &wrong)
	keys, err := server.Client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	assert.Equal(t, []string{"p:layout"}, keys)
}

// A Redis that is emptied under a running server gets its layout again; where another one was faster the server stops using it.
func TestRedisIsEmptiedUnderAStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var log safeBuffer
	s := engines[1].open(t, func(o *Options) {
		o.Prefix, o.Connection.Addrs, o.LayoutInterval = "p", []string{server.Addr()}, 5*time.Millisecond
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	client := server.Client()
	layout := func() string { return client.Get(context.Background(), "p:layout").Val() }
	require.NoError(t, s.CheckLayout(t.Context()))
	require.NoError(t, client.FlushAll(t.Context()).Err())
	require.Eventually(t, func() bool { return layout() == "layout=1 buckets=16" }, eventPatience, time.Millisecond)

	require.NoError(t, client.Set(t.Context(), "p:layout", "layout=1 buckets=4", 0).Err())
	require.Eventually(t, func() bool { return s.Ping(t.Context()) != nil }, eventPatience, time.Millisecond)
	assert.Equal(t, "layout=1 buckets=4", layout())
	assert.Equal(t, Unavailable, s.Health(t.Context()).Status)

	require.NoError(t, client.Del(t.Context(), "p:layout").Err())
	require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, eventPatience, time.Millisecond)
	for _, told := range []string{"has lost the layout", "nothing is read or written", "this server's again"} {
		assert.Contains(t, log.String(), told)
	}
}

// Whoever waits for the answer waits no longer than he wants to.
func TestNobodyWaitsForTheLayoutTooLong(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	g := startGate(func(ctx context.Context) (bool, error) {
		close(asked)
		<-ctx.Done()
		return false, ctx.Err()
	}, time.Hour, 0, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	require.ErrorIs(t, g.pass(ctx), context.Canceled)
	g.stop()
	require.ErrorIs(t, g.pass(t.Context()), context.Canceled, "what is closed asks nobody")
}

// safeBuffer is a buffer for a log that several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
