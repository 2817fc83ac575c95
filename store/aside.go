package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"
)

//go:embed scripts/putaside.lua
var luaPutAside string

//go:embed scripts/restore.lua
var luaRestore string

var (
	putAsideScript = newScript(luaPutAside, true)
	restoreScript  = newScript(luaRestore, true)
)

const (
	// asideFor is how long messages wait for the rest of their thread. What an interrupted import has put aside goes with it.
	asideFor = time.Hour
	// asideMessages and asideBytes bound what an import holds of a thread before it puts it aside.
	asideMessages = 1000
	asideBytes    = 1 << 20
	// importAttempts bounds how often a step is sent again while Redis is away; each may be repeated.
	importAttempts = 6
	importPause    = 200 * time.Millisecond
)

// putAside sends what there is of the thread's messages.
func (i *importer) putAside(ctx context.Context) error {
	now := i.now
	if len(now.args) == 0 {
		return nil
	}
	args := append([]any{now.staged, asideFor.Milliseconds()}, now.args...)
	status, err := i.send(ctx, call{script: putAsideScript, keys: now.stage[:], args: args})
	if err != nil {
		return err
	}
	if status != "OK" {
		return fmt.Errorf("%w: Redis has lost messages that were put aside", ErrUnavailable)
	}
	now.staged += int64(len(now.args) / 2)
	now.args, now.size = now.args[:0], 0
	if i.Progress != nil {
		i.Progress(int(i.ended), i.in.bytes)
	}
	return nil
}

// send runs a script that may be repeated until Redis answers, a few times.
func (i *importer) send(ctx context.Context, c call) (status string, err error) {
	for attempt := range importAttempts {
		status, _, err = i.s.runNow(ctx, c, nil)
		if !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return status, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(importPause << attempt):
		}
	}
	return status, err
}

// finish makes a thread of what was put aside.
func (i *importer) finish(ctx context.Context, end *moveEndThread) error {
	now := i.now
	if now.next != now.Seq+1 || end.Messages != now.messages {
		return i.in.wrong("ends a thread of %d messages up to number %d where there are %d up to %d", end.Messages, now.Seq, now.messages, now.next-1)
	}
	i.now = nil
	i.ended++
	if i.Progress != nil {
		defer func() { i.Progress(int(i.ended), i.in.bytes) }()
	}
	if !now.wanted {
		i.report.Excluded++
		return nil
	}
	i.now = now // putAside is about it
	err := i.putAside(ctx)
	if i.now = nil; err != nil {
		return err
	}
	mode := ""
	if i.OnConflict == ReplaceExisting {
		mode = "replace"
	}
	fields := now.fields()
	args := append([]any{now.Owner, now.ThreadID, mode, now.staged, now.messages, string(randomEpoch()), len(fields) / 2}, fields...)
	keys := append(now.keys.forScript(), now.stage[0], now.stage[1])
	status, err := i.send(ctx, call{script: restoreScript, keys: keys, args: append(args, now.edits...)})
	if err != nil {
		return err
	}
	return i.count(now, status)
}
