package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// calls are all ways to Redis, as one call each.
func calls(ctx context.Context, s *Store) map[string]func() error {
	th := s.For("ann")
	return map[string]func() error{
		"Create": func() error { _, err := th.Create(ctx, "new", Create{}, Read{}); return err },
		"Append": func() error {
			_, err := th.Append(ctx, "one", Append{Messages: numbered(1, 1)}, &everything)
			return err
		},
		"Update":    func() error { _, err := th.Update(ctx, "one", Update{}, nil); return err },
		"ExtendTTL": func() error { _, err := th.ExtendTTL(ctx, "one", 100); return err },
		"Delete":    func() error { return th.Delete(ctx, "one", nil) },
		"Cleanup":   func() error { _, err := th.Cleanup(ctx, day, false, 1); return err },
		"Get":       func() error { _, err := th.Get(ctx, "one", everything); return err },
		"GetMany":   func() error { _, err := th.GetMany(ctx, []string{"one", "two"}, everything); return err },
		"TTL":       func() error { _, err := th.TTL(ctx, "one"); return err },
		"Exists":    func() error { _, err := th.Exists(ctx, "one"); return err },
		"Message":   func() error { _, err := th.Message(ctx, "one", "a"); return err },
		"After":     func() error { _, _, err := th.After(ctx, "one", Cursor{}, 1); return err },
		"List":      func() error { _, err := th.List(ctx, Filter{}, Range{First: 1}); return err },
		"Search":    func() error { _, err := th.List(ctx, Filter{ThreadIDPattern: "o*"}, Range{First: 1}); return err },
		"IDs":       func() error { _, err := th.IDs(ctx, "o*", Range{First: 1}); return err },
		"Count":     func() error { _, err := th.Count(ctx, Filter{}); return err },
		"CountIDs":  func() error { _, err := th.CountIDs(ctx, "o*"); return err },
		"Ping":      func() error { return s.Ping(ctx) },
		"sweep":     func() error { return s.sweeper.tick(ctx, s) },
	}
}

func allUnavailable(t *testing.T, s *Store, but ...string) {
	t.Helper()
	calls := calls(t.Context(), s)
	for _, name := range but {
		delete(calls, name)
	}
	errs := make(map[string]chan error, len(calls))
	for name, call := range calls { // at once, since each takes its time to give up
		ended := make(chan error, 1)
		errs[name] = ended
		go func() { ended <- call() }()
	}
	for name, err := range errs {
		assert.ErrorIs(t, <-err, ErrUnavailable, name)
	}
}

func TestScriptsThatRedisHasForgotten(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		var server *redistest.Server
		s := e.open(t, func(o *Options) {
			if e.mode == Standalone { // one of its own, since others need theirs
				server = redistest.Start(t)
				o.Connection.Addrs = []string{server.Addr()}
			}
		})
		flush := func() {
			t.Helper()
			if c, ok := s.rdb.(*redis.ClusterClient); ok {
				require.NoError(t, c.ForEachMaster(t.Context(), func(ctx context.Context, c *redis.Client) error { return c.ScriptFlush(ctx).Err() }))
				return
			}
			require.NoError(t, s.rdb.ScriptFlush(t.Context()).Err())
		}
		th := s.For("ann")
		for _, id := range []string{"t01", "t02", "t03", "t04"} {
			flush()
			mustAppend(t, th, id, say("a", "x"))
			flush()
			_, err := th.Message(t.Context(), id, "a")
			require.NoError(t, err)
		}
		flush()
		_, err := th.Update(t.Context(), "t01", Update{AddPlan: &Plan{PlanID: "p"}}, &everything)
		require.NoError(t, err)
		assert.Len(t, mustGet(t, th, "t01").Plan, 1)
		age(t, th, 31*day, false, "t02", "t03", "t04")
		flush()
		cleaned, err := th.Cleanup(t.Context(), 30*day, false, 10)
		require.NoError(t, err)
		assert.Equal(t, 3, cleaned.Count)
	})
}

func TestRedisIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
	mustCreate(t, s.For("ann"), "one", say("a", "x"))
	for range 2 {
		server.Kill()
		allUnavailable(t, s)
		h := s.Health(t.Context())
		assert.Equal(t, Unavailable, h.Status)
		server.Restart()
		// go-redis, which has seen many dials fail, tries only once a second.
		require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, s.Ping(context.Background())) }, eventPatience, 10*time.Millisecond)
		before := mustGet(t, s.For("ann"), "one")
		after := mustAppend(t, s.For("ann"), "one", say(fmt.Sprint(before.Seq), "x"))
		assert.Equal(t, before.Seq+1, after.State.Seq, "works again, with what was there")
	}
}

func TestAStoreMayBeOpenedBeforeItsRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Stop()
	s := engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
	require.ErrorIs(t, s.Ping(t.Context()), ErrUnavailable)
	server.Restart()
	mustCreate(t, s.For("ann"), "one")
}

func TestAMasterOfAClusterIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	nodes, err := redistest.LaunchCluster(3)
	redistest.Require(t, err)
	t.Cleanup(nodes.Close)
	s := engines[2].open(t, func(o *Options) { o.Connection.Addrs = nodes.Addrs() })
	th := s.For("ann")
	id := inOneBucket("ann", "t", 1)[0] // of the first half of the slots, so on the first or the second master
	mustCreate(t, th, id)
	nodes[0].Kill()
	nodes[1].Kill()
	_, err = th.Get(t.Context(), id, Read{})
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = th.Append(t.Context(), id, Append{Messages: numbered(1, 1)}, &Read{})
	require.ErrorIs(t, err, ErrUnavailable)
	nodes[0].Restart()
	nodes[1].Restart()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := th.Append(context.Background(), id, Append{Messages: numbered(1, 1), CreateIfMissing: true}, &Read{})
		assert.NoError(c, err)
	}, 2*eventPatience, 50*time.Millisecond)
}

