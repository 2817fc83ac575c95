package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agentstate/internal/config"
	"agentstate/store"
)

// The exit codes of the doctor.
const (
	exitFindings = 1
	exitNoLook   = 2
)

const doctorHelp = `Looks whether all is well with Redis and with the threads in it.

It tells of eviction, persistence, memory, connections, replicas, the slots of a cluster, versions and the layout of the keys, and
compares the indexes with every thread. It reads in bounded steps while servers run, and changes nothing without --fix. With
--fix it repairs what can be repaired, each thread in one step, so that it does not get in the way of who writes.

Redis is named by the same environment variables as for the server. What each finding means: docs/operations.md.

Exit codes: 0 all is well, or everything was repaired; 1 there are findings; 2 it could not look.`

// doctorFlags are what the doctor is asked for.
type doctorFlags struct {
	store.Examination
	json   bool
	ignore []string
}

// doctorCommand makes the command doctor.
func doctorCommand(p program) *cobra.Command {
	var flags doctorFlags
	cannot := func(err error) error {
		if err == nil {
			return nil
		}
		return &exitError{code: exitNoLook, cause: err}
	}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look whether all is well with Redis and the threads in it", Long: doctorHelp,
		Args: func(cmd *cobra.Command, args []string) error { return cannot(noArguments(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := p.examine(cmd.Context(), flags.Examination)
			if err != nil {
				return cannot(err)
			}
			report.Findings = slices.DeleteFunc(report.Findings, func(f store.Finding) bool { return slices.Contains(flags.ignore, f.Code) })
			if err := writeReport(p.stdout, report, flags.json); err != nil {
				return cannot(err)
			}
			if !report.Healthy() {
				return &exitError{code: exitFindings}
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return cannot(fmt.Errorf("%w, see %s doctor --help", err, service))
	})
	cmd.Flags().BoolVar(&flags.Fix, "fix", false, "repair what can be repaired")
	cmd.Flags().BoolVar(&flags.Deep, "deep", false, "go through all messages too; Redis takes about 1 us for each")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the report as JSON")
	cmd.Flags().StringSliceVar(&flags.ignore, "ignore", nil, "codes of findings that are as you want them, such as persistence-off")
	return cmd
}

// examine looks at the Redis that the environment names.
func (p program) examine(ctx context.Context, e store.Examination) (*store.Report, error) {
	cfg, err := config.Load(p.environ)
	if err != nil {
		return nil, err
	}
	options, err := storeOptions(cfg, newLog(cfg, p.stderr))
	if err != nil {
		return nil, err
	}
	progress := newProgress(p.stderr)
	defer progress.end()
	e.Progress = progress.tell
	return store.Examine(ctx, options, e)
}

// progress is a line on a terminal that tells how far something is. On anything else it says nothing.
type progress struct {
	w     io.Writer
	shown time.Time
}

// progressPause is the time between two changes of the line.
const progressPause = 100 * time.Millisecond

func newProgress(w io.Writer) *progress {
	if file, ok := w.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		w = nil
	}
	return &progress{w: w}
}

// tell shows that done of about total keys were looked at.
func (p *progress) tell(done, total int64) {
	if p.w == nil || time.Since(p.shown) < progressPause {
		return
	}
	p.shown = time.Now()
	share := min(100, 100*float64(done)/float64(max(total, 1)))
	_, _ = fmt.Fprintf(p.w, "\r\x1b[Klooking at the keys: %d of about %d (%.0f %%)", done, total, share)
}

// end takes the line away.
func (p *progress) end() {
	if p.w != nil && !p.shown.IsZero() {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// writeReport prints a report for people or as JSON.
func writeReport(w io.Writer, r *store.Report, asJSON bool) error {
	if !asJSON {
		return printReport(w, r)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Version string `json:"version"`
		Healthy bool   `json:"healthy"`
		*store.Report
	}{versionOf(), r.Healthy(), r})
}
