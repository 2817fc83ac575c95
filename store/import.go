package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// conflictExamples bounds the conflicts that a report names.
const conflictExamples = 1000

// OnConflict says what becomes of a thread that is there with other content than in the file.
type OnConflict string

// What becomes of it.
const (
	// KeepExisting leaves it, and counts it.
	KeepExisting OnConflict = "skip"
	// ReplaceExisting puts the thread of the file in its place.
	ReplaceExisting OnConflict = "replace"
	// FailOnExisting ends the import ahead of it.
	FailOnExisting OnConflict = "fail"
)

// Importing says what to import.
type Importing struct {
	OnConflict OnConflict
	// Owner, where it is set, is whose threads are imported; nil for everybody's.
	Owner *string
	// ToOwner, where it is set, is who gets them; nil for whose they were.
	ToOwner *string
	// Pattern is a glob for thread ids; empty for all.
	Pattern string
	// Progress, where it is set, hears now and then how many threads and how many bytes were read.
	Progress func(threads int, bytes int64)
}

// ImportReport is what came of an import.
type ImportReport struct {
	// Imported are new, Replaced took the place of others, Unchanged were there just so.
	Imported  int `json:"imported"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	// Skipped were there with other content, Expired have no time left, and Excluded were not asked for.
	Skipped  int `json:"skipped"`
	Expired  int `json:"expired"`
	Excluded int `json:"excluded"`
	// Messages are those of the imported and replaced threads.
	Messages int `json:"messages"`
	// Conflicts are the first thousand that were skipped: owner and id.
	Conflicts []string `json:"conflicts"`
}

// ThreadExistsError says that an import has come upon a thread that is there with other content.
type ThreadExistsError struct{ Owner, ThreadID string }

func (e *ThreadExistsError) Error() string {
	return fmt.Sprintf("thread %q of owner %q is there with other content", e.ThreadID, e.Owner)
}

// Import makes threads of what Export has written, each in one step once all of it was read, with its ids, numbers, times and expiry as they
// were. It may be repeated: what is there just so stays. Its memory does not grow with threads or messages. Errors: *MoveError,
// *ThreadExistsError, ErrUnavailable; the report says what was done before.
func (s *Store) Import(ctx context.Context, r io.Reader, o Importing) (*ImportReport, error) {
	i := &importer{s: s, in: newMoveReader(r), Importing: o, report: &ImportReport{Conflicts: []string{}}}
	if o.ToOwner != nil {
		if err := checkOwner(*o.ToOwner); err != nil {
			return i.report, err
		}
	}
	if restricts(o.Pattern) {
		i.glob = compileGlob(o.Pattern)
	}
	return i.report, i.run(ctx)
}

// importer is an import under way.
type importer struct {
	Importing

	s      *Store
	in     *moveReader
	glob   *glob
	report *ImportReport
	// ended counts the threads of the file; now is the one that is being read.
	ended int64
	now   *incoming
}

func (i *importer) run(ctx context.Context) error {
	first, err := i.in.next()
	switch {
	case errors.Is(err, io.EOF), err == nil && (first.Format == nil || first.Format.Name != moveName):
		return i.in.wrong("is not the beginning of a file of agentstate export")
	case err != nil:
		return err
	case first.Format.Version != moveVersion:
		return i.in.wrong("is of a file of version %d, and this program knows version %d: take a newer agentstate", first.Format.Version, moveVersion)
	}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := i.in.next()
		if errors.Is(err, io.EOF) {
			return i.in.wrong("is the last one, and is none that ends a file: it was cut off")
		}
		if err != nil {
			return err
		}
		if line.End != nil {
			return i.end(line.End)
		}
		if err := i.take(ctx, line); err != nil {
			return err
		}
	}
}

// end checks the last line.
func (i *importer) end(end *moveEnd) error {
	switch {
	case i.now != nil:
		return i.in.wrong("ends the file within a thread")
	case end.Threads != i.ended:
		return i.in.wrong("counts %d threads where there are %d", end.Threads, i.ended)
	case end.SHA256 != hex.EncodeToString(i.in.sum.Sum(nil)):
		return i.in.wrong("has another checksum than the file: it was damaged or changed by hand")
	}
	if _, err := i.in.next(); !errors.Is(err, io.EOF) {
		return i.in.wrong("stands behind the end")
	}
	return nil
}

func (i *importer) take(ctx context.Context, line *moveLine) error {
	switch {
	case line.Thread != nil && i.now == nil:
		return i.begin(line.Thread)
	case i.now == nil:
		return i.in.wrong("belongs to no thread")
	case line.Message != nil:
		return i.message(ctx, line.Message)
	case line.Removed != nil:
		return i.removed(ctx, line.Removed)
	case line.Edit != nil:
		if len(i.now.edits) >= maxEdits {
			return i.in.wrong("is one change of messages more than can be kept")
		}
		i.now.edits = append(i.now.edits, *line.Edit)
		return nil
	case line.EndThread != nil:
		return i.finish(ctx, line.EndThread)
	case line.Abandoned:
		i.now = nil
		return nil
	}
	return i.in.wrong("is not what a thread has")
}

func (i *importer) count(now *incoming, status string) error {
	switch status {
	case "OK":
		i.report.Imported++
		i.report.Messages += int(now.messages)
	case "REPLACED":
		i.report.Replaced++
		i.report.Messages += int(now.messages)
	case "SAME":
		i.report.Unchanged++
	case "EXPIRED":
		i.report.Expired++
	case "EXISTS":
		if i.OnConflict == FailOnExisting {
			return &ThreadExistsError{Owner: now.Owner, ThreadID: now.ThreadID}
		}
		if i.report.Skipped++; len(i.report.Conflicts) < conflictExamples {
			i.report.Conflicts = append(i.report.Conflicts, fmt.Sprintf("%q %q", now.Owner, now.ThreadID))
		}
	case "LOST": // or the file has two messages of one id, or the answer was lost and somebody has changed the thread since
		return i.in.wrong("ends thread %q, of which not all that was put aside is there; import it again, and if that does not help a messageId stands there twice", now.ThreadID)
	default:
		return fmt.Errorf("%w: %s", errReply, status)
	}
	return nil
}
