package store

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Threads move as lines of JSON, each an object with one member that says what it is. docs/data.md describes the format; what is changed
// here is changed there, and raises moveVersion where an older program would misread it.
//
//	{"format": {"name": "agentstate-threads", "version": 1}}   the first line
//	{"thread": {…}}                                            begins a thread, with all of its record
//	{"message": {"seq", "at", "type", "id", "body"}}           its messages, in order; the body as it lies in Redis
//	{"removed": {"seq", "at", "run"}}                          a place among them that is empty
//	{"edit": "…"}                                              a change of its messages, as it lies in Redis
//	{"endThread": {"messages": 2}}                             ends it
//	{"abandoned": true}                                        ends it too: what stands since its beginning is void
//	{"end": {"threads": 1, "sha256": "…"}}                     the last line; the hash is that of all bytes ahead of it
const (
	moveName    = "agentstate-threads"
	moveVersion = 1
)

// moveTime is a time in a line, to the microsecond.
const moveTime = "2006-01-02T15:04:05.000000Z"

// moveLine is a line as it is read.
type moveLine struct {
	Format    *moveFormat    `json:"format"`
	Thread    *moveThread    `json:"thread"`
	Message   *moveMessage   `json:"message"`
	Removed   *moveRemoved   `json:"removed"`
	Edit      *string        `json:"edit"`
	EndThread *moveEndThread `json:"endThread"`
	Abandoned bool           `json:"abandoned"`
	End       *moveEnd       `json:"end"`
}

type moveFormat struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// moveThread is the record of a thread. Fields are those that have no name here, as they lie in Redis.
type moveThread struct {
	ThreadID   string            `json:"threadId"`
	Owner      string            `json:"owner"`
	Epoch      string            `json:"epoch"`
	Version    int64             `json:"version"`
	Base       int64             `json:"base"`
	Seq        int64             `json:"seq"`
	Edits      int64             `json:"edits"`
	CreatedAt  time.Time         `json:"createdAt"`
	UpdatedAt  time.Time         `json:"lastUpdated"`
	TTLSeconds int64             `json:"ttlSeconds"`
	ExpiresAt  time.Time         `json:"expiresAt"`
	Relevant   bool              `json:"relevant"`
	Context    string            `json:"context"`
	Plan       jsontext.Value    `json:"plan"`
	ToolCalls  jsontext.Value    `json:"toolCalls"`
	Metadata   jsontext.Value    `json:"metadata"`
	Fields     map[string]string `json:"fields"`
}

type moveMessage struct {
	Seq  int64          `json:"seq"`
	At   time.Time      `json:"at"`
	Type MessageType    `json:"type"`
	ID   string         `json:"id"`
	Body jsontext.Value `json:"body"`
}

type moveRemoved struct {
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	Run string    `json:"run"`
}

type moveEndThread struct {
	Messages int64 `json:"messages"`
}

type moveEnd struct {
	Threads int64  `json:"threads"`
	SHA256  string `json:"sha256"`
}

// namedFields are the fields of a record that moveThread has by name, those that are made anew (kept, and the counts by type), and the hash of
// the document that it was adopted from: another Redis may have another document of that id, which must not take its place (adopt.lua). All
// others go as they are.
var namedFields = append([]string{
	"epoch", "seq", "base", "version", "created", "updated", "expires", "ttl", "relevant", "edits",
	"context", "plan", "toolcalls", "metadata", "kept", "adopted", removedLetter,
}, allLetters...)

// moveWriter writes lines.
type moveWriter struct {
	out  *bufio.Writer
	sum  hash.Hash
	line []byte
}

func newMoveWriter(w io.Writer) *moveWriter {
	return &moveWriter{out: bufio.NewWriterSize(w, 64<<10), sum: sha256.New()}
}

// end ends the line that was made, and writes it.
func (w *moveWriter) end() error {
	w.line = append(w.line, '\n')
	w.sum.Write(w.line)
	_, err := w.out.Write(w.line)
	w.line = w.line[:0]
	return err
}

func (w *moveWriter) raw(text string)         { w.line = append(w.line, text...) }
func (w *moveWriter) int(key string, n int64) { w.raw(key); w.line = strconv.AppendInt(w.line, n, 10) }

func (w *moveWriter) micros(key string, n int64) {
	w.raw(key)
	w.line = time.UnixMicro(n).UTC().AppendFormat(w.line, `"`+moveTime+`"`)
}

// text adds a text; one that is not UTF-8 is an error.
func (w *moveWriter) text(key, text string) (err error) {
	w.raw(key)
	w.line, err = jsontext.AppendQuote(w.line, text)
	return err
}

// json adds JSON as it is; what is none, or more than a line, is an error.
func (w *moveWriter) json(key, text string) error {
	if !json.Valid([]byte(text)) || bytes.ContainsAny([]byte(text), "\n\r") {
		return errRecord
	}
	w.raw(key + text)
	return nil
}

