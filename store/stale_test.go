package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// besides is a store on a server, and a replica of it, with a wire between both.
type besides struct {
	store           *Store
	wire            *redistest.Wire
	master, replica *redistest.Server
}

func beside(tb testing.TB, changes ...func(*Options)) besides {
	tb.Helper()
	var b besides
	b.master = redistest.Start(tb)
	b.wire = redistest.NewWire(tb, b.master.Addr())
	b.replica = b.wire.Start(tb)
	b.store = engines[1].open(tb, append([]func(*Options){func(o *Options) {
		o.Connection.Addrs, o.Connection.ReplicaURL = []string{b.master.Addr()}, "redis://"+b.replica.Addr()
	}}, changes...)...)
	return b
}

// synced waits until the replica has what the master has.
func (b besides) synced(tb testing.TB) {
	tb.Helper()
	awaitOffset(tb, b.master, b.replica)
}

// awaitOffset waits until a replica has what its master has.
func awaitOffset(tb testing.TB, master, replica *redistest.Server) {
	tb.Helper()
	offset := func(s *redistest.Server, name string) string {
		_, rest, _ := strings.Cut(s.Client().Info(tb.Context(), "replication").Val(), name+":")
		value, _, _ := strings.Cut(rest, "\r\n")
		return value
	}
	require.Eventually(tb, func() bool {
		got := offset(replica, "slave_repl_offset")
		return got != "" && got == offset(master, "master_repl_offset")
	}, eventPatience, 5*time.Millisecond)
}

// countsOf gives how often a server ran each command since reset.
func countsOf(tb testing.TB, servers ...*redistest.Server) map[string]int {
	tb.Helper()
	counts := make(map[string]int)
	for _, server := range servers {
		for line := range strings.Lines(server.Client().Info(tb.Context(), "commandstats").Val()) {
			name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
			var calls int
			if _, err := fmt.Sscanf(rest, "%d,", &calls); ok && err == nil {
				counts[name] += calls
			}
		}
	}
	return counts
}

func reset(tb testing.TB, servers ...*redistest.Server) {
	tb.Helper()
	for _, server := range servers {
		require.NoError(tb, server.Client().ConfigResetStat(tb.Context()).Err())
	}
}

// dataReads are the commands by which threads are read.
var dataReads = []string{
	"hmget", "hget", "lrange", "zrangebylex", "zrevrangebyscore", "zrange", "zcount", "zmscore", "evalsha_ro", "eval_ro", "evalsha", "eval",
}

func reads(counts map[string]int) int {
	n := 0
	for _, name := range dataReads {
		n += counts[name]
	}
	return n
}

// readings is everything that can be read of threads, each with what it gives for the threads of readable.
func readings(tb testing.TB, th *Threads) map[string]func() (any, error) {
	tb.Helper()
	ctx, long := tb.Context(), time.Unix(1, 0)
	return map[string]func() (any, error){
		"Get": func() (any, error) {
			s, err := th.Get(ctx, "t1", everything)
			return len(s.Pages[allMessages].Messages), err
		},
		"Get, a page that is searched for": func() (any, error) {
			key := MessagesOf(Range{First: 5}, []MessageType{AI})
			s, err := th.Get(ctx, "t1", Read{Pages: []PageKey{key}})
			return len(s.Pages[key].Messages), err
		},
		"Get, what waits": func() (any, error) {
			s, err := th.Get(ctx, "t1", Read{PendingToolCalls: true})
			return len(s.PendingToolCalls), err
		},
		"GetMany": func() (any, error) {
			all, err := th.GetMany(ctx, []string{"t1", "t2", "t3", "none"}, everything)
			return len(all), err
		},
		"Exists":  func() (any, error) { return th.Exists(ctx, "t2") },
		"TTL":     func() (any, error) { ttl, err := th.TTL(ctx, "t2"); return ttl.TTLSeconds > 0, err },
		"Message": func() (any, error) { m, err := th.Message(ctx, "t1", "m3"); return m.Seq, err },
		"Recent":  func() (any, error) { return th.Recent(ctx, 10) },
		"List by a prefix": func() (any, error) {
			page, err := th.List(ctx, Filter{ThreadIDPattern: "t*"}, Range{First: 10})
			return page.IDs, err
		},
		"IDs":              func() (any, error) { page, err := th.IDs(ctx, "*", Range{First: 10}); return page.IDs, err },
		"Count":            func() (any, error) { return th.Count(ctx, Filter{}) },
		"Count since":      func() (any, error) { return th.Count(ctx, Filter{UpdatedAfter: &long}) },
		"Count by pattern": func() (any, error) { return th.CountIDs(ctx, "t?") },
	}
}

