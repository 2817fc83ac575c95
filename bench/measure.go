//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// pace is how long things are measured.
type pace struct {
	// warm is ahead of all, long enough for the compilers of Node; rounds of lasting each follow, all servers in turn in each of them, so
	// that what the machine does beside falls on all alike.
	warm, lasting time.Duration
	rounds        int
}

// figures are what a server needed for an operation; each is the median of the rounds but for the times, which are of all requests.
type figures struct {
	// CPU, RedisCPU and Script are microseconds for an operation: of the server's process, of Redis', and in Redis within a script.
	CPU      float64 `json:"cpu"`
	RedisCPU float64 `json:"redisCPU,omitempty"`
	Script   float64 `json:"script,omitempty"`
	// P50 and P99 are the times of requests in microseconds, PerSecond how many operations there were.
	P50       float64 `json:"p50,omitempty"`
	P99       float64 `json:"p99,omitempty"`
	PerSecond float64 `json:"perSecond,omitempty"`
}

// meter takes the figures of one target, or of several together.
type meter struct {
	targets []*target
	rdb     *redis.Client
	rounds  []figures
	took    []time.Duration
}

// cpu is what all targets have used.
func (m *meter) cpu() (sum time.Duration, err error) {
	for _, t := range m.targets {
		used, err := t.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// round measures what do does to the server; do gives how many operations that were, and the times of requests, if there are.
func (m *meter) round(ctx context.Context, do func() (int, timed, error)) error {
	redisBefore, err := workOf(ctx, m.rdb)
	if err != nil {
		return err
	}
	before, err := m.cpu()
	if err != nil {
		return err
	}
	n, times, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", m.targets[0].name, err)
	}
	after, err := m.cpu()
	if err != nil {
		return err
	}
	redisAfter, err := workOf(ctx, m.rdb)
	if err != nil {
		return err
	}
	f := figures{
		CPU: micros(after-before) / float64(n), RedisCPU: micros(redisAfter.cpu-redisBefore.cpu) / float64(n),
		PerSecond: float64(n) / times.elapsed.Seconds(),
	}
	if runs := redisAfter.runs - redisBefore.runs; runs > 0 {
		f.Script = micros(redisAfter.script-redisBefore.script) / float64(runs)
	}
	m.rounds = append(m.rounds, f)
	m.took = append(m.took, times.took...)
	return nil
}

// figures gives the medians of the rounds.
func (m *meter) figures() figures {
	slices.Sort(m.took)
	return figures{
		CPU:       m.median(func(f figures) float64 { return f.CPU }),
		RedisCPU:  m.median(func(f figures) float64 { return f.RedisCPU }),
		Script:    m.median(func(f figures) float64 { return f.Script }),
		PerSecond: m.median(func(f figures) float64 { return f.PerSecond }),
		P50:       micros(percentile(m.took, 50)), P99: micros(percentile(m.took, 99)),
	}
}

func (m *meter) median(of func(figures) float64) float64 {
	values := make([]float64, len(m.rounds))
	for i, f := range m.rounds {
		values[i] = of(f)
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// contender is a kind of requests to a server.
type contender struct {
	name   string
	target *target
	kind   requests
}

// loaded measures a kind of requests on each of some targets.
func loaded(ctx context.Context, targets []*target, rdb *redis.Client, conns int, p pace, kind requests) (map[string]figures, error) {
	all := make([]contender, len(targets))
	for i, t := range targets {
		all[i] = contender{name: t.name, target: t, kind: kind}
	}
	return race(ctx, all, rdb, conns, p)
}

// race measures contenders in turn in each round.
func race(ctx context.Context, all []contender, rdb *redis.Client, conns int, p pace) (map[string]figures, error) {
	meters, loads, works := make([]*meter, len(all)), make([]*load, len(all)), make([]work, len(all))
	for i, c := range all {
		var err error
		if works[i], err = c.kind.prepare(ctx, c.target); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if loads[i], err = dial(ctx, c.target.addr, conns); err != nil {
			return nil, err
		}
		defer loads[i].close()
		meters[i] = &meter{targets: []*target{c.target}, rdb: rdb}
		if _, err := loads[i].run(ctx, works[i], p.warm, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range p.rounds {
		for i, c := range all {
			if err := loads[i].redial(ctx, c.target.addr, conns); err != nil {
				return nil, err
			}
			err := meters[i].round(ctx, func() (int, timed, error) {
				times, err := loads[i].run(ctx, works[i], p.lasting, 0)
				return len(times.took), times, err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	result := make(map[string]figures)
	for i, c := range all {
		if c.kind.done != nil {
			if err := c.kind.done(ctx, c.target, int(loads[i].next.Load())); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		result[c.name] = meters[i].figures()
	}
	return result, nil
}

// requests are a kind of requests: prepare gives them when it has seen that their answers are right, done sees to it that so many of them have had
// their effect.
type requests struct {
	prepare func(ctx context.Context, t *target) (work, error)
	done    func(ctx context.Context, t *target, sent int) error
}
