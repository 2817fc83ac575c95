package store

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
)

// Epoch tells the incarnations of a thread id apart: 16 hexadecimal digits, random on creation. A thread that was deleted
// and made anew, or lost messages to eviction, has another epoch, so that an old cursor never points into new messages.
type Epoch string

// epochBytes is the length of an epoch in bytes: 64 random bits.
const epochBytes = 8

// Cursor is a position in a thread: behind message Seq of incarnation Epoch.
type Cursor struct {
	Epoch Epoch
	Seq   int
}

// ErrBadCursor says that a text is no cursor that this package made.
var ErrBadCursor = errors.New("not a cursor")

// cursorVersion is the first byte of every message cursor, so that another form can be told apart later.
const cursorVersion = 1

// String gives the cursor as clients see it: URL-safe base64 of version, epoch and sequence number.
func (c Cursor) String() string {
	raw := make([]byte, 1, 1+epochBytes+binary.MaxVarintLen64)
	raw[0] = cursorVersion
	epoch, err := hex.DecodeString(string(c.Epoch))
	if err != nil || len(epoch) != epochBytes {
		epoch = make([]byte, epochBytes)
	}
	raw = append(raw, epoch...)
	raw = binary.AppendUvarint(raw, uint64(max(c.Seq, 0)))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ParseCursor reads what String made; anything else is ErrBadCursor. Each position has exactly one text.
func ParseCursor(text string) (Cursor, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 1+epochBytes+1 || raw[0] != cursorVersion {
		return Cursor{}, ErrBadCursor
	}
	seq, n := binary.Uvarint(raw[1+epochBytes:])
	if n <= 0 || n != len(raw)-1-epochBytes || seq > math.MaxInt32 {
		return Cursor{}, ErrBadCursor
	}
	c := Cursor{Epoch: Epoch(hex.EncodeToString(raw[1 : 1+epochBytes])), Seq: int(seq)}
	if c.String() != text {
		return Cursor{}, ErrBadCursor
	}
	return c, nil
}
