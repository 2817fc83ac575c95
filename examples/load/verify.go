package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

const (
	// maxShown is how many differences of a thread are told; more of them tell nothing new.
	maxShown = 10
	// maxExcerpt is how much of a value is shown, in bytes, from shortly before where it differs.
	maxExcerpt = 80
)

// differences are those of one thread.
type differences struct {
	n     int
	lines []string // the first maxShown, and then one that says how many more there are
}

func (d *differences) add(format string, args ...any) {
	switch d.n++; {
	case d.n <= maxShown:
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	case d.n == maxShown+1:
		d.lines = append(d.lines, "")
		fallthrough
	default:
		d.lines[maxShown] = fmt.Sprintf("… and %d more", d.n-maxShown)
	}
}

// verify reads a thread, page by page, and compares it with what was sent: every message once, in order, nothing beside them,
// and every value equal as JSON, numbers by their digits. The error is that of reading.
func verify(ctx context.Context, c *client, conv conversation) (differences, error) {
	d := differences{}
	index := make(map[string]int, len(conv.messages))
	for i, m := range conv.messages {
		index[m.MessageID] = i
	}
	read := make([]bool, len(conv.messages))
	last := -1
	for node, err := range c.thread(ctx, conv.threadID) {
		if err != nil {
			return d, err
		}
		got, err := object(node)
		if err != nil {
			return d, err
		}
		id, _ := got["messageId"].(string)
		i, sent := index[id]
		switch {
		case !sent:
			d.add("message %q is there, and was not sent", id)
			continue
		case read[i]:
			d.add("message %q is there twice", id)
			continue
		case i < last:
			d.add("message %q comes too late", id)
		}
		read[i], last = true, max(last, i)
		if err := compare(&d, conv.messages[i], got); err != nil {
			return d, err
		}
	}
	for i, m := range conv.messages {
		if !read[i] {
			d.add("message %q is missing", m.MessageID)
		}
	}
	return d, nil
}

// thread reads all messages of a thread; of one that does not exist there are none.
func (c *client) thread(ctx context.Context, threadID string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for after := (*string)(nil); ; {
			p, err := c.messages(ctx, threadID, after)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, node := range p.Nodes {
				if !yield(node, nil) {
					return
				}
			}
			if !p.PageInfo.HasNextPage {
				return
			}
			if p.PageInfo.EndCursor == nil || (after != nil && *p.PageInfo.EndCursor == *after) {
				yield(nil, errors.New("the server says that there are more messages, and gives no way to them"))
				return
			}
			after = p.PageInfo.EndCursor
		}
	}
}

// compare notes every field of a message that is not as it was sent.
func compare(d *differences, sent messageInput, got map[string]any) error {
	raw, err := encode(sent)
	if err != nil {
		return err
	}
	want, err := object(raw)
	if err != nil {
		return err
	}
	// What the API gives for fields that were left out. The fields that are never sent are here as well: nothing may appear there.
	absent := []struct {
		field string
		value any
	}{
		{"type", nil},
		{"content", nil},
		{"name", nil},
		{"toolCalls", []any{}},
		{"toolCallId", nil},
		{"metadata", map[string]any{}},
		{"status", nil},
		{"responseMetadata", map[string]any{}},
		{"usage", nil},
	}
	for _, a := range absent {
		w, ok := want[a.field]
		if !ok {
			w = a.value
		}
		if g := got[a.field]; !reflect.DeepEqual(w, g) {
			wantText, gotText := excerpts(w, g)
			d.add("message %q: sent %s %s, and read %s", sent.MessageID, a.field, wantText, gotText)
		}
	}
	return nil
}

// object decodes a JSON object with numbers as json.Number, which compare by their digits.
func object(raw json.RawMessage) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var o map[string]any
	err := dec.Decode(&o)
	return o, err
}

// excerpts gives both values as JSON, cut to where they differ.
func excerpts(a, b any) (excerptA, excerptB string) {
	rawA, errA := encode(a)
	rawB, errB := encode(b)
	if errA != nil || errB != nil {
		return fmt.Sprint(a), fmt.Sprint(b) // cannot be: both come from JSON
	}
	same := 0
	for same < min(len(rawA), len(rawB)) && rawA[same] == rawB[same] {
		same++
	}
	from := max(0, same-maxExcerpt/4)
	if max(len(rawA), len(rawB)) <= maxExcerpt {
		from = 0
	}
	return excerpt(rawA, from), excerpt(rawB, from)
}

func excerpt(raw json.RawMessage, from int) string {
	to := min(from+maxExcerpt, len(raw))
	text := strings.ToValidUTF8(string(raw[min(from, to):to]), "") // the cuts may be within a character
	if from > 0 {
		text = "…" + text
	}
	if to < len(raw) {
		text += "…"
	}
	return text
}
