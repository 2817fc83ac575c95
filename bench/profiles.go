//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// profiles writes CPU profiles of agentstate under the rows of single operations into a folder, and their first entries to out.
func profiles(ctx context.Context, o options, folder string, out, log io.Writer) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // everybody may look
		return err
	}
	o.peers, o.profiles = false, folder
	b, err := newBench(ctx, o, log)
	if b != nil {
		defer b.close()
	}
	if err != nil {
		return err
	}
	if err := b.fillReads(ctx); err != nil {
		return err
	}
	add := adding{threads: b.threads, row: "add", spread: 100, held: 10}
	for i, r := range []struct {
		file, name string
		kind       requests
	}{
		{"thread", threadRow, b.readThread()},
		{"unseen", unseenRow, b.readUnseen()},
		{"recent", "recent(10)", b.readRecent(b.threads)},
		{"add", addRow, add.requests()},
	} {
		b.say("%s", r.name)
		if err := b.profiled(ctx, r.kind); err != nil {
			return err
		}
		path := filepath.Join(folder, r.file+".pprof")
		if err := os.Rename(filepath.Join(folder, fmt.Sprintf("%d.pprof", i+1)), path); err != nil {
			return err
		}
		for _, order := range []string{"-flat", "-cum"} {
			top, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=45", order, path).CombinedOutput() //nolint:gosec // it was just written
			if err != nil {
				return fmt.Errorf("pprof: %w: %s", err, top)
			}
			_, _ = fmt.Fprintf(out, "## %s (%s)\n\n%s\n", r.name, order, top)
		}
	}
	return nil
}

// profiled sends requests to agentstate, and lets it write a profile of them.
func (b *bench) profiled(ctx context.Context, kind requests) error {
	t := b.targets[0]
	w, err := kind.prepare(ctx, t)
	if err != nil {
		return err
	}
	l, err := dial(ctx, t.addr, b.conns)
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := l.run(ctx, w, b.pace.warm, 0); err != nil {
		return err
	}
	if err := t.command.Process.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	if _, err := l.run(ctx, w, time.Duration(b.pace.rounds)*b.pace.lasting, 0); err != nil {
		return err
	}
	if err := t.command.Process.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	time.Sleep(time.Second) // until it has written it
	return nil
}
