package store

import (
	"context"
	"errors"
)

const (
	// messageStep is how many messages one script goes through: some 100 us of Redis.
	messageStep = 100
	// walkAttempts is how often a thread that is written to meanwhile is gone through again.
	walkAttempts = 5
)

// messagesOf is a thread whose messages are to be gone through, and what was found of them already.
type messagesOf struct {
	name   threadName
	epoch  string
	counts bool
}

// errMoved says that a thread has changed while it was gone through.
var errMoved = errors.New("store: the thread has changed meanwhile")

// examineMessages goes through the messages of a thread: their numbers, their ids, and how many there are of each type. Of a thread that
// changes all the time it tells what was seen at first, and leaves the rest to the next examination.
func (d *doctor) examineMessages(ctx context.Context, m messagesOf) error {
	var w walked
	for attempt := 0; ; attempt++ {
		one, err := d.walk(ctx, m)
		if err != nil && !errors.Is(err, errMoved) {
			return err
		}
		w.ids, w.counts, w.malformed = w.ids || one.ids, w.counts || one.counts, w.malformed || one.malformed
		if err == nil {
			break
		}
		if attempt == walkAttempts {
			if m.counts {
				d.add("message-counts", texts["message-counts"].severity, texts["message-counts"].text, m.name.String())
			}
			break
		}
	}
	if w.malformed {
		d.found("malformed", m.name)
	}
	if w.ids {
		d.found("message-ids", m.name)
	}
	if w.counts {
		d.found("message-counts", m.name)
	}
	return nil
}

// walked is what was found by going through the messages of a thread.
type walked struct{ ids, counts, malformed bool }

// walk goes through a thread once. Each step is of one instant and makes things only truer; the counts are compared, and set, only if
// no message has come, gone or changed since the first step.
func (d *doctor) walk(ctx context.Context, m messagesOf) (w walked, err error) {
	var counts [8]int
	from, base, seq := 1, 0, 1
	begun, first, edits := false, 0, 0
	for from <= seq {
		r, err := d.ask(ctx, m, call{script: examineMessages(d.Fix), args: []any{m.epoch, from, from + messageStep - 1, d.mode()}})
		if err != nil {
			return w, err
		}
		if base, seq = r.int(0), r.int(1); from <= base { // the oldest messages are gone; start where they begin
			counts, from, begun = [8]int{}, base+1, false
			continue
		}
		if begun && (base != first || r.int(12) != edits) { // of what was counted already something may be gone, or of another type
			return w, errMoved
		}
		begun, first, edits = true, base, r.int(12)
		w.ids, w.malformed = w.ids || r.int(2) > 0, w.malformed || r.int(3) > 0
		d.report.Examined.Messages += int64(max(0, min(messageStep, seq-from+1)))
		for i := range counts {
			counts[i] += r.int(4 + i)
		}
		from += messageStep
	}
	if err := d.walkIDs(ctx, m, &w); err != nil || w.malformed {
		return w, err
	}
	args := []any{m.epoch, base, seq, d.mode()}
	for _, n := range counts {
		args = append(args, n)
	}
	args = append(args, edits)
	r, err := d.ask(ctx, m, call{script: examineCounts(d.Fix), args: args})
	w.counts = err == nil && r.int(0) == 1
	return w, err
}

// walkIDs goes through the index of a thread's message ids for those that lead to none.
func (d *doctor) walkIDs(ctx context.Context, m messagesOf, w *walked) error {
	cursor := uint64(0)
	for {
		pairs, next, err := d.s.rdb.HScan(ctx, d.s.keys.thread(m.name.owner, m.name.id).ids, cursor, "", messageStep).Result()
		if err != nil {
			return translate(err)
		}
		for len(pairs) > 1 {
			n := min(len(pairs), 2*messageStep) &^ 1
			args := []any{m.epoch, d.mode()}
			for i := 0; i < n; i += 2 {
				args = append(args, pairs[i])
			}
			r, err := d.ask(ctx, m, call{script: examineIDs(d.Fix), args: args})
			if err != nil {
				return err
			}
			w.ids = w.ids || r.int(0) > 0
			pairs = pairs[n:]
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// ask runs a script about a thread; errMoved where it is another one by now.
func (d *doctor) ask(ctx context.Context, m messagesOf, c call) (reply, error) {
	c.keys = d.s.keys.thread(m.name.owner, m.name.id).forScript()
	status, r, err := d.s.run(ctx, c, nil)
	if err == nil && status == "MOVED" {
		return nil, errMoved
	}
	return r, err
}
