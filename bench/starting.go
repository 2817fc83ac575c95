//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// starting are the rows of the start: how long until it is ready, what it takes then, and the size of the binary.
func (b *bench) starting(ctx context.Context) ([]row, error) {
	b.say("starts")
	var took, resident []float64
	for range b.starts {
		t := b.world.agentstate()
		ready, err := t.run(ctx, b.redis.Addr())
		if err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond) // idle
		kib, err := t.resident()
		t.stop()
		if err != nil {
			return nil, err
		}
		took, resident = append(took, micros(ready)/1000), append(resident, float64(kib)/1024)
	}
	size, err := b.world.binarySize()
	if err != nil {
		return nil, err
	}
	return []row{
		{Name: "start until ready", Unit: "ms", Aim: 100, Values: map[string]float64{ours: median(took)}},
		{Name: "resident memory, idle", Unit: "MiB", Aim: 30, Values: map[string]float64{ours: median(resident)}, Ratio: median(resident) / 30, Base: "the aim"},
		{Name: "binary", Unit: "MB", Aim: 40, Values: map[string]float64{ours: size}, Ratio: size / 40, Base: "the aim"},
	}, nil
}

// binarySize is that of the released binary in MB: one without what benchmarks need differs by some hundred bytes.
func (w *world) binarySize() (float64, error) {
	info, err := os.Stat(filepath.Join(w.dir, "agentstate"))
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}