// readable makes the threads of readings. One of them is past its expiry, so that counts go the long way.
func readable(tb testing.TB, th *Threads) {
	tb.Helper()
	mustCreate(tb, th, "t1", append(numbered(1, 400), speak(AI, "ai", "x"))...)
	mustCreate(tb, th, "t2")
	mustCreate(tb, th, "t3")
	mustCreate(tb, th, "gone")
	lapse(tb, th, "gone")
}

// Each read that may be behind is answered by a replica alone, and gives what the master gives; each other by the master alone.
func TestStaleReadsGoToReplicas(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]func(t *testing.T) (s *Store, masters, replicas []*redistest.Server){
		"one server": func(t *testing.T) (*Store, []*redistest.Server, []*redistest.Server) {
			t.Helper()
			b := beside(t)
			return b.store, []*redistest.Server{b.master}, []*redistest.Server{b.replica}
		},
		"sentinels": func(t *testing.T) (*Store, []*redistest.Server, []*redistest.Server) {
			t.Helper()
			sentinels, err := redistest.LaunchSentinels()
			redistest.Require(t, err)
			t.Cleanup(sentinels.Close)
			s := engines[3].open(t, func(o *Options) { o.Connection.Addrs = sentinels.Addrs() })
			return s, []*redistest.Server{sentinels.Master}, []*redistest.Server{sentinels.Replica}
		},
		"cluster": func(t *testing.T) (*Store, []*redistest.Server, []*redistest.Server) {
			t.Helper()
			nodes, err := redistest.LaunchReplicatedCluster(3)
			redistest.Require(t, err)
			t.Cleanup(nodes.Close)
			return engines[2].open(t, func(o *Options) { o.Connection.Addrs = nodes.Addrs() }), nodes[:3], nodes[3:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, masters, replicas := launch(t)
			th := s.For("ann")
			readable(t, th)
			for i := range masters {
				awaitOffset(t, masters[i], replicas[i])
			}
			stale := readings(t, th.Stale())
			for name, read := range readings(t, th) {
				reset(t, append(slices.Clone(masters), replicas...)...)
				want, err := read()
				require.NoError(t, err, name)
				assert.Zero(t, reads(countsOf(t, replicas...)), "%s: the replica is asked for what must not be behind", name)
				assert.Positive(t, reads(countsOf(t, masters...)), name)

				reset(t, masters...)
				got, err := stale[name]()
				require.NoError(t, err, name)
				assert.Equal(t, want, got, name)
				assert.Zero(t, reads(countsOf(t, masters...)), "%s: the master is asked although a replica is there", name)
				assert.Positive(t, reads(countsOf(t, replicas...)), name)
			}
		})
	}
}

// Over a silent link a replica goes on answering what it has. What it cannot know is not said of it: a cursor that the master has
// given is not expired. When its link is cut, the master answers.
func TestStaleReadsAreBehind(t *testing.T) {
	t.Parallel()
	b := beside(t)
	th := b.store.For("ann")
	mustCreate(t, th, "t1", numbered(1, 2)...)
	b.synced(t)
	b.wire.Hold(true)
	state := mustAppend(t, th, "t1", numbered(3, 2)...).State
	mustCreate(t, th, "t2")

	old := mustGet(t, th.Stale(), "t1")
	assert.Equal(t, 2, old.Seq)
	assert.Equal(t, []string{"m1", "m2"}, messageIDs(old.Pages[allMessages].Messages))
	exists, err := th.Stale().Exists(t.Context(), "t2")
	require.NoError(t, err)
	assert.False(t, exists, "the replica has never heard of it")
	behind := MessagesOf(Range{First: 10, After: Cursor{Epoch: state.Epoch, Seq: 3}.String()}, nil)
	got, err := th.Stale().Get(t.Context(), "t1", Read{Pages: []PageKey{behind}})
	require.NoError(t, err)
	require.NoError(t, got.Pages[behind].Err, "the cursor is of what the replica does not have yet")
	assert.Equal(t, []string{"m4"}, messageIDs(got.Pages[behind].Messages))
	many, err := th.Stale().GetMany(t.Context(), []string{"t1"}, Read{Pages: []PageKey{behind}})
	require.NoError(t, err)
	require.NoError(t, many[0].Pages[behind].Err)
	wrong := MessagesOf(Range{First: 10, After: Cursor{Epoch: state.Epoch, Seq: 9}.String()}, nil)
	got, err = th.Stale().Get(t.Context(), "t1", Read{Pages: []PageKey{wrong}})
	require.NoError(t, err)
	require.Error(t, got.Pages[wrong].Err, "nobody has it")

	b.wire.Break(true)
	require.Eventually(t, func() bool { return mustGet(t, th.Stale(), "t1").Seq == 4 }, eventPatience, 5*time.Millisecond)
	b.wire.Break(false)
	b.wire.Hold(false)
	b.synced(t)
	awaitReplica(t, b, th)
}

