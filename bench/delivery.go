//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// deliveries are the rows of live delivery.
func (b *bench) deliveries(ctx context.Context) ([]row, error) {
	one, err := b.delivered(ctx, "one", b.listeners, 1, b.fanout)
	if err != nil {
		return nil, err
	}
	many, err := b.delivered(ctx, "many", b.spread, b.spreadThreads, b.spreadOut)
	if err != nil {
		return nil, err
	}
	perSecond := int(time.Second / b.every)
	rows := []row{
		cpuRow(fmt.Sprintf("one message to %s listeners, per delivery", thousands(b.listeners)), fanoutGoal, one),
		cpuRow(fmt.Sprintf("%d messages a second over %d threads to %s listeners, per delivery", perSecond, b.spreadThreads, thousands(b.spread)), spreadGoal, many),
	}
	idle, err := b.idleListeners(ctx)
	return append(rows, idle), err
}

// delivering are the targets that deliver: the floors do it alike, so only one of them is measured.
func (b *bench) delivering() []*target {
	return b.some(func(t *target) bool { return t.name != decode })
}

// delivered measures deliveries to n listeners of some threads, by how they are made.
func (b *bench) delivered(
	ctx context.Context, kind string, n, threads int, deliver func(context.Context, *crowd, time.Duration) (int, timed, error),
) (map[string]figures, error) {
	result := make(map[string]figures)
	for _, t := range b.delivering() {
		b.say("%d listeners to %d threads of %s", n, threads, t.name)
		names := make([]string, threads)
		for i := range names {
			names[i] = fmt.Sprintf("%s %s %03d", kind, t.name, i)
		}
		c, err := listen(ctx, []*target{t}, b.threads, n, names)
		if err != nil {
			return nil, err
		}
		err = func() error {
			defer c.close()
			if _, _, err := deliver(ctx, c, b.pace.warm); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			m := &meter{targets: []*target{t}, rdb: b.rdb}
			for range b.pace.rounds {
				if err := m.round(ctx, func() (int, timed, error) { return deliver(ctx, c, b.pace.lasting) }); err != nil {
					return err
				}
			}
			result[t.name] = m.figures()
			return nil
		}()
		if err != nil {
			return nil, err
		}
	}
	return result, nil
}

// fanout sends messages to one thread for a time, each when the one before it has reached everybody. The times are those until the last
// one has it.
func (b *bench) fanout(ctx context.Context, c *crowd, lasting time.Duration) (int, timed, error) {
	var times timed
	start := time.Now()
	for time.Since(start) < lasting {
		sent := time.Now()
		if err := c.publish(ctx, c.names[0]); err != nil {
			return 0, times, err
		}
		if err := c.await(ctx, len(c.listeners)); err != nil {
			return 0, times, err
		}
		times.took = append(times.took, time.Since(sent))
	}
	times.elapsed = time.Since(start)
	return len(times.took) * len(c.listeners), times, nil
}

// spreadOut sends messages to all threads in turn for a time, at a pace, and waits until everybody has his.
func (b *bench) spreadOut(ctx context.Context, c *crowd, lasting time.Duration) (int, timed, error) {
	start := time.Now()
	tick := time.NewTicker(b.every)
	defer tick.Stop()
	sent := 0
	for time.Since(start) < lasting || sent%len(c.names) > 0 {
		<-tick.C
		if err := c.publish(ctx, c.names[sent%len(c.names)]); err != nil {
			return 0, timed{}, err
		}
		sent++
	}
	n := sent * len(c.listeners) / len(c.names)
	err := c.await(ctx, n)
	return n, timed{elapsed: time.Since(start)}, err
}

// idleListeners is the row of the memory of a listener that waits: by the difference to none, of a process of its own that has served listeners
// before.
func (b *bench) idleListeners(ctx context.Context) (row, error) {
	r := row{Name: "memory per idle listener", Unit: "KiB", Aim: 14, AimRatio: 14.0 / 32, Values: make(map[string]float64), Base: splice}
	b.say("%s idle listeners", thousands(b.idle))
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for _, running := range b.delivering() {
		g.Go(func() error {
			t := *running
			if _, err := t.run(ctx, b.redis.Addr()); err != nil {
				return err
			}
			defer t.stop()
			kib, err := b.idleMemory(ctx, &t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.Values[t.name] = kib
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return r, err
	}
	r.Ratio = r.Values[ours] / r.Values[splice]
	return r, nil
}

func (b *bench) idleMemory(ctx context.Context, t *target) (float64, error) {
	names := make([]string, b.spreadThreads)
	for i := range names {
		names[i] = fmt.Sprintf("idle %s %03d", t.name, i)
	}
	warm, err := listen(ctx, []*target{t}, b.threads, 4*opensAtOnce, names[:1])
	if err != nil {
		return 0, err
	}
	warm.close()
	before, err := t.collected(b.settle)
	if err != nil {
		return 0, err
	}
	c, err := listen(ctx, []*target{t}, b.threads, b.idle, names)
	if err != nil {
		return 0, err
	}
	defer c.close()
	after, err := t.collected(b.settle)
	return float64(after-before) / float64(b.idle), err
}
