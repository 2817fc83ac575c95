package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEdits bounds the changes of messages of a thread; some more than are kept (scripts/edit.lua).
const maxEdits = 10_000

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
