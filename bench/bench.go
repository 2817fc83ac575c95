//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// options say what is measured, and how long.
type options struct {
	pace pace
	// peers says that Node's servers are measured too.
	peers bool
	// recent is the number of threads of the row about them, many the one that flatness is measured at, long the length of a long thread.
	recent, many, long int
	// listeners are those of one thread, spread those over spreadThreads, idle those that wait.
	listeners, spread, spreadThreads, idle int
	// fleets are how many processes run on one Redis at once.
	fleets []int
	// every is the time between messages to the spread listeners.
	every time.Duration
	// conns is the number of connections, crowded that of the row about concurrency.
	conns, crowded int
	// settle is how many seconds memory may take to settle.
	settle int
	// only names the rows of single operations that are wanted; nil for all rows there are.
	only *regexp.Regexp
	// profiles is the folder for profiles of agentstate; empty for none.
	profiles string
	// starts is how often the start is timed.
	starts int
}

var (
	full = options{
		pace: pace{warm: 3 * time.Second, lasting: 2 * time.Second, rounds: 3}, peers: true,
		recent: 10_000, many: 1_000_000, long: 100_000,
		listeners: 500, spread: 1000, spreadThreads: 100, idle: 2000, every: 2 * time.Millisecond, fleets: []int{1, 2, 4, 8},
		conns: 32, crowded: 256, settle: 4, starts: 9,
	}
	quick = options{
		pace: pace{warm: 50 * time.Millisecond, lasting: 150 * time.Millisecond, rounds: 1}, peers: true,
		recent: 1000, many: 3000, long: 3000,
		listeners: 50, spread: 50, spreadThreads: 10, idle: 100, every: 5 * time.Millisecond, fleets: []int{1, 2},
		conns: 8, crowded: 32, settle: 1, starts: 1,
	}
)

// bench is what the rows run on.
type bench struct {
	options

	world   *world
	redis   *redistest.Server
	rdb     *redis.Client
	store   *store.Store
	threads *store.Threads
	targets []*target
	// unseen numbers the texts that no server has seen.
	unseen int
	// log hears how far it is.
	log   io.Writer
	start time.Time
}

// newBench builds and starts everything. Whoever calls it calls close, also behind an error.
func newBench(ctx context.Context, o options, log io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("", "agentstate-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, world: &world{dir: dir, profiles: o.profiles}, log: log, start: time.Now()}
	b.say("building")
	if err := b.world.build(ctx); err != nil {
		return b, err
	}
	if o.peers {
		if b.world.node, err = findNode(); err != nil {
			return b, err
		}
		if err := b.world.install(ctx); err != nil {
			return b, err
		}
	}
	if b.redis, err = redistest.Launch(); err != nil {
		return b, err
	}
	b.rdb = b.redis.Client()
	if b.store, err = openStore(b.redis.Addr()); err != nil {
		return b, err
	}
	b.threads = b.store.For("")
	b.targets = b.world.targets()
	for _, t := range b.targets {
		if _, err := t.run(ctx, b.redis.Addr()); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b *bench) close() {
	stopAll(b.targets)
	if b.store != nil {
		_ = b.store.Close()
	}
	if b.redis != nil {
		b.redis.Close()
	}
	_ = os.RemoveAll(b.world.dir)
}

// say tells how far it is.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "%5.0f s  %s\n", time.Since(b.start).Seconds(), fmt.Sprintf(format, args...))
}

// floors are agentstate and the floors, graphql all that speak GraphQL.
func (b *bench) floors() []*target {
	return b.some(func(t *target) bool { return t.floor || t.name == ours })
}

func (b *bench) graphql() []*target { return b.some(func(t *target) bool { return !t.floor }) }

func (b *bench) some(of func(*target) bool) (some []*target) {
	for _, t := range b.targets {
		if of(t) {
			some = append(some, t)
		}
	}
	return some
}