// awaitReplica waits until a read is answered by the replica again.
func awaitReplica(tb testing.TB, b besides, th *Threads) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		reset(tb, b.master)
		mustGet(tb, th.Stale(), "t1")
		return reads(countsOf(tb, b.master)) == 0
	}, eventPatience, 20*time.Millisecond)
}

// A page whose second part is read from a replica further behind than the first has no hole.
func TestStalePagesHaveNoHoles(t *testing.T) {
	t.Parallel()
	b := beside(t)
	th := b.store.For("ann")
	mustCreate(t, th, "t1", numbered(1, 50)...)
	b.synced(t)
	b.wire.Hold(true)
	state := mustAppend(t, th, "t1", numbered(51, 50)...).State
	p := &part{threadID: "t1", epoch: state.Epoch, from: 1, to: 100}
	require.NoError(t, th.Stale().readParts(t.Context(), []*part{p}))
	assert.Len(t, p.elements, 100)
}

// Whatever is wrong with a replica, the master answers.
func TestStaleReadsWithoutReplica(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, b besides){
		"killed": func(_ *testing.T, b besides) { b.replica.Kill() },
		"silent": func(_ *testing.T, b besides) { b.replica.Pause() },
		"a master": func(t *testing.T, b besides) {
			t.Helper()
			do(t, b.replica, "replicaof", "no", "one")
			do(t, b.replica, "flushall")
		},
		"link down": func(_ *testing.T, b besides) { b.wire.Break(true) },
		"MASTERDOWN": func(t *testing.T, b besides) {
			t.Helper()
			do(t, b.replica, "config", "set", "replica-serve-stale-data", "no")
			b.wire.Break(true)
		},
		"no rights":   func(t *testing.T, b besides) { t.Helper(); do(t, b.replica, "acl", "setuser", "default", "-role") },
		"no password": func(t *testing.T, b besides) { t.Helper(); do(t, b.replica, "config", "set", "requirepass", "x") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := beside(t)
			th := b.store.For("ann")
			readable(t, th)
			b.synced(t)
			b.wire.Hold(true)
			mustAppend(t, th, "t1", say("new", "x"))
			want := map[string]any{}
			for name, read := range readings(t, th) {
				got, err := read()
				require.NoError(t, err)
				want[name] = got
			}
			spoil(t, b)
			t.Cleanup(b.replica.Resume)
			require.Eventually(t, func() bool { return mustGet(t, th.Stale(), "t1").Seq == 402 }, eventPatience, time.Millisecond)
			for name, read := range readings(t, th.Stale()) {
				got, err := read()
				require.NoError(t, err, name)
				assert.Equal(t, want[name], got, name)
			}
		})
	}
}

func do(tb testing.TB, server *redistest.Server, args ...any) {
	tb.Helper()
	require.NoError(tb, server.Client().Do(tb.Context(), args...).Err())
}

// A replica that fails is left alone for a while, so that not every query waits for it.
func TestAFailingReplicaIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := beside(t)
	th := b.store.For("ann")
	mustCreate(t, th, "t1")
	b.synced(t)
	r := b.store.replicas
	addr := b.replica.Addr()
	require.True(t, r.mayAsk(addr))
	b.replica.Pause()
	t.Cleanup(b.replica.Resume)
	mustGet(t, th.Stale(), "t1")
	assert.False(t, r.mayAsk(addr), "it has just failed")
	r.mu.Lock()
	r.resting[addr] = time.Now()
	r.mu.Unlock()
	assert.True(t, r.mayAsk(addr), "one tries it")
	assert.False(t, r.mayAsk(addr), "and no other meanwhile")
	b.replica.Resume()
	r.mu.Lock()
	r.resting[addr] = time.Now()
	r.mu.Unlock()
	awaitReplica(t, b, th)
	assert.True(t, r.mayAsk(addr))
}