func (w *moveWriter) begin() error {
	w.raw(`{"format":{"name":"` + moveName + `"`)
	w.int(`,"version":`, moveVersion)
	w.raw("}}")
	return w.end()
}

// thread begins a thread with the fields of its record.
func (w *moveWriter) thread(owner, threadID string, values map[string]string) error {
	in := recordReader{values: values}
	err := errors.Join(w.text(`{"thread":{"threadId":`, threadID), w.text(`,"owner":`, owner), w.text(`,"epoch":`, values["epoch"]))
	for _, name := range []string{"version", "base", "seq", "edits"} {
		w.int(`,"`+name+`":`, in.int(name))
	}
	w.micros(`,"createdAt":`, in.int("created"))
	w.micros(`,"lastUpdated":`, in.int("updated"))
	w.int(`,"ttlSeconds":`, in.int("ttl"))
	w.micros(`,"expiresAt":`, in.int("expires"))
	w.raw(`,"relevant":` + strconv.FormatBool(values["relevant"] == "1"))
	metadata := values["metadata"]
	if metadata == "" {
		metadata = "{}"
	}
	err = errors.Join(err, w.text(`,"context":`, values["context"]), w.json(`,"plan":`, "["+values["plan"]+"]"),
		w.json(`,"toolCalls":`, "["+values["toolcalls"]+"]"), w.json(`,"metadata":`, metadata))
	more := `,"fields":{`
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(namedFields, name) {
			err = errors.Join(err, w.text(more, name), w.text(":", values[name]))
			more = ","
		}
	}
	if more == "," {
		w.raw("}")
	}
	w.raw("}}")
	if err = errors.Join(err, in.err); err != nil {
		w.line = w.line[:0]
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return w.end()
}

// element writes a message or an empty place.
func (w *moveWriter) element(e element) error {
	if e.letter == removedLetter {
		w.int(`{"removed":{"seq":`, int64(e.seq))
		w.micros(`,"at":`, e.arrival)
		if err := w.text(`,"run":`, e.body); err != nil {
			return errElement
		}
		w.raw("}}")
		return w.end()
	}
	kind, known := typeOf[e.letter]
	w.int(`{"message":{"seq":`, int64(e.seq))
	w.micros(`,"at":`, e.arrival)
	err := errors.Join(w.text(`,"type":`, string(kind)), w.text(`,"id":`, e.id), w.json(`,"body":`, e.body))
	if err != nil || !known {
		w.line = w.line[:0]
		return errElement
	}
	w.raw("}}")
	return w.end()
}

func (w *moveWriter) edit(entry string) error {
	if err := w.text(`{"edit":`, entry); err != nil {
		return errRecord
	}
	w.raw("}")
	return w.end()
}

func (w *moveWriter) endThread(messages int64) error {
	w.int(`{"endThread":{"messages":`, messages)
	w.raw("}}")
	return w.end()
}

func (w *moveWriter) abandon() error {
	w.line = append(w.line[:0], `{"abandoned":true}`...)
	return w.end()
}

// close writes the last line.
func (w *moveWriter) close(threads int) error {
	sum := hex.EncodeToString(w.sum.Sum(nil))
	w.int(`{"end":{"threads":`, int64(threads))
	w.raw(`,"sha256":"` + sum + `"}}`)
	if err := w.end(); err != nil {
		return err
	}
	return w.out.Flush()
}

// maxLine bounds a line that is read, in bytes: the largest message, context, plan and tool runs that can be configured fit.
const maxLine = 128 << 20

// moveReader reads lines.
type moveReader struct {
	in    *bufio.Reader
	sum   hash.Hash
	buf   []byte
	line  int
	bytes int64
}

func newMoveReader(r io.Reader) *moveReader {
	return &moveReader{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
}

// MoveError says what is wrong with a file of threads.
type MoveError struct {
	// Line counts from 1.
	Line int
	Why  string
}

func (e *MoveError) Error() string { return fmt.Sprintf("line %d %s", e.Line, e.Why) }

func (r *moveReader) wrong(format string, args ...any) error {
	return &MoveError{Line: max(r.line, 1), Why: fmt.Sprintf(format, args...)}
}

// next reads a line, which is valid until the next one is read; io.EOF at the end. The hash of the last line is of what stands ahead of it.
func (r *moveReader) next() (*moveLine, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		if len(r.buf) > maxLine {
			return nil, r.wrong("is longer than %d bytes", maxLine)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) && len(r.buf) > 0 {
				r.line++
				return nil, r.wrong("is cut off")
			}
			return nil, err
		}
	}
	r.line++
	r.bytes += int64(len(r.buf))
	var line moveLine
	if err := strict.Unmarshal(r.buf, &line, strict.RejectUnknownMembers(true)); err != nil {
		wrong := oldError(err)
		return nil, r.wrong("is not understood: %s %s", cmp.Or(wrong.Place, "it"), wrong.Why)
	}
	if line.End == nil {
		r.sum.Write(r.buf)
	}
	return &line, nil
}
