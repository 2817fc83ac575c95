package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agentstate/store"
)

const adoptHelp = `Turns all threads that the replaced service has left in Redis into threads of this one, each in one step.

They lie under the same REDIS_KEY_PREFIX, one JSON document each, as SETEX thread:{thread_id} wrote them. Ids, texts, times and the
remaining time to live are kept. A document that is not understood stays as it is and is listed with the place of what is wrong. It may be
interrupted, run again, and run while servers do. Servers with REDIS_ADOPT=true do the same by themselves.

Redis is named by the same environment variables as for the server. What becomes of what: docs/data.md.

Exit codes: 0 nothing is left to adopt; 1 some documents stay as they are; 2 it could not be done, or was interrupted.`

// adoptCommand makes the command adopt.
func adoptCommand(p program) *cobra.Command {
	var dryRun, asJSON bool
	var owner string
	var cmd *cobra.Command
	cmd = moveCommand("adopt", "Take over the threads of the replaced service that are in Redis", adoptHelp, func(ctx context.Context) error {
		s, cfg, err := p.openStore(ctx)
		if err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // nothing of it is needed any more
		if !cmd.Flags().Changed("owner") {
			if owner = cfg.Data.AdoptOwner; cfg.AdoptsForNobody() {
				return errors.New(`with AUTH_MODE no token names the owner that the threads would get: name one by --owner or REDIS_ADOPT_OWNER, or mean it by --owner ""`)
			}
		}
		bar := newMoveBar(p.stderr, "adopting", false)
		report, err := s.AdoptAll(ctx, store.Adopting{
			Owner: owner, DryRun: dryRun, Progress: func(done, total int) { bar.tell(int64(done), int64(total)) },
		})
		bar.end()
		if asJSON {
			err = errors.Join(err, printJSON(p.stdout, report))
		} else {
			err = errors.Join(err, printAdoption(p.stdout, report))
		}
		if err == nil && !report.Complete() {
			return &exitError{code: exitLeft}
		}
		return err
	})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read everything, say what would be done, and change nothing")
	cmd.Flags().StringVar(&owner, "owner", "", "owner that the threads get, in place of REDIS_ADOPT_OWNER")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// printAdoption prints a report for people.
func printAdoption(w io.Writer, r *store.AdoptReport) error {
	var text strings.Builder
	done := "adopted"
	if r.DryRun {
		done = "would be adopted"
	}
	fmt.Fprintf(&text, "documents: %d\n%s: %d\nalready there: %d\nexpired meanwhile: %d\nwritten to here since, left: %d\nnot understood, left: %d\n",
		r.Documents, done, r.Adopted, r.AlreadyThere, r.Expired, r.Left, r.NotUnderstood)
	for _, p := range r.Problems {
		place := p.Place
		if place == "" {
			place = "it"
		}
		fmt.Fprintf(&text, "  - %q: %s %s\n", p.Key, place, p.Why)
	}
	if more := r.Left + r.NotUnderstood - len(r.Problems); more > 0 {
		fmt.Fprintf(&text, "  - and %d more\n", more)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
