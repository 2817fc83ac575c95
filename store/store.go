// Package store keeps agent threads in Redis: the domain types, the layout of keys (keys.go), one Lua script for each kind
// of write (scripts/), and reads that cost a fixed number of round trips.
//
// What it guarantees: a write happens as a whole or not at all, and go-redis never sends it twice. A message is stored once for
// its id however often it is sent, is numbered in the order of arrival without gaps, and is announced in the same step.
// A thread past its expiry is in no answer, by the clock of Redis. It knows no GraphQL and no HTTP.
package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Connection says where Redis is. At most one of URL and Addrs is set; with neither, the store runs a Redis of its own inside
// the process, in memory.
type Connection struct {
	// URL is a redis://, rediss:// or unix:// address, with credentials and database if there are some.
	URL string
	// Addrs are one server, the nodes of a cluster, or with SentinelMaster the sentinels.
	Addrs          []string
	SentinelMaster string
	// ReplicaURL is the address of a replica of the one server that the connection names, for Threads.Stale. A cluster and sentinels tell
	// which replicas there are.
	ReplicaURL string

	Username, Password                 string
	SentinelUsername, SentinelPassword string
	DB                                 int
	TLS                                *tls.Config
	// Cluster says that Addrs are nodes of a Redis Cluster even if it is only one.
	Cluster bool

	// Autopipeline sends writes that come at the same time together, see together.
	Autopipeline bool

	// MaxConnections bounds the pool; ConnectTimeout and Timeout bound dialling and each command.
	MaxConnections          int
	ConnectTimeout, Timeout time.Duration
}

// Embedded tells whether the connection names no Redis.
func (c Connection) Embedded() bool { return c.URL == "" && len(c.Addrs) == 0 }

// Options are the settings of a store; take DefaultOptions and change what differs.
type Options struct {
	Connection Connection
	// Prefix is ahead of every key. It must not contain braces, which would change the slots of a cluster.
	Prefix string
	// Buckets is over how many hash tags the threads are spread, see ValidBuckets; a Redis keeps the number that it began with.
	Buckets int
	// LayoutInterval is how often it is looked whether Redis still has that number; 0 for only at the first use.
	LayoutInterval time.Duration
	// TTL is that of a thread that is created without one.
	TTL time.Duration
	// MaxThreadMessages is how many messages a thread may hold; beyond, a write is refused, or with Trim the oldest go.
	MaxThreadMessages int
	Trim              bool
	// MaxPlanBytes and MaxToolCallsBytes bound all plans and all tool runs of a thread, as JSON.
	MaxPlanBytes, MaxToolCallsBytes int
	// InlineBytes is the size up to which a message travels inside its announcement.
	InlineBytes int
	// MaxCountedIDs is among how many threads those that match a pattern are counted.
	MaxCountedIDs int
	// SweepInterval is how often what expired threads leave in the indexes is cleared away.
	SweepInterval time.Duration
	// WaitReplicas is how many replicas must have a write before it is acknowledged, and WaitTimeout how long that may take.
	WaitReplicas int
	WaitTimeout  time.Duration
	// EmbeddedFile keeps the threads of the embedded Redis; empty for memory alone.
	EmbeddedFile string
	// Adopt says whether threads of the service that this one replaces are adopted, see adopter.
	Adopt Adopt
	// Log hears of trouble in the background; nil for slog.Default.
	Log *slog.Logger
	// NewEpoch makes the epoch of a new thread; nil for random ones.
	NewEpoch func() Epoch
	// Observer hears of the calls of Redis; nil for nobody.
	Observer Observer
}

// DefaultOptions are the defaults of the API's bounds.
func DefaultOptions() Options {
	return Options{
		Prefix:            "thread",
		Buckets:           DefaultBuckets,
		LayoutInterval:    time.Second,
		TTL:               30 * 24 * time.Hour,
		MaxThreadMessages: 100_000,
		MaxPlanBytes:      256 << 10,
		MaxToolCallsBytes: 1 << 20,
		InlineBytes:       8 << 10,
		MaxCountedIDs:     1_000_000,
		SweepInterval:     time.Second,
		WaitTimeout:       time.Second,
		NewEpoch:          randomEpoch,
		Connection:        Connection{MaxConnections: 64, ConnectTimeout: 5 * time.Second, Timeout: 5 * time.Second},
	}
}

