//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
)

// processes are the rows of several processes of agentstate on one Redis: messages added through all of them to the same threads, and
// messages delivered to listeners of the same threads at all of them.
func (b *bench) processes(ctx context.Context) ([]row, error) {
	var labels []string
	var added, delivered []figures
	for _, n := range b.fleets {
		add, deliver, err := b.fleet(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d processes: %w", n, err)
		}
		labels = append(labels, processesOf(n))
		added, delivered = append(added, add), append(delivered, deliver)
	}
	return []row{
		flatRow(addRow, 0, labels, added),
		flatRow(fmt.Sprintf("a delivery to %s listeners over %d threads", thousands(b.spread), b.spreadThreads), 0, labels, delivered),
	}, nil
}

func processesOf(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// fleet measures n processes; what they use counts together.
func (b *bench) fleet(ctx context.Context, n int) (add, deliver figures, err error) {
	b.say("%d processes", n)
	targets := make([]*target, n)
	defer func() { stopAll(targets) }()
	for i := range targets {
		targets[i] = b.world.agentstate()
		targets[i].name = processesOf(n)
		if _, err := targets[i].run(ctx, b.redis.Addr()); err != nil {
			targets = targets[:i]
			return add, deliver, err
		}
	}
	add, err1 := b.addThrough(ctx, targets)
	deliver, err2 := b.deliverThrough(ctx, targets)
	return add, deliver, errors.Join(err1, err2)
}

// addThrough adds messages to the same threads through all targets at once.
func (b *bench) addThrough(ctx context.Context, targets []*target) (figures, error) {
	kind := adding{threads: b.threads, row: "fleet", spread: 100, held: 10}.requests()
	work, err := kind.prepare(ctx, targets[0])
	if err != nil {
		return figures{}, err
	}
	all := &load{}
	defer all.close()
	for _, t := range targets {
		some, err := dial(ctx, t.addr, max(b.conns/len(targets), 1))
		if err != nil {
			return figures{}, err
		}
		all.conns = append(all.conns, some.conns...)
	}
	if _, err := all.run(ctx, work, b.pace.warm/3, 0); err != nil {
		return figures{}, err
	}
	m := &meter{targets: targets, rdb: b.rdb}
	for range b.pace.rounds {
		err := m.round(ctx, func() (int, timed, error) {
			times, err := all.run(ctx, work, b.pace.lasting, 0)
			return len(times.took), times, err
		})
		if err != nil {
			return figures{}, err
		}
	}
	return m.figures(), kind.done(ctx, targets[0], int(all.next.Load()))
}

// deliverThrough delivers messages of the same threads to listeners at all targets.
func (b *bench) deliverThrough(ctx context.Context, targets []*target) (figures, error) {
	names := make([]string, b.spreadThreads)
	for i := range names {
		names[i] = fmt.Sprintf("fleet of %d, %03d", len(targets), i)
	}
	c, err := listen(ctx, targets, b.threads, b.spread, names)
	if err != nil {
		return figures{}, err
	}
	defer c.close()
	m := &meter{targets: targets, rdb: b.rdb}
	for range b.pace.rounds {
		if err := m.round(ctx, func() (int, timed, error) { return b.spreadOut(ctx, c, b.pace.lasting) }); err != nil {
			return figures{}, err
		}
	}
	return m.figures(), nil
}
