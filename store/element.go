package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A message lies in its thread's list as one element:
//
//	<seq>:<arrival in microseconds>:<type letter>:<length of the id in bytes>:<id><body>
//
// The body is the JSON of Message, with what the writer gave and nothing else, so that a message sent again has the same bytes.
// The header lets scripts and readers number, filter and trim without decoding JSON. scripts/append.lua writes it.
//
// A message that was removed leaves its place, so that numbers and cursors stay what they are: an element of the letter X without an
// id, whose body is <from>-<to>, the run of numbers that were removed together, for readers to step over. scripts/edit.lua writes it.

// removedLetter is that of an empty place. It is the name of their counter too.
const removedLetter = "X"

// letterOf gives the letter of a message type. The letters are also the names of the counters in the record.
var letterOf = map[MessageType]string{
	Human: "H", AI: "A", System: "S", Tool: "T", Function: "F", Chat: "C", Other: "O",
}

var typeOf = func() map[string]MessageType {
	types := make(map[string]MessageType, len(letterOf))
	for t, letter := range letterOf {
		types[letter] = t
	}
	return types
}()

// element is a list element taken apart; the body is not decoded.
type element struct {
	seq     int
	arrival int64
	letter  string
	id      string
	body    string
}

// newElement puts together what append.lua stores of a message with that id, letter and body.
func newElement(seq int, arrival, id, letter, body string) string {
	return strconv.Itoa(seq) + ":" + arrival + ":" + letter + ":" + strconv.Itoa(len(id)) + ":" + id + body
}

// errElement says that an element of a list is not of our making.
var errElement = errors.New("store: a message in Redis is malformed")

// parseElement takes a list element apart.
func parseElement(text string) (element, error) {
	head, rest, ok := strings.Cut(text, ":")
	arrived, rest, ok2 := strings.Cut(rest, ":")
	letter, rest, ok3 := strings.Cut(rest, ":")
	size, rest, ok4 := strings.Cut(rest, ":")
	if !ok || !ok2 || !ok3 || !ok4 {
		return element{}, errElement
	}
	seq, err1 := strconv.Atoi(head)
	arrival, err2 := strconv.ParseInt(arrived, 10, 64)
	length, err3 := strconv.Atoi(size)
	if err1 != nil || err2 != nil || err3 != nil || length < 0 || length > len(rest) {
		return element{}, errElement
	}
	return element{seq: seq, arrival: arrival, letter: letter, id: rest[:length], body: rest[length:]}, nil
}

// message decodes the element of a thread's incarnation.
func (e element) message(owner, threadID string, epoch Epoch) (*Message, error) {
	m := &Message{}
	if err := decodeBody(e.body, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errElement, err)
	}
	m.Owner, m.ThreadID, m.Epoch = owner, threadID, epoch
	m.Seq, m.MessageID, m.Type = e.seq, e.id, typeOf[e.letter]
	if m.Timestamp.IsZero() {
		m.Timestamp = time.UnixMicro(e.arrival).UTC()
	}
	if m.Metadata == nil {
		m.Metadata = emptyObject
	}
	if m.ResponseMetadata == nil {
		m.ResponseMetadata = emptyObject
	}
	if m.Type == "" {
		return nil, errElement
	}
	return m, nil
}

// emptyObject stands for JSON that was not given. Nobody writes to it: it has no room behind it.
var emptyObject = json.RawMessage("{}")[:2:2]

// gap gives the run of empty places that one belongs to; its own number twice where it does not tell.
func (e element) gap() (from, to int) {
	first, last, _ := strings.Cut(e.body, "-")
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || from > e.seq || to < e.seq {
		return e.seq, e.seq
	}
	return from, to
}