// Store is a connection to Redis with the layout of this package. It is safe for concurrent use.
type Store struct {
	rdb      redis.UniversalClient
	replicas *replicas
	together *together
	keys     keyspace
	opts     Options
	mode     RedisMode
	// sharded tells whether announcements are, and publishes that Redis is known to take those; the gate alone asks for that.
	sharded, publishes bool
	embedded           *embeddedRedis
	gate               *gate
	sweeper            *sweeper
	adopter            *adopter // nil where nothing is adopted
	saver              *saver   // nil where the embedded Redis has no file
	removed            removals
	census             census
}

// Open makes a store. It does not wait for Redis: while that cannot be reached, calls give ErrUnavailable, and work as soon
// as it can be. Whoever opens a store closes it.
func Open(opts Options) (*Store, error) {
	if strings.ContainsAny(opts.Prefix, "{}") {
		return nil, errors.New("store: the prefix must not contain braces")
	}
	if !ValidBuckets(opts.Buckets) {
		return nil, fmt.Errorf("store: %d buckets: give a power of two up to %d", opts.Buckets, MaxBuckets)
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.NewEpoch == nil {
		opts.NewEpoch = randomEpoch
	}
	s := &Store{keys: newKeyspace(opts.Prefix, opts.Buckets), opts: opts}
	if opts.Connection.Embedded() {
		embedded, err := startEmbedded()
		if err != nil {
			return nil, fmt.Errorf("store: start the embedded Redis: %w", err)
		}
		s.embedded = embedded
		opts.Connection.Addrs, opts.Connection.Password = []string{embedded.addr()}, embedded.password
	}
	rdb, mode, err := connect(opts.Connection)
	if err != nil {
		s.closeEmbedded()
		return nil, err
	}
	s.rdb, s.mode = rdb, mode
	if s.embedded != nil {
		s.mode = Embedded
	}
	s.sharded = shardedOn(s.mode)
	s.gate = startGate(s.claimLayout, opts.Connection.Timeout, opts.LayoutInterval, opts.Log)
	rdb.AddHook(s.gate)
	s.replicas, err = newReplicas(opts.Connection, rdb, s.gate, opts.Log)
	if err == nil {
		s.together, err = newTogether(opts.Connection, rdb)
	}
	if err != nil {
		s.gate.stop()
		err = errors.Join(err, s.replicas.close(), rdb.Close())
		s.closeEmbedded()
		return nil, err
	}
	if opts.Observer != nil {
		rdb.AddHook(observing{opts.Observer})
		if s.replicas != nil {
			s.replicas.client.AddHook(observing{opts.Observer})
		}
	}
	s.sweeper = startSweeper(s, opts.SweepInterval)
	if s.embedded != nil && opts.EmbeddedFile != "" {
		if s.saver, err = startSaver(s, opts.EmbeddedFile, embeddedSaves); err != nil {
			return nil, fmt.Errorf("store: %s: %w", opts.EmbeddedFile, errors.Join(err, s.Close()))
		}
	}
	if opts.Adopt.Enabled {
		s.adopter = newAdopter(s, opts.Adopt.Owner)
		s.adopter.startSweeping(opts.Adopt.Interval)
	}
	return s, nil
}

// Close stops the sweeper, ends all connections and, where the store runs one, the embedded Redis with all it holds, saved to its file
// where it has one.
func (s *Store) Close() error {
	s.sweeper.stop()
	if s.adopter != nil {
		s.adopter.stop()
	}
	var saved error
	if s.saver != nil {
		saved = s.saver.close()
	}
	s.gate.stop()
	err := errors.Join(s.together.close(), s.rdb.Close(), s.replicas.close())
	s.closeEmbedded()
	if saved != nil {
		return saved
	}
	if err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

func (s *Store) closeEmbedded() {
	if s.embedded != nil {
		s.embedded.close()
	}
}

// Mode tells what kind of Redis the store talks to.
func (s *Store) Mode() RedisMode { return s.mode }

// Ping asks Redis whether it is there: nil or ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error { return translate(s.rdb.Ping(ctx).Err()) }

// CheckLayout asks whether the layout in Redis is this store's, and writes it where there is none. Every call does so by itself until
// it is known; this is for a start that shall fail. Errors: *LayoutError, ErrUnavailable.
func (s *Store) CheckLayout(ctx context.Context) error { return translate(s.gate.pass(ctx)) }

// For gives the threads of an owner; the empty one is the owner where there is no authentication. An owner's keys, indexes
// and channels are his alone.
func (s *Store) For(owner string) *Threads { return &Threads{store: s, owner: owner} }

// Threads are the threads of one owner. It is cheap to make and safe for concurrent use.
type Threads struct {
	store *Store
	owner string
	// stale says that reads may go to replicas, of which there are some.
	stale bool
}

func (t *Threads) keysOf(threadID string) threadKeys { return t.store.keys.thread(t.owner, threadID) }
