//go:build linux

// Delivery measures what live delivery costs: memory of a listener that waits, CPU and time of fan-out, and catching up after
// the connection to Redis was cut. It runs the real binary on a real redis-server, and beside it a floor: a loop that writes
// ready-made frames to as many connections. CPU is that of the server process, user and system, from /proc; ratios are of one run.
//
//	go run ./bench/delivery            all of it, some minutes
//	go run ./bench/delivery -short     a few seconds, to see that it works
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"
	"time"
)

func main() {
	short := flag.Bool("short", false, "run with few listeners")
	flag.Parse()
	if os.Getenv(roleVariable) == floorRole {
		fail(runFloor())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fail(run(ctx, os.Stdout, *short))
}

// The benchmark starts itself in another role.
const (
	roleVariable = "BENCH_ROLE"
	floorRole    = "floor"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size is how large the scenarios are.
type size struct {
	idle            int
	fanouts         []int
	messages        int
	threads, spread int
	pace            time.Duration
	seconds         int
}

// run measures, and prints a table to out.
func run(ctx context.Context, out io.Writer, short bool) error {
	s := size{idle: 2000, fanouts: []int{1000, 10_000}, messages: 100, threads: 100, spread: 1000, pace: 2 * time.Millisecond, seconds: 10}
	if short {
		s = size{idle: 100, fanouts: []int{100}, messages: 20, threads: 10, spread: 100, pace: 5 * time.Millisecond, seconds: 1}
	}
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer table.Flush() //nolint:errcheck // there is nobody to tell
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\t\n", args...) }

	memory, goroutines, err := b.idle(ctx, s.idle, s.threads)
	if err != nil {
		return err
	}
	row("what\tlisteners\tagentstate\tfloor\tratio")
	row("memory of a listener that waits, KiB (%s)\t%d\t%.1f\t\t", goroutines, s.idle, memory)
	for _, n := range s.fanouts {
		ours, err := b.fanout(ctx, b.server, n, max(10, s.messages*s.fanouts[0]/n))
		if err != nil {
			return err
		}
		floor, err := b.fanout(ctx, b.floor, n, max(10, s.messages*s.fanouts[0]/n))
		if err != nil {
			return err
		}
		row("one thread: CPU of a delivery, us\t%d\t%.1f\t%.1f\t%.2f", n, ours.cpu, floor.cpu, ours.cpu/floor.cpu)
		row("one thread: time to the last of them, ms (median)\t%d\t%.1f\t%.1f\t%.2f", n, ours.last, floor.last, ours.last/floor.last)
	}
	cpu, err := b.spread(ctx, s)
	if err != nil {
		return err
	}
	row("%d threads, a message each %v: CPU of a delivery, us\t%d\t%.1f\t\t", s.threads, s.pace, s.spread, cpu)
	took, cpu, err := b.reconnect(ctx, s.spread)
	if err != nil {
		return err
	}
	row("a thread each, catching up behind a cut: all after, ms\t%d\t%.0f\t\t", s.spread, took)
	row("a thread each, catching up behind a cut: CPU of each, us\t%d\t%.0f\t\t", s.spread, cpu)
	return nil
}
