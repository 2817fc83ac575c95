package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"agentstate/store"
)

const exportHelp = `Writes threads as lines of JSON, for agentstate import: ids, numbers, times, expiry, messages, plans and tool runs as they are.

Each thread is as of one instant, and servers may run meanwhile. The format: docs/data.md. It goes to standard output, with the report on
standard error, or with --output into a file that is there only once it is whole. Memory does not grow with what is exported.

Redis is named by the same environment variables as for the server.

Exit codes: 0 all was exported; 1 some threads are damaged and were left out, see agentstate doctor; 2 it could not be done.`

const importHelp = `Reads what agentstate export has written, from standard input or a file.

A thread appears as a whole, once all of it was read. One that is there just so stays, so an import may be repeated, also one that was
interrupted. Threads whose time has come are left out. Memory does not grow with what is imported.

Redis is named by the same environment variables as for the server.

Exit codes: 0 all was imported, or skipped as --on-conflict says; 1 a thread is there with other content, and --on-conflict is fail;
2 it could not be done: the file is damaged (its line is named), Redis is away, or it was interrupted.`

// exportCommand makes the command export.
func exportCommand(p program) *cobra.Command {
	var o store.Exporting
	var owner, output string
	var asJSON bool
	var cmd *cobra.Command
	cmd = moveCommand("export", "Write threads as lines of JSON", exportHelp, func(ctx context.Context) error {
		s, _, err := p.openStore(ctx)
		if err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // nothing of it is needed any more
		bar := newMoveBar(p.stderr, "threads exported", false)
		o.Owner = optionalFlag(cmd, "owner", &owner)
		o.Progress = func(done, total int) { bar.tell(int64(done), int64(total)) }
		var report *store.ExportReport
		err = p.toOutput(output, func(w io.Writer) (err error) {
			report, err = s.Export(ctx, w, o)
			return err
		})
		bar.end()
		if err != nil {
			return err
		}
		out := p.stderr
		if output != "" {
			out = p.stdout
		}
		if asJSON {
			err = printJSON(out, report)
		} else {
			_, err = fmt.Fprintf(out, "exported: %d threads with %d messages\n", report.Threads, report.Messages)
			for _, name := range report.Damaged {
				_, _ = fmt.Fprintf(out, "damaged, left out: owner and thread %s\n", name)
			}
		}
		if err == nil && len(report.Damaged) > 0 {
			return &exitError{code: exitLeft}
		}
		return err
	})
	cmd.Flags().StringVar(&owner, "owner", "", `only the threads of this owner; "" is that of AUTH_MODE none; left out, those of all`)
	cmd.Flags().StringVar(&o.Pattern, "pattern", "", "only threads whose ids match this glob, such as user-*")
	cmd.Flags().StringVar(&output, "output", "", "file to write, with mode 0600, in place of standard output")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// toOutput lets write fill standard output, or a file that takes its name once it is whole and on disk.
func (p program) toOutput(name string, write func(io.Writer) error) error {
	if name == "" {
		return write(p.stdout)
	}
	part := name + ".part"
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}

// importCommand makes the command import.
func importCommand(p program) *cobra.Command {
	var o store.Importing
	var owner, toOwner, input, conflict string
	var asJSON bool
	var cmd *cobra.Command
	cmd = moveCommand("import", "Read threads that were written by export", importHelp, func(ctx context.Context) error {
		switch o.OnConflict = store.OnConflict(conflict); o.OnConflict {
		case store.KeepExisting, store.ReplaceExisting, store.FailOnExisting:
		default:
			return fmt.Errorf("--on-conflict is %q: give it skip, replace or fail", conflict)
		}
		in, size := p.stdin, int64(0)
		if input != "" {
			file, err := os.Open(input) //nolint:gosec // the operator names it
			if err != nil {
				return err
			}
			defer file.Close() //nolint:errcheck // it is only read
			if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
				size = info.Size()
			}
			in = file
		}
		s, _, err := p.openStore(ctx)
		if err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // nothing of it is needed any more
		bar := newMoveBar(p.stderr, "importing", true)
		o.Owner, o.ToOwner = optionalFlag(cmd, "owner", &owner), optionalFlag(cmd, "to-owner", &toOwner)
		o.Progress = func(_ int, bytes int64) { bar.tell(bytes, size) }
		report, err := s.Import(ctx, in, o)
		bar.end()
		if asJSON {
			err = errors.Join(err, printJSON(p.stdout, report))
		} else {
			err = errors.Join(err, printImport(p.stdout, report))
		}
		if exists, ok := errors.AsType[*store.ThreadExistsError](err); ok {
			return &exitError{code: exitLeft, cause: fmt.Errorf("%w; use --on-conflict skip or replace", exists)}
		}
		return err
	})
	cmd.Flags().StringVar(&owner, "owner", "", `only the threads of this owner; "" is that of AUTH_MODE none; left out, those of all`)
	cmd.Flags().StringVar(&toOwner, "to-owner", "", "owner that all threads get; left out, each keeps its own")
	cmd.Flags().StringVar(&o.Pattern, "pattern", "", "only threads whose ids match this glob, such as user-*")
	cmd.Flags().StringVar(&conflict, "on-conflict", string(store.KeepExisting), "where a thread is there with other content: skip, replace or fail")
	cmd.Flags().StringVar(&input, "input", "", "file to read in place of standard input")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// printImport prints a report for people.
func printImport(w io.Writer, r *store.ImportReport) error {
	_, err := fmt.Fprintf(w, "imported: %d threads with %d messages\nreplaced: %d\nthere just so: %d\nthere with other content, skipped: %d\nexpired: %d\nnot asked for: %d\n",
		r.Imported, r.Messages, r.Replaced, r.Unchanged, r.Skipped, r.Expired, r.Excluded)
	for _, name := range r.Conflicts {
		if err == nil {
			_, err = fmt.Fprintf(w, "  - skipped: owner and thread %s\n", name)
		}
	}
	return err
}
