//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// idle gives the memory of a listener that waits, in KiB, and how many goroutines it has, by the difference to none.
func (b *bench) idle(ctx context.Context, n, threads int) (kib float64, note string, err error) {
	if err := b.warm(ctx, b.server); err != nil {
		return 0, "", err
	}
	before, err := b.server.memory()
	if err != nil {
		return 0, "", err
	}
	crowd, err := b.listen(ctx, b.server, n, func(i int) string { return fmt.Sprintf("idle %d", i%threads) })
	if err != nil {
		return 0, "", err
	}
	defer crowd.close()
	after, err := b.server.memory()
	return float64(after-before) / float64(n), fmt.Sprintf("%d threads", threads), err
}

// cost is what delivering took: CPU of the server for each delivery in microseconds, and the median time to the last in milliseconds.
type cost struct{ cpu, last float64 }

// fanout sends messages to one thread that n clients listen to, each when the one before it has reached all of them.
func (b *bench) fanout(ctx context.Context, on *process, n, messages int) (cost, error) {
	thread := fmt.Sprintf("fanout %d", n)
	crowd, err := b.listen(ctx, on, n, func(int) string { return thread })
	if err != nil {
		return cost{}, err
	}
	defer crowd.close()
	send := func() error {
		if _, err := on.publish(ctx, thread); err != nil {
			return err
		}
		return crowd.await(ctx, 1)
	}
	for range 5 { // to warm up
		if err := send(); err != nil {
			return cost{}, err
		}
	}
	before, err := on.cpu()
	if err != nil {
		return cost{}, err
	}
	var took []float64
	for range messages {
		start := time.Now()
		if err := send(); err != nil {
			return cost{}, err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
	}
	after, err := on.cpu()
	slices.Sort(took)
	return cost{cpu: micros(after-before) / float64(n*messages), last: took[len(took)/2]}, err
}

// spread sends messages at a pace to many threads with some listeners each, and gives the CPU of a delivery in microseconds.
func (b *bench) spread(ctx context.Context, s size) (float64, error) {
	name := func(i int) string { return fmt.Sprintf("spread %d", i%s.threads) }
	crowd, err := b.listen(ctx, b.server, s.spread, name)
	if err != nil {
		return 0, err
	}
	defer crowd.close()
	before, err := b.server.cpu()
	if err != nil {
		return 0, err
	}
	rounds := max(1, int(time.Duration(s.seconds)*time.Second/s.pace)/s.threads)
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	for i := range rounds * s.threads {
		<-tick.C
		if _, err := b.server.publish(ctx, name(i)); err != nil {
			return 0, err
		}
	}
	if err := crowd.await(ctx, rounds); err != nil {
		return 0, err
	}
	after, err := b.server.cpu()
	return micros(after-before) / float64(rounds*s.spread), err
}

// reconnect cuts the server from its Redis while each of n threads, with one listener each, gets a message, and gives the time from
// when Redis can be reached again until all have theirs in milliseconds, and the CPU of each in microseconds.
func (b *bench) reconnect(ctx context.Context, n int) (took, cpu float64, err error) {
	name := func(i int) string { return fmt.Sprintf("reconnect %d", i) }
	crowd, err := b.listen(ctx, b.server, n, name)
	if err != nil {
		return 0, 0, err
	}
	defer crowd.close()
	b.proxy.block(true)
	for i := range n {
		if _, err := b.other.publish(ctx, name(i)); err != nil {
			return 0, 0, err
		}
	}
	before, err := b.server.cpu()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	b.proxy.block(false)
	if err := crowd.await(ctx, 1); err != nil {
		return 0, 0, err
	}
	took = float64(time.Since(start).Microseconds()) / 1000
	after, err := b.server.cpu()
	return took, micros(after-before) / float64(n), err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
