//go:build linux

// Package abuse mixes good clients with slow, dead and abusive ones on the real binary: what the bad ones do must not fail a good
// one's request nor cost it a message, and nothing of them may be left when they are gone.
//
// The suite runs a short form with a few of each kind; `make abuse` runs 200 for half a minute. How much slower the good ones
// get is printed and not judged: both sides run on one machine, so it depends on what cores are left. So the good ones are measured
// three times: alone, with the bad ones at another server on the same machine, and with them at their own.
package abuse

import (
	"context"
	"flag"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

var (
	abusers  = flag.Int("abusers", 2*len(kinds), "how many bad clients there are at once")
	duration = flag.Duration("duration", 3*time.Second, "how long the good ones are measured, without the bad ones and with them")
	only     = flag.String("only", "", "part of the names of the kinds of bad clients to let loose; all without it")
	seed     = flag.Uint64("seed", 1, "what the bad ones' choices follow from")
)

// patience bounds what must come in the end.
const patience = 60 * time.Second

func TestGoodClientsAmongBadOnes(t *testing.T) {
	host, port, err := net.SplitHostPort(redistest.Start(t).Addr())
	require.NoError(t, err)
	binary := servertest.Build(t)
	environ := []string{
		"LOG_LEVEL=info", "SLOW_CLIENT_TIMEOUT=1s", "REDIS_HOST=" + host, "REDIS_PORT=" + port,
		// What an operator sets who serves strangers; the bad ones are one caller.
		"TRUSTED_PROXIES=127.0.0.1", "MAX_REQUESTS_PER_SECOND=50",
	}
	start := func(name, prefix string) *servertest.Server {
		return servertest.Start(t, name, binary, append(environ, "REDIS_KEY_PREFIX="+prefix)...)
	}

	// What a server looks like from inside that has never met a bad client: only its end tells.
	spared := start("the server that is spared", "spared")
	newCompany(t, spared).spend(500*time.Millisecond, always)
	awaitConnections(t, spared, 0)
	usual := spared.Goroutines()

	s := start("the server that is abused", "abused")
	good := newCompany(t, s)
	alone := good.spend(*duration, always)
	// What the bad ones and their victim cost good clients by the cores that they take, and not by the server that they share.
	elsewhere := unleash(t, start("the server that is abused beside it", "beside").Addr())
	beside := good.spend(*duration, always)
	elsewhere.stop()
	awaitConnections(t, s, 0)
	before := footprintOf(t, s)

	bad := unleash(t, s.Addr())
	among := good.spend(*duration, bad.done)
	during := footprintOf(t, s)
	bad.stop()
	awaitConnections(t, s, 0)
	after := footprintOf(t, s)

	good.check()
	bad.check()
	if *only == "" {
		assert.True(t, s.Logged("has taken nothing for too long"), "no client was cut off that does not read")
	}
	report(t, bad, alone, beside, among, before, during, after)
	assert.Equal(t, usual, s.Goroutines(), "goroutines, by their functions, on a server without clients")
}

func always() bool { return true }

// pause waits, or less where ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// awaitConnections waits until the server has so many connections of clients, and keeps to that for a while.
func awaitConnections(tb testing.TB, s *servertest.Server, want int) {
	tb.Helper()
	s.Client.HTTP.CloseIdleConnections()
	calm := 0
	require.Eventually(tb, func() bool {
		if connections(tb, s) == want {
			calm++
		} else {
			calm = 0
		}
		return calm == 20
	}, patience, 25*time.Millisecond, "%s keeps connections of clients that are gone", s.Name)
}

// report prints what happened.
func report(t *testing.T, bad *mob, alone, beside, among spell, before, during, after footprint) {
	t.Helper()
	text := newTable()
	text.row("%d bad clients", *abusers)
	for i, kind := range bad.kinds {
		text.row("%s\t%s\t%d", kind.name, kind.deed, bad.deeds[i].Load())
	}
	text.row("")
	text.row("good requests\twithout them\tthey are elsewhere\tratio\twith them\tratio\tto elsewhere")
	text.row("requests\t%d\t%d\t\t%d\t", len(alone.latencies), len(beside.latencies), len(among.latencies))
	for _, p := range []int{50, 90, 99} {
		a, b, c := alone.percentile(p), beside.percentile(p), among.percentile(p)
		text.row("p%d\t%v\t%v\t%.2f\t%v\t%.2f\t%.2f", p, a, b, float64(b)/float64(a), c, float64(c)/float64(a), float64(c)/float64(b))
	}
	text.row("cores that the server had\t%.2f\t%.2f\t\t%.2f\t", alone.server, beside.server, among.server)
	text.row("cores that they had\t%.2f\t%.2f\t\t%.2f\t", alone.clients, beside.clients, among.clients)
	text.row("")
	text.row("server\tbefore\tduring\tafter")
	text.row("connections of clients\t%d\t%d\t%d", before.connections, during.connections, after.connections)
	text.row("threads\t%d\t%d\t%d", before.threads, during.threads, after.threads)
	text.row("RSS, MiB\t%d\t%d\t%d", before.rss>>20, during.rss>>20, after.rss>>20)
	t.Log("\n" + text.String())
}
