//go:build unix

// Package faults puts the promise of live delivery to the test: several server processes on a real Redis that keeps what it has
// acknowledged, writers that send again until they are acknowledged, listeners that come back after their last cursor, and in between
// everything that can go wrong. In the end what was acknowledged, what is stored and what each listener got must be the same, in
// order, and nothing twice.
//
// The faults, their order, targets and durations follow from a seed. `make faults` runs many rounds of them; the suite runs one.
package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

var (
	seed   = flag.Uint64("seed", 1, "what the faults follow from")
	rounds = flag.Int("rounds", 1, "how often each kind of fault happens")
)

const (
	servers   = 3
	threads   = 4
	writers   = 8
	listeners = 24
	// between is how many messages are acknowledged between two faults at least.
	between = 40
	// patience bounds what must come in the end.
	patience = 60 * time.Second
)

func TestNothingIsLost(t *testing.T) {
	own := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	w := &world{tb: t, redis: own, ledger: newLedger()}
	binary := servertest.Build(t)
	for i := range servers {
		w.servers = append(w.servers, startServer(t, fmt.Sprintf("server %d", i), binary, redistest.NewProxy(t, own.Addr())))
	}
	w.createThreads()
	w.startListeners()
	stopWriters := w.startWriters()

	t.Logf("seed %d, %d rounds", *seed, *rounds)
	random := rand.New(rand.NewPCG(*seed, 0))
	counts := make(map[string]int)
	for range *rounds {
		for _, i := range random.Perm(len(faults)) {
			f := faults[i]
			w.awaitProgress(between)
			what := f.inject(w, random)
			counts[f.name]++
			t.Logf("%-22s %s", f.name, what)
		}
	}
	w.awaitProgress(between)
	stopWriters()
	w.awaitListeners()
	w.check()
	report(t, w, counts)
}

// report prints what happened.
func report(t *testing.T, w *world, counts map[string]int) {
	t.Helper()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) }
	row("fault\ttimes")
	for _, f := range faults {
		row("%s\t%d", f.name, counts[f.name])
	}
	row("")
	l := w.ledger
	row("acknowledged\t%d", l.total())
	row("of these sent again\t%d", l.resent.Load())
	row("answered as duplicates\t%d", l.duplicates.Load())
	row("listeners\t%d", len(w.listeners))
	row("delivered\t%d", w.delivered())
	row("reconnections of listeners\t%d", w.reconnections())
	_ = table.Flush()
	t.Log("\n" + text.String())
}