// A caller that goes says nothing of the replica.
func TestACallerOfAStaleReadGoes(t *testing.T) {
	t.Parallel()
	b := beside(t)
	th := b.store.For("ann")
	mustCreate(t, th, "t1")
	b.replica.Pause()
	t.Cleanup(b.replica.Resume)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := th.Stale().Get(ctx, "t1", everything)
	require.ErrorIs(t, err, context.Canceled)
	assert.True(t, b.store.replicas.mayAsk(b.replica.Addr()))
}

// Scripts that the replica does not know are sent to it with their source, and by commands that let nothing be written.
func TestScriptsOnReplicas(t *testing.T) {
	t.Parallel()
	b := beside(t)
	th := b.store.For("ann")
	mustCreate(t, th, "t1", say("m1", "x"))
	b.synced(t)
	do(t, b.replica, "script", "flush")
	reset(t, b.replica)
	for range 2 {
		_, err := th.Stale().Message(t.Context(), "t1", "m1")
		require.NoError(t, err)
	}
	counts := countsOf(t, b.replica)
	assert.Equal(t, 1, counts["eval_ro"])
	assert.Equal(t, 2, counts["evalsha_ro"])
	assert.Zero(t, counts["eval"]+counts["evalsha"])
}

// Whether a thread is past its expiry is decided by the clock of who answers, and a replica that has no layout yet is not taken for
// one with another: the master's is looked at.
func TestTheLayoutIsThatOfTheMaster(t *testing.T) {
	t.Parallel()
	b := beside(t)
	b.wire.Hold(true)
	th := b.store.For("ann")
	mustCreate(t, th, "t1")
	_, err := th.Stale().Get(t.Context(), "t1", everything)
	require.ErrorIs(t, err, ErrNotFound, "it has not arrived, and nothing is wrong")
	b.wire.Hold(false)
	b.synced(t)
	mustGet(t, th.Stale(), "t1")

	do(t, b.master, "set", b.store.keys.layout(), "layout=1 buckets=4")
	other := twin(t, b.store)
	_, err = other.For("ann").Stale().Get(t.Context(), "t1", everything)
	var wrong *LayoutError
	require.ErrorAs(t, err, &wrong)
}

// What the URL of a replica leaves out is as with the master, and another database is refused.
func TestReplicaURL(t *testing.T) {
	t.Parallel()
	c := DefaultOptions().Connection
	c.URL = "redis://ann:secret@10.0.0.1:6379/3"
	master, _, err := connect(c)
	require.NoError(t, err)
	defer master.Close()
	c.ReplicaURL = "redis://10.0.0.2:6380"
	client, err := connectReplicas(c, master)
	require.NoError(t, err)
	defer client.Close()
	o := client.(*redis.Client).Options()
	assert.Equal(t, []any{"10.0.0.2:6380", "ann", "secret", 3}, []any{o.Addr, o.Username, o.Password, o.DB})
	c.ReplicaURL = "redis://:hidden@10.0.0.2/4"
	_, err = connectReplicas(c, master)
	require.ErrorContains(t, err, "database 4")
	c.ReplicaURL = "redis://:hidden@[/"
	_, err = connectReplicas(c, master)
	require.ErrorContains(t, err, "REDIS_REPLICA_URL")
	assert.NotContains(t, err.Error(), "hidden")
}

// The rights that docs/operations.md gives for a replica are enough there, and each of them is needed.
func TestACLRuleOfReplicas(t *testing.T) {
	t.Parallel()
	b := beside(t)
	mustCreate(t, b.store.For("ann"), "t1", say("m1", "x"))
	b.synced(t)
	more := ruleOf(t, "replica")
	answers := func(user string, rights []string) bool {
		rule := append([]string{"acl", "setuser", user}, ruleOf(t, "agentstate")...)
		args := []any{}
		for _, word := range append(rule, rights...) {
			args = append(args, strings.ReplaceAll(word, "thread:", b.store.opts.Prefix+":"))
		}
		do(t, b.replica, args...)
		do(t, b.replica, "script", "flush")
		s := twin(t, b.store, func(o *Options) { o.Connection.ReplicaURL = "redis://" + user + ":password@" + b.replica.Addr() })
		reset(t, b.master)
		_, err := s.For("ann").Stale().Message(t.Context(), "t1", "m1")
		require.NoError(t, err)
		mustGet(t, s.For("ann").Stale(), "t1")
		return reads(countsOf(t, b.master)) == 0
	}
	assert.True(t, answers("all", more))
	for i, word := range more {
		assert.False(t, answers(fmt.Sprintf("less%d", i), slices.Delete(slices.Clone(more), i, i+1)), "%s is not needed", word)
	}
}
