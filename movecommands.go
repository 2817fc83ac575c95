package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agentstate/internal/config"
	"agentstate/store"
)

// The exit codes of adopt, export and import.
const (
	// exitLeft says that it was done, and something was left out or left as it was.
	exitLeft = 1
	// exitNotDone says that it was not done, or not all of it.
	exitNotDone = 2
)

// moveCommand makes a command that moves threads. An error of do is one of exitNotDone, unless it says otherwise.
func moveCommand(use, short, long string, do func(ctx context.Context) error) *cobra.Command {
	notDone := func(err error) error {
		if _, ok := errors.AsType[*exitError](err); ok || err == nil {
			return err
		}
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted: what was done stays, run it again for the rest")
		}
		return &exitError{code: exitNotDone, cause: err}
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error { return notDone(noArguments(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error { return notDone(do(cmd.Context())) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return notDone(fmt.Errorf("%w, see %s %s --help", err, service, use))
	})
	return cmd
}

// optionalFlag gives the value of a flag, nil where it was not given.
func optionalFlag(cmd *cobra.Command, name string, value *string) *string {
	if cmd.Flags().Changed(name) {
		return value
	}
	return nil
}

// openStore opens the Redis that the environment names, for a command: nothing runs in the background.
func (p program) openStore(ctx context.Context) (*store.Store, config.Config, error) {
	cfg, err := config.Load(p.environ)
	if err != nil {
		return nil, cfg, err
	}
	if cfg.Embedded() {
		return nil, cfg, errors.New("no Redis is named, and the embedded one belongs to its server: set REDIS_HOST, REDIS_URL or REDIS_ADDRS; the file of EMBEDDED_FILE is in the form of an export")
	}
	log := newLog(cfg, p.stderr)
	slog.SetDefault(log)
	options, err := storeOptions(cfg, log)
	if err != nil {
		return nil, cfg, err
	}
	options.SweepInterval, options.Adopt = 0, store.Adopt{}
	s, err := store.Open(options)
	if err != nil {
		return nil, cfg, err
	}
	if err := s.CheckLayout(ctx); err != nil {
		return nil, cfg, errors.Join(err, s.Close())
	}
	return s, cfg, nil
}

// printJSON prints a report for programs.
func printJSON(w io.Writer, report any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(report)
}

// moveBar tells how far a command is: a bar on a terminal, and otherwise a line now and then, which is what a log can show.
type moveBar struct {
	out   io.Writer
	what  string
	bar   *progressbar.ProgressBar // nil: lines
	bytes bool
	most  int64
	told  time.Time
}

// linePause is the time between two lines where there is no terminal.
const linePause = 10 * time.Second

// newMoveBar begins; the bar counts bytes where that is said, and otherwise what is named.
func newMoveBar(out io.Writer, what string, bytes bool) *moveBar {
	b := &moveBar{out: out, what: what, bytes: bytes, told: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(), progressbar.OptionShowBytes(bytes),
			progressbar.OptionShowCount(), progressbar.OptionThrottle(progressPause))
	}
	return b
}

// tell shows that done of most are done; most is 0 where that is not known.
func (b *moveBar) tell(done, most int64) {
	if b.bar != nil {
		if most > 0 && most != b.most {
			b.most = most
			b.bar.ChangeMax64(most)
		}
		_ = b.bar.Set64(done) // it is only a picture
		return
	}
	if time.Since(b.told) < linePause {
		return
	}
	b.told = time.Now()
	unit := ""
	if b.bytes {
		unit = " bytes"
	}
	if most > 0 {
		_, _ = fmt.Fprintf(b.out, "%s: %d of %d%s\n", b.what, done, most, unit)
	} else {
		_, _ = fmt.Fprintf(b.out, "%s: %d%s\n", b.what, done, unit)
	}
}

// end takes the bar away, so that what is printed next stands on a line of its own.
func (b *moveBar) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
		_ = b.bar.Exit()
	}
}
