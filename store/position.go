package store

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
)

// entry is an entry of an index: a thread and its score, the time of its last update in microseconds (0 in the index by id).
type entry struct {
	id    string
	score int64
}

// compare orders entries as the lists show them: by id, or newest first and then by descending id, as ZREVRANGE does.
func compare(a, b entry, byID bool) int {
	if byID {
		return strings.Compare(a.id, b.id)
	}
	switch {
	case a.score > b.score:
		return -1
	case a.score < b.score:
		return 1
	}
	return strings.Compare(b.id, a.id)
}

// The first byte of a list cursor: the order it belongs to. Message cursors start with cursorVersion.
const (
	positionByUpdate = 2
	positionByID     = 3
)

// cursor gives the entry's position as clients see it: URL-safe base64 of the order, the score and the id.
func (e entry) cursor(byID bool) string {
	raw := make([]byte, 1, 1+binary.MaxVarintLen64+len(e.id))
	raw[0] = positionByUpdate
	if byID {
		raw[0] = positionByID
	} else {
		raw = binary.AppendVarint(raw, e.score)
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, e.id...))
}

// parsePosition reads what cursor made for the same order; nil for an empty text, ErrBadCursor for anything else.
func parsePosition(text string, byID bool) (*entry, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no position, and no mistake
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 2 {
		return nil, ErrBadCursor
	}
	var e entry
	rest := raw[1:]
	switch {
	case byID && raw[0] == positionByID:
	case !byID && raw[0] == positionByUpdate:
		score, n := binary.Varint(rest)
		if n <= 0 {
			return nil, ErrBadCursor
		}
		e.score, rest = score, rest[n:]
	default:
		return nil, ErrBadCursor
	}
	if e.id = string(rest); e.id == "" || e.cursor(byID) != text {
		return nil, ErrBadCursor
	}
	return &e, nil
}

func formatScore(score int64) string { return strconv.FormatInt(score, 10) }
