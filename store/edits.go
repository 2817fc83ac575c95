package store

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed scripts/edits.lua
var luaEdits string

var editsScript = newScript(luaEdits, false)

// A change of a message that was there already lies in its thread's list of them as
//
//	<number>:<time in microseconds>:<kind>:<version>:<seq>:<message id, to the end; of a truncation the last number that went>
//
// The numbers count from 1 without gaps; the last thousand are kept (scripts/edit.lua).

// EditKind is what happened to messages.
type EditKind byte

// What happens to messages that are there.
const (
	MessageUpdated EditKind = 'U'
	MessageDeleted EditKind = 'D'
	Truncated      EditKind = 'T'
)

// MessageEdit is a change of a message that was there already.
type MessageEdit struct {
	Kind     EditKind
	ThreadID string
	Epoch    Epoch
	// Number is the place of the change among those of the thread: 1, 2, 3, …
	Number int
	At     time.Time
	// Version is that of the thread with the change.
	Version int
	// Seq and MessageID name the message. For Truncated Seq is the number behind which all messages went, up to ThroughSeq, and MessageID is
	// empty.
	Seq, ThroughSeq int
	MessageID       string
	// Message is what the message is now; nil where it is gone.
	Message *Message
}

// Cursor is the position of the change among those of its thread.
func (e *MessageEdit) Cursor() string { return EditCursor{Epoch: e.Epoch, Number: e.Number}.String() }

// EditCursor is a position among the changes of a thread's messages: behind change Number of incarnation Epoch.
type EditCursor struct {
	Epoch  Epoch
	Number int
}

// editCursorVersion is the first byte of such a cursor; those of messages and lists have others.
const editCursorVersion = 4

// String gives the cursor as clients see it, in the form of Cursor.
func (c EditCursor) String() string {
	raw := append(make([]byte, 0, 1+epochBytes+binary.MaxVarintLen64), editCursorVersion)
	epoch, err := hex.DecodeString(string(c.Epoch))
	if err != nil || len(epoch) != epochBytes {
		epoch = make([]byte, epochBytes)
	}
	raw = binary.AppendUvarint(append(raw, epoch...), uint64(max(c.Number, 0)))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ParseEditCursor reads what String made; anything else is ErrBadCursor. Each position has exactly one text.
func ParseEditCursor(text string) (EditCursor, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 1+epochBytes+1 || raw[0] != editCursorVersion {
		return EditCursor{}, ErrBadCursor
	}
	number, n := binary.Uvarint(raw[1+epochBytes:])
	if n <= 0 || number > math.MaxInt32 {
		return EditCursor{}, ErrBadCursor
	}
	c := EditCursor{Epoch: Epoch(hex.EncodeToString(raw[1 : 1+epochBytes])), Number: int(number)}
	if c.String() != text {
		return EditCursor{}, ErrBadCursor
	}
	return c, nil
}

// EditCursor is the position behind the last change of the thread's messages.
func (s *AgentState) EditCursor() string { return EditCursor{Epoch: s.Epoch, Number: s.Edits}.String() }

// EditsExpiredError says that the changes behind a cursor are not kept any more, or are those of another incarnation of the
// thread. A reader reads the messages anew, and goes on behind Newest.
type EditsExpiredError struct{ Newest EditCursor }

func (e *EditsExpiredError) Error() string { return "the cursor of changes has expired" }

// editBytes is how many bytes of messages one reading of changes brings, and one message more.
const editBytes = 1 << 20

// EditsAfter reads the changes of messages behind a cursor, at most limit of them in order, and where the thread stands. Errors:
// ErrNotFound, *EditsExpiredError. One round trip.
func (t *Threads) EditsAfter(ctx context.Context, threadID string, c EditCursor, limit int) ([]*MessageEdit, Head, error) {
	run := call{script: editsScript, keys: t.keysOf(threadID).forScript(), args: []any{c.Number, limit, editBytes}}
	status, reply, err := t.store.run(ctx, run, nil)
	switch {
	case err != nil:
		return nil, Head{}, err
	case status != "OK":
		return nil, Head{}, statusError(status, reply)
	}
	head := Head{Epoch: Epoch(reply.text(0)), Seq: reply.int(1), Version: reply.int(2), Edits: reply.int(3)}
	if c.Epoch != head.Epoch || c.Number < reply.int(4) || c.Number > head.Edits {
		return nil, head, &EditsExpiredError{Newest: EditCursor{Epoch: head.Epoch, Number: head.Edits}}
	}
	var edits []*MessageEdit
	for i := 5; i+1 < len(reply); i += 2 {
		edit, err := t.edit(threadID, head.Epoch, reply.text(i), reply.text(i+1))
		if err != nil {
			return nil, head, err
		}
		edits = append(edits, edit)
	}
	return edits, head, nil
}

// errEdit says that an entry among the changes of a thread is not of our making.
var errEdit = errors.New("store: a change of a message in Redis is malformed")

// edit makes a change of its entry and of the element of its message, empty for none.
func (t *Threads) edit(threadID string, epoch Epoch, entry, element string) (*MessageEdit, error) {
	parts := strings.SplitN(entry, ":", 6)
	if len(parts) != 6 || !slices.Contains([]string{"U", "D", "T"}, parts[2]) {
		return nil, errEdit
	}
	var numbers [4]int64
	for i, at := range []int{0, 1, 3, 4} {
		n, err := strconv.ParseInt(parts[at], 10, 64)
		if err != nil {
			return nil, errEdit
		}
		numbers[i] = n
	}
	e := &MessageEdit{
		Kind: EditKind(parts[2][0]), ThreadID: threadID, Epoch: epoch, Number: int(numbers[0]), At: time.UnixMicro(numbers[1]).UTC(),
		Version: int(numbers[2]), Seq: int(numbers[3]), MessageID: parts[5],
	}
	if e.Kind == Truncated {
		through, err := strconv.Atoi(e.MessageID)
		if err != nil {
			return nil, errEdit
		}
		e.ThroughSeq, e.MessageID = through, ""
	}
	if element == "" {
		return e, nil
	}
	m, err := t.decode(threadID, epoch, element)
	e.Message = m
	return e, err
}
