package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// embeddedSaves is how often the embedded Redis is saved to its file, where something has changed.
const embeddedSaves = 10 * time.Second

// saver keeps the threads of an embedded Redis in a file, in the form of Export. A file is written beside the one that is there, flushed
// to disk and put in its place, so that there is always a whole one; a lock beside it keeps a second process away. It is a hook of go-redis, by which it knows whether anything was
// written.
type saver struct {
	s    *Store
	path string
	log  *slog.Logger

	lock    *os.File
	changed atomic.Bool
	cancel  context.CancelFunc
	running sync.WaitGroup
	failing bool
}

// errNoRoom says that a file cannot be kept where it should be.
var errNoRoom = errors.New("no file can be written beside it; name a folder that is there and may be written to")

// startSaver loads the file, where there is one, and saves to it until close. An error says that the file cannot be read or written, and
// leaves it as it is.
func startSaver(s *Store, path string, every time.Duration) (*saver, error) {
	v := &saver{s: s, path: pointedTo(path), log: s.opts.Log}
	var err error
	if v.lock, err = lockFile(v.path + ".lock"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := v.load(ctx); err != nil {
		cancel()
		return nil, errors.Join(err, v.lock.Close())
	}
	v.cancel = cancel
	s.rdb.AddHook(v)
	v.running.Go(func() { v.run(ctx, every) })
	return v, nil
}

// pointedTo gives the file that a link points to, also where that is not there yet: it is the file that is replaced, not a link to it.
func pointedTo(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	const mostLinks = 40 // as many as Linux follows
	for range mostLinks {
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path
}

// load reads the file, and looks whether another can be written beside it.
func (v *saver) load(ctx context.Context) error {
	probe, err := v.create()
	if err != nil {
		return fmt.Errorf("%w: %w", errNoRoom, err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	file, err := os.Open(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		v.log.Info("the embedded Redis starts empty, its file is made when there is something to keep", "file", v.path)
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	report, err := v.s.Import(ctx, file, Importing{OnConflict: FailOnExisting})
	if err != nil {
		return fmt.Errorf("the file is damaged, or is none of this program, and was left as it is: %w; move it away to start empty, or put a backup in its place", err)
	}
	v.log.Info("the embedded Redis was loaded", "file", v.path, "threads", report.Imported, "messages", report.Messages, "expired", report.Expired)
	return nil
}

// create makes the file that is to take the place of the one that is there. What a process that was killed has left of one goes.
func (v *saver) create() (*os.File, error) {
	name := v.path + ".new"
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
}

// run saves now and then, until its context ends.
func (v *saver) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			err := v.save(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !v.failing:
				v.log.Error("the embedded Redis cannot be saved, and is tried again until it can: what is written is lost if the process ends", "file", v.path, "error", err)
			case err == nil && v.failing:
				v.log.Info("the embedded Redis is saved again", "file", v.path)
			}
			v.failing = err != nil
		}
	}
}

// close saves for the last time. Nobody writes any more.
func (v *saver) close() error {
	v.cancel()
	v.running.Wait()
	defer v.lock.Close() //nolint:errcheck // nothing is written to it
	if err := v.save(context.Background()); err != nil {
		return fmt.Errorf("store: the embedded Redis could not be saved to %s: %w", v.path, err)
	}
	return nil
}

// save writes the file if anything was written since it was written last.
func (v *saver) save(ctx context.Context) (err error) {
	if !v.changed.Swap(false) {
		return nil
	}
	defer func() {
		if err != nil {
			v.changed.Store(true)
		}
	}()
	file, err := v.create()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close() // perhaps it is closed already
			_ = os.Remove(file.Name())
		}
	}()
	report, err := v.s.Export(ctx, file, Exporting{})
	if err != nil {
		return err
	}
	if len(report.Damaged) > 0 {
		v.log.Error("threads are not as this program writes them, and are not saved", "threads", report.Damaged)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), v.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(v.path))
}

// DialHook is part of redis.Hook.
func (v *saver) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook notes a script that writes.
func (v *saver) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		v.note(cmd)
		return err
	}
}

// ProcessPipelineHook is ProcessHook for pipelines and transactions.
func (v *saver) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			v.note(cmd)
		}
		return err
	}
}

// note marks the file as old behind a script that writes: whatever it has written, the next save has it. That a save in between has it
// already costs no more than another save.
func (v *saver) note(cmd redis.Cmder) {
	if script, ok := cmd.(scriptCmd); ok && script.once {
		v.changed.Store(true)
	}
}
