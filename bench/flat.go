//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/redis/go-redis/v9"

	"agentstate/internal/redistest"
	"agentstate/store"
)

// flat is a Redis of its own with agentstate on it, that grows.
type flat struct {
	*bench

	rdb     *redis.Client
	threads *store.Threads
	target  *target
}

// scaling are the rows of what must not grow with what is there, and of what that takes in Redis.
func (b *bench) scaling(ctx context.Context) (rows []row, err error) {
	server, err := redistest.Launch()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	st, err := openStore(server.Addr())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f := &flat{bench: b, rdb: server.Client(), threads: st.For(""), target: b.world.agentstate()}
	if _, err := f.target.run(ctx, server.Addr()); err != nil {
		return nil, err
	}
	defer f.target.stop()
	for _, part := range []func(context.Context) ([]row, error){f.memory, f.batches, f.nested, f.lengths, f.counts} {
		more, err := part(ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// memory are the rows of what a thread and a message take in Redis.
func (f *flat) memory(ctx context.Context) ([]row, error) {
	const threads, talking, each = 2000, 20, 500
	f.say("memory in Redis of %d threads and %d messages", threads, talking*each)
	if err := fillAll(ctx, f.threads, func(i int) string { return fmt.Sprintf("first %06d", i) }, 100, 1); err != nil {
		return nil, err // so that the indexes are there, and the scripts
	}
	var used [3]float64
	for i, fill := range []func() error{
		func() error { return nil },
		func() error { return f.createMany(ctx, "memory", 0, threads) },
		func() error {
			return fillAll(ctx, f.threads, func(i int) string { return createdName("memory", i) }, talking, each)
		},
	} {
		if err := fill(); err != nil {
			return nil, err
		}
		w, err := workOf(ctx, f.rdb)
		if err != nil {
			return nil, err
		}
		used[i] = float64(w.memory)
	}
	perThread, perMessage := (used[1]-used[0])/threads, (used[2]-used[1])/(talking*each)
	aim := messageBytes*1.25 + 120
	return []row{
		{Name: "memory in Redis of a thread without messages", Unit: "bytes", Values: map[string]float64{ours: math.Round(perThread)}},
		{
			Name: fmt.Sprintf("memory in Redis of a message of %d bytes", messageBytes), Unit: "bytes", Aim: aim,
			Values: map[string]float64{ours: math.Round(perMessage)}, Ratio: perMessage / messageBytes, AimRatio: aim / messageBytes, Base: "its bytes",
		},
	}, nil
}

func createdName(kind string, i int) string { return fmt.Sprintf("%s %07d", kind, i) }

// createMany makes threads from..to-1 without messages, by the script that agentstate runs.
func (f *flat) createMany(ctx context.Context, kind string, from, to int) error {
	layout := store.BlueprintOf("thread")
	const batch = 500
	for ; from < to; from += batch {
		_, err := f.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i := from; i < min(from+batch, to); i++ {
				name := createdName(kind, i)
				epoch := fmt.Sprintf("%016x", i)
				pipe.EvalSha(ctx, layout.AppendSHA, layout.Thread("", name).Script,
					"", name, "", "new", epoch, 1000, "refuse", 0, 2_592_000, "0", "", "{}")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lengths is the row of adding messages to threads of three lengths.
func (f *flat) lengths(ctx context.Context) ([]row, error) {
	f.say("%s at three lengths of threads", addRow)
	steps := []contender{
		{"10 messages", f.target, adding{threads: f.threads, row: "short", spread: 2000, held: 10}.requests()},
		{"1,000", f.target, adding{threads: f.threads, row: "middle", spread: 100, held: min(1000, f.long/2)}.requests()},
		{thousands(f.long), f.target, adding{threads: f.threads, row: "long", spread: 1, held: f.long}.requests()},
	}
	of, err := race(ctx, steps, f.rdb, f.conns, f.shortly())
	if err != nil {
		return nil, err
	}
	var labels []string
	var got []figures
	for _, s := range steps {
		labels, got = append(labels, s.name), append(got, of[s.name])
	}
	return []row{flatRow(addRow, 1.2, labels, got)}, nil
}

// counts are the rows of lists at two numbers of threads.
func (f *flat) counts(ctx context.Context) ([]row, error) {
	kinds := []struct {
		name string
		kind requests
	}{
		{"recent(10)", f.readRecent(f.threads)},
		{"threadIds(first: 50)", f.readIDs(f.threads)},
		{"agentStateCount", f.readCount(f.threads)},
	}
	var few, many [3]figures
	have := 0
	for _, to := range []struct {
		n    int
		into *[3]figures
	}{{1000, &few}, {f.many, &many}} {
		f.say("%s threads", thousands(to.n))
		if to.n == 1000 { // nothing else may be there
			if err := f.rdb.FlushAll(ctx).Err(); err != nil {
				return nil, err
			}
		}
		if err := f.createMany(ctx, "thread", have, to.n); err != nil {
			return nil, err
		}
		have = to.n
		for i, k := range kinds {
			got, err := loaded(ctx, []*target{f.target}, f.rdb, f.conns, f.shortly(), k.kind)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
			to.into[i] = got[ours]
		}
	}
	var rows []row
	for i, k := range kinds {
		rows = append(rows, flatRow(k.name, 1.5, []string{"1,000 threads", thousands(f.many)}, []figures{few[i], many[i]}))
	}
	return rows, nil
}

// shortly is the pace of what is compared with itself.
func (f *flat) shortly() pace {
	p := f.pace
	p.warm /= 3
	return p
}

// flatRow is a row of what the largest size costs against the smallest, in the server and in Redis together.
func flatRow(name string, aim float64, labels []string, of []figures) row {
	r := row{Unit: "µs CPU, Redis with it", Values: make(map[string]float64), Figures: make(map[string]figures), Steps: labels, Base: labels[0]}
	r.Name = name + " at "
	for i, f := range of {
		if i > 0 {
			r.Name += ", "
			r.Note += ", "
		}
		r.Name += labels[i]
		r.Figures[labels[i]] = f
		sum := f.CPU + f.RedisCPU
		r.Note += fmt.Sprintf("%.0f", sum)
		r.Values[ours] = max(r.Values[ours], sum)
		r.Ratio = max(r.Ratio, sum/(of[0].CPU+of[0].RedisCPU))
	}
	r.Aim, r.AimRatio = aim*(of[0].CPU+of[0].RedisCPU), aim
	return r
}
