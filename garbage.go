package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
)

// garbageRoom is how many bytes of garbage may gather, however little is alive, before it is collected. Go's own rule, as much as is alive, has a
// server of a few megabytes collect some hundred times a second under load: a tenth of its CPU. The price is that much resident memory
// once it has been under load. Where more than this is alive the rule is Go's own.
const garbageRoom = 48 << 20

// garbage keeps room for it.
type garbage struct {
	mu      sync.Mutex
	stopped bool
}

// makeRoom keeps garbageRoom until stop is called. It leaves alone a process whose environment has a GOGC of its own; GOMEMLIMIT counts beside
// it in any case.
func makeRoom(environ []string) (stop func()) {
	if slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "GOGC=") }) {
		return func() {}
	}
	g := &garbage{}
	g.watch()
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stopped = true
		debug.SetGCPercent(100)
	}
}

// watch adjusts the rule behind the next collection, and behind each one from there on: the runtime finds then that the object made here is dead.
func (g *garbage) watch() {
	runtime.AddCleanup(&struct{ _ [4]*byte }{}, func(g *garbage) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.stopped {
			return
		}
		debug.SetGCPercent(percentFor(alive()))
		g.watch()
	}, g)
}

// percentFor gives the percentage of what is alive that makes garbageRoom; 100 at least.
func percentFor(alive uint64) int {
	return int(max(100, garbageRoom*100/max(alive, 1<<20)))
}

// alive is what the last collection has found alive, in bytes, of all that Go's rule counts.
// https://tip.golang.org/doc/gc-guide#GOGC
func alive() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
