package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"agentstate/internal/redistest"
)

// engine is a kind of Redis. The suite says what the store guarantees on each of them.
type engine struct {
	mode    RedisMode
	connect func(tb testing.TB) Connection
}

var engines = []engine{
	{Embedded, func(testing.TB) Connection { return Connection{} }},
	{Standalone, func(tb testing.TB) Connection { return Connection{Addrs: []string{sharedServer(tb).Addr()}} }},
	{Cluster, func(tb testing.TB) Connection { return Connection{Addrs: sharedCluster(tb).Addrs()} }},
	{Sentinel, func(tb testing.TB) Connection {
		return Connection{Addrs: sharedSentinels(tb).Addrs(), SentinelMaster: redistest.MasterName}
	}},
}

// onEveryEngine runs a test on each kind of Redis.
func onEveryEngine(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Parallel()
	for _, e := range engines {
		t.Run(string(e.mode), func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

var prefixes atomic.Int64

// open makes a store with keys of its own on the engine; it ends with the test. Its sweeper is off, so that no answer depends
// on it, unless a change turns it on.
func (e engine) open(tb testing.TB, changes ...func(*Options)) *Store {
	tb.Helper()
	opts := DefaultOptions()
	opts.Prefix = fmt.Sprintf("t%d", prefixes.Add(1))
	opts.SweepInterval, opts.LayoutInterval = 0, 0
	opts.Log = slog.New(slog.DiscardHandler)
	c := e.connect(tb)
	opts.Connection.Addrs, opts.Connection.Password, opts.Connection.SentinelMaster = c.Addrs, c.Password, c.SentinelMaster
	opts.Connection.Timeout = 30 * time.Second // the embedded Redis is slow under -race on a busy machine
	for _, change := range changes {
		change(&opts)
	}
	return openWith(tb, opts)
}

func openWith(tb testing.TB, opts Options) *Store {
	tb.Helper()
	s, err := Open(opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// twin opens another store on the same keys of the same Redis, as another process would.
func twin(tb testing.TB, s *Store, changes ...func(*Options)) *Store {
	tb.Helper()
	opts := s.opts
	if s.embedded != nil {
		opts.Connection.Addrs, opts.Connection.Password = []string{s.embedded.addr()}, s.embedded.password
	}
	for _, change := range changes {
		change(&opts)
	}
	return openWith(tb, opts)
}

// The Redis servers that the tests share: started for the first test that needs one, ended by TestMain.
var (
	launchServer    = sync.OnceValues(func() (*redistest.Server, error) { return launched(redistest.Launch()) })
	launchSentinels = sync.OnceValues(func() (*redistest.Sentinels, error) { return launched(redistest.LaunchSentinels()) })
	launchCluster   = sync.OnceValues(func() (redistest.Nodes, error) { return launched(redistest.LaunchCluster(3)) })

	launchMu sync.Mutex
	running  []interface{ Close() }
)

func launched[T interface{ Close() }](servers T, err error) (T, error) {
	if err == nil {
		launchMu.Lock()
		defer launchMu.Unlock()
		running = append(running, servers)
	}
	return servers, err
}

func sharedServer(tb testing.TB) *redistest.Server {
	tb.Helper()
	server, err := launchServer()
	redistest.Require(tb, err)
	return server
}

func sharedSentinels(tb testing.TB) *redistest.Sentinels {
	tb.Helper()
	sentinels, err := launchSentinels()
	redistest.Require(tb, err)
	return sentinels
}

func sharedCluster(tb testing.TB) redistest.Nodes {
	tb.Helper()
	nodes, err := launchCluster()
	redistest.Require(tb, err)
	return nodes
}

// withServers ends the shared servers ahead of the look for goroutines that were left behind.
type withServers struct{ *testing.M }

func (m withServers) Run() int {
	code := m.M.Run()
	for _, servers := range running {
		servers.Close()
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(withServers{m}) }

// say is a message of a human.
func say(id, text string) *Message { return speak(Human, id, text) }

func speak(who MessageType, id, text string) *Message {
	content, _ := json.Marshal(text) // a string always can be encoded
	return &Message{MessageID: id, Type: who, Content: content}
}

// numbered are n messages with the ids m1 to mn, behind those before from.
func numbered(from, n int) []*Message {
	messages := make([]*Message, n)
	for i := range messages {
		messages[i] = say(fmt.Sprintf("m%d", from+i), fmt.Sprintf("text %d", from+i))
	}
	return messages
}

// everything reads all of a thread, up to 1000 messages.
var everything = Read{
	Context: true, Plan: true, ToolCalls: true, Metadata: true,
	Pages: []PageKey{allMessages},
}

var allMessages = MessagesOf(Range{Last: 1000}, nil)

func mustCreate(tb testing.TB, th *Threads, id string, messages ...*Message) *AgentState {
	tb.Helper()
	state, err := th.Create(tb.Context(), id, Create{Messages: messages}, everything)
	require.NoError(tb, err)
	state.countOf = nil // functions are not equal to themselves
	return state
}

func mustAppend(tb testing.TB, th *Threads, id string, messages ...*Message) *Appended {
	tb.Helper()
	appended, err := th.Append(tb.Context(), id, Append{Messages: messages, CreateIfMissing: true}, &everything)
	require.NoError(tb, err)
	appended.State.countOf = nil
	return appended
}

func mustGet(tb testing.TB, th *Threads, id string) *AgentState {
	tb.Helper()
	state, err := th.Get(tb.Context(), id, everything)
	require.NoError(tb, err)
	state.countOf = nil
	return state
}

// lapse puts the expiry of threads into the past, in the record and in the index, as if their time had come.
func lapse(tb testing.TB, th *Threads, ids ...string) {
	tb.Helper()
	_, err := th.store.rdb.Pipelined(tb.Context(), func(pipe redis.Pipeliner) error {
		for _, id := range ids {
			keys := th.keysOf(id)
			pipe.HSet(tb.Context(), keys.record, "expires", 1)
			pipe.ZAdd(tb.Context(), keys.expires, redis.Z{Score: 1, Member: id})
		}
		return nil
	})
	require.NoError(tb, err)
}

// allKeys lists the keys of a store but that of its layout, on all nodes.
func allKeys(tb testing.TB, s *Store) []string {
	tb.Helper()
	var mu sync.Mutex
	var all []string
	list := func(ctx context.Context, c *redis.Client) error {
		keys, err := c.Keys(ctx, s.opts.Prefix+":*").Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, keys...)
		return err
	}
	var err error
	switch c := s.rdb.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(tb.Context(), list)
	case *redis.Client:
		err = list(tb.Context(), c)
	}
	require.NoError(tb, err)
	all = slices.DeleteFunc(all, func(key string) bool { return key == s.keys.layout() })
	slices.Sort(all)
	return all
}

// redisTime is the time of Redis.
func redisTime(tb testing.TB, s *Store) time.Time {
	tb.Helper()
	now, err := s.rdb.Time(tb.Context()).Result()
	require.NoError(tb, err)
	return now
}

func messageIDs(messages []*Message) []string {
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.MessageID
	}
	return ids
}

func seqs(messages []*Message) []int {
	seqs := make([]int, len(messages))
	for i, m := range messages {
		seqs[i] = m.Seq
	}
	return seqs
}