func TestARedisThatCannotServe(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, args ...string) *Store {
		t.Helper()
		server := redistest.Start(t, args...)
		return engines[1].open(t, func(o *Options) { o.Connection.Addrs = []string{server.Addr()} })
	}
	t.Run("wants a password", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--requirepass", "right")
		allUnavailable(t, s)
		wrong := twin(t, s, func(o *Options) { o.Connection.Password = "wrong" })
		allUnavailable(t, wrong)
		h := wrong.Health(t.Context())
		require.NotNil(t, h.Error)
		assert.Equal(t, "Redis refuses the credentials of this server.", *h.Error)
		right := twin(t, s, func(o *Options) { o.Connection.Password = "right" })
		mustCreate(t, right.For("ann"), "one")
	})
	t.Run("is full", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		mustCreate(t, s.For("ann"), "one", say("a", "x"))
		mustCreate(t, s.For("ann"), "two")
		require.NoError(t, s.rdb.ConfigSet(t.Context(), "maxmemory", "1").Err())
		_, err := s.For("ann").Append(t.Context(), "one", Append{Messages: numbered(1, 1)}, nil)
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = s.For("ann").Append(t.Context(), "one", Append{Messages: numbered(1, 1)}, &everything)
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = s.For("ann").Get(t.Context(), "one", Read{})
		if err != nil { // a full Redis refuses every transaction, those that read too; a Valkey does not
			require.ErrorIs(t, err, ErrUnavailable)
		}
		_, err = s.For("ann").Create(t.Context(), "three", Create{}, Read{})
		require.ErrorIs(t, err, ErrUnavailable)
		_, err = s.For("ann").Append(t.Context(), "three", Append{Messages: numbered(1, 1), CreateIfMissing: true}, nil)
		require.ErrorIs(t, err, ErrUnavailable, "without a transaction it is the script that must be refused")
		require.NoError(t, s.For("ann").Delete(t.Context(), "two", nil), "there is a way out of it")
		require.NoError(t, s.rdb.ConfigSet(t.Context(), "maxmemory", "0").Err())
		assert.Equal(t, 1, mustGet(t, s.For("ann"), "one").Seq, "nothing was half written")
		mustAppend(t, s.For("ann"), "one", say("b", "x"))
	})
	t.Run("is a replica", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--replicaof", "127.0.0.1", "1")
		_, err := s.For("ann").Create(t.Context(), "one", Create{}, Read{})
		require.ErrorIs(t, err, ErrUnavailable)
	})
	t.Run("is a replica without its master", func(t *testing.T) {
		t.Parallel()
		allUnavailable(t, start(t, "--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"), "Ping")
	})
	t.Run("runs a script that does not end", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--busy-reply-threshold", "1")
		mustCreate(t, s.For("ann"), "one", say("a", "x"))
		admin, stuck := twin(t, s), make(chan error, 1)
		require.NoError(t, admin.CheckLayout(t.Context()))
		go func() { stuck <- twinClient(s).Eval(context.Background(), "while true do end", nil).Err() }()
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.True(c, redis.HasErrorPrefix(admin.rdb.Ping(context.Background()).Err(), "BUSY"))
		}, eventPatience, time.Millisecond)
		allUnavailable(t, s)
		require.NoError(t, admin.rdb.ScriptKill(t.Context()).Err())
		require.Error(t, <-stuck)
		mustGet(t, s.For("ann"), "one")
	})
}

// twinClient is a bare client of a store's Redis that waits for as long as it takes, and closes after its first command.
func twinClient(s *Store) *redis.Conn {
	opts := *s.rdb.(*redis.Client).Options()
	opts.ReadTimeout, opts.MaxRetries = -1, -1
	return redis.NewClient(&opts).Conn()
}

// answer is an error as Redis sends it.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

func TestTranslate(t *testing.T) {
	t.Parallel()
	require.NoError(t, translate(nil))
	for _, err := range []error{
		io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded, redis.ErrClosed, redis.ErrPoolTimeout,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")},
		answer("LOADING Redis is loading the dataset in memory"), answer("READONLY You can't write against a read only replica."),
		answer("MASTERDOWN Link with MASTER is down"), answer("BUSY Redis is busy running a script."), answer("NOREPLICAS Not enough good replicas to write."),
		answer("MISCONF Redis is configured to save RDB snapshots"), answer("OOM command not allowed"), answer("CLUSTERDOWN Hash slot not served"),
		answer("TRYAGAIN Multiple keys request during rehashing of slot"), answer("MOVED 1 127.0.0.1:1"), answer("ASK 1 127.0.0.1:1"),
		answer("NOAUTH Authentication required."), answer("WRONGPASS invalid username-password pair"), answer("ERR max number of clients reached"),
		answer("ERR Protocol error: unauthenticated multibulk length"), answer("EXECABORT Transaction discarded because of previous errors."),
		answer("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
	} {
		got := translate(fmt.Errorf("somewhere: %w", err))
		require.ErrorIs(t, got, ErrUnavailable, err)
		require.ErrorIs(t, got, err, "the cause stays")
	}
	for _, err := range []error{context.Canceled, answer("WRONGTYPE Operation against a key"), answer("ERR unknown command"), answer("NOSCRIPT No matching script.")} {
		got := translate(err)
		require.ErrorIs(t, got, err)
		require.NotErrorIs(t, got, ErrUnavailable, err)
	}
}
