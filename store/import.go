package store

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
	// maxEdits bounds the changes of messages of a thread; some more than are kept (scripts/edit.lua).
	maxEdits = 10_000
	// conflictExamples bounds the conflicts that a report names.
	conflictExamples = 1000
)

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

// incoming is a thread that is being read. What is not wanted is read, and checked, but not put aside.
type incoming struct {
	moveThread

	wanted           bool
	keys             threadKeys
	stage            [2]string
	staged, messages int64
	next             int64
	args             []any
	size             int
	counts           map[string]int64
	edits            []any
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

// begin takes in the record of a thread.
func (i *importer) begin(t *moveThread) error {
	epoch, err := hex.DecodeString(t.Epoch)
	object := t.Metadata.Kind() == jsontext.KindBeginObject
	lists := t.Plan.Kind() == jsontext.KindBeginArray && t.ToolCalls.Kind() == jsontext.KindBeginArray
	switch {
	case !validThreadID(t.ThreadID) || !validOwner(t.Owner):
		return i.in.wrong("has no threadId or owner of at most 255 bytes of text without control characters")
	case err != nil || len(epoch) != epochBytes:
		return i.in.wrong("has no epoch of 16 hexadecimal digits")
	case t.Version < 1 || t.Base < 0 || t.Seq < t.Base || t.Edits < 0 || max(t.Version, t.Seq, t.Edits) > maxNumber ||
		t.TTLSeconds < 1 || t.TTLSeconds > maxTTLSeconds:
		return i.in.wrong("has a version, base, seq, edits or ttlSeconds out of its bounds")
	case !inOurTime(t.CreatedAt) || !inOurTime(t.UpdatedAt) || !inOurTime(t.ExpiresAt):
		return i.in.wrong("has a time that is not between 1970 and 2199")
	case !object || !lists || !t.readable():
		return i.in.wrong("has a plan or toolCalls that are none, or no object as metadata")
	}
	now := &incoming{moveThread: *t, next: t.Base + 1, counts: make(map[string]int64)}
	now.wanted = (i.Owner == nil || *i.Owner == t.Owner) && (i.glob == nil || i.glob.match(t.ThreadID))
	i.now = now
	if !now.wanted {
		return nil
	}
	if i.ToOwner != nil {
		now.Owner = *i.ToOwner
	}
	now.keys = i.s.keys.thread(now.Owner, now.ThreadID)
	now.stage = i.s.keys.aside(now.keys.bucket, string(randomEpoch()))
	return nil
}

// maxNumber is the largest number that Lua counts with.
const maxNumber = 1 << 53

// inOurTime tells whether Lua can count with a time in microseconds.
func inOurTime(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2200 }

// readable tells whether plans and tool runs can be read as such.
func (t *moveThread) readable() bool {
	in := recordReader{values: map[string]string{"plan": unbracketed(t.Plan), "toolcalls": unbracketed(t.ToolCalls)}}
	in.list("plan", &[]Plan{})
	in.list("toolcalls", &[]ToolExecution{})
	return in.err == nil
}

// message takes in a message, whose body stays as it is.
func (i *importer) message(ctx context.Context, m *moveMessage) error {
	letter, known := letterOf[m.Type]
	if !known || !validThreadID(m.ID) || !inOurTime(m.At) || m.Body.Kind() != jsontext.KindBeginObject {
		return i.in.wrong("has no type, id, time or body of a message")
	}
	text := fmt.Sprintf("%d:%d:%s:%d:%s%s", m.Seq, m.At.UnixMicro(), letter, len(m.ID), m.ID, m.Body)
	e, err := parseElement(text)
	if err == nil {
		_, err = e.message("", i.now.ThreadID, "")
	}
	if err != nil {
		return i.in.wrong("has a body that is none of a message")
	}
	i.now.messages++
	return i.place(ctx, m.Seq, m.ID, text, letter)
}

// removed takes in an empty place.
func (i *importer) removed(ctx context.Context, r *moveRemoved) error {
	text := fmt.Sprintf("%d:%d:%s:0:%s", r.Seq, r.At.UnixMicro(), removedLetter, r.Run)
	e, err := parseElement(text)
	if from, to := e.gap(); err != nil || !inOurTime(r.At) || r.Run != fmt.Sprintf("%d-%d", from, to) {
		return i.in.wrong("has no time, or no run of numbers around its own")
	}
	return i.place(ctx, r.Seq, "", text, removedLetter)
}

// place takes in the next element of the list of messages.
func (i *importer) place(ctx context.Context, seq int64, id, element, letter string) error {
	now := i.now
	if seq != now.next || seq > now.Seq {
		return i.in.wrong("has number %d where %d is next of %d", seq, now.next, now.Seq)
	}
	now.next++
	now.counts[letter]++
	if !now.wanted {
		return nil
	}
	now.args = append(now.args, id, element)
	if now.size += len(element); len(now.args) < 2*asideMessages && now.size < asideBytes {
		return nil
	}
	return i.putAside(ctx)
}

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

// fields are those of the record, in pairs.
func (t *incoming) fields() []any {
	fields := []any{
		"epoch", t.Epoch, "seq", t.Seq, "base", t.Base, "version", t.Version, "created", t.CreatedAt.UnixMicro(),
		"updated", t.UpdatedAt.UnixMicro(), "expires", t.ExpiresAt.UnixMicro(), "ttl", t.TTLSeconds, "relevant", flag(t.Relevant),
		"context", t.Context, "plan", unbracketed(t.Plan), "toolcalls", unbracketed(t.ToolCalls), "metadata", string(t.Metadata),
	}
	if t.Edits > 0 {
		fields = append(fields, "edits", t.Edits)
	}
	for _, letter := range slices.Sorted(maps.Keys(t.counts)) {
		fields = append(fields, letter, strconv.FormatInt(t.counts[letter], 10))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Fields)) {
		if !slices.Contains(namedFields, name) {
			fields = append(fields, name, t.Fields[name])
		}
	}
	return fields
}

// unbracketed gives the elements of a list as they lie in a record.
func unbracketed(list jsontext.Value) string {
	text := strings.TrimSpace(string(list))
	return text[1 : len(text)-1]
}
