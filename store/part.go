package store

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

const (
	// trimRounds bounds how often a part of a list is read again because messages were trimmed under it.
	trimRounds = 10
	// trimSlack is by how many messages the second of these rounds allows for that; each further one allows four times as many.
	trimSlack = 64
	// txMessages bounds the messages of one transaction that reads parts, unless a single part is larger.
	txMessages = 10_000
)

// part is a run of messages to read of a thread that was read before and may have moved on since, so what it is now comes with
// them: elements are missing only up to base, or all of them where oldest is of another incarnation (of none, where the thread is gone).
// Of those that are missing the ones behind oldest were removed, the others trimmed.
type part struct {
	threadID string
	epoch    Epoch
	// from and to are sequence numbers, both included; base is the number ahead of the list.
	from, to, base int

	elements []element
	oldest   Cursor

	slack int
	head  *redis.SliceCmd
	list  *redis.StringSliceCmd
}

// readParts reads parts. One round trip for each 10,000 messages, and more where messages are trimmed all the time.
func (t *Threads) readParts(ctx context.Context, parts []*part) error {
	for len(parts) > 0 {
		n, messages := 0, 0
		for n < len(parts) && (n == 0 || messages < txMessages) {
			messages += parts[n].to - parts[n].from + 1
			n++
		}
		if err := t.readSome(ctx, parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return nil
}

// readSome reads parts in one round trip, and those that were trimmed under it again.
func (t *Threads) readSome(ctx context.Context, parts []*part) error {
	for range trimRounds {
		ids := make([]string, len(parts))
		for i, p := range parts {
			ids[i] = p.threadID
		}
		err := t.readEach(ctx, ids, func(ctx context.Context, pipe redis.Pipeliner, i int) {
			p, keys := parts[i], t.keysOf(ids[i])
			p.head = pipe.HMGet(ctx, keys.record, headOfParts...)
			first, last := int64(max(p.from-p.base-1-p.slack, 0)), int64(p.to-p.base-1)
			if last < 0 { // all of it was trimmed; to Redis a negative place counts from the end
				first, last = 1, 0
			}
			p.list = pipe.LRange(ctx, keys.messages, first, last)
		})
		if err != nil {
			return err
		}
		if t.stale && slices.ContainsFunc(parts, (*part).isBehind) {
			return t.fresh().readSome(ctx, parts)
		}
		var again []*part
		for _, p := range parts {
			done, err := p.read()
			if err != nil {
				return err
			}
			if !done {
				again = append(again, p)
			}
		}
		if parts = again; len(parts) == 0 {
			return nil
		}
	}
	return ErrUnavailable
}

// isBehind tells whether the answer is of a server that does not have what was read before: another replica, further behind.
func (p *part) isBehind() bool {
	in := recordReader{values: valuesOf(headOfParts, p.head)}
	return Epoch(in.values["epoch"]) != p.epoch || int(in.int("seq")) < p.to
}

// read takes in what the commands brought; it is not done where more was trimmed meanwhile than was allowed for.
func (p *part) read() (done bool, err error) {
	was := p.base
	if p.oldest, p.base, err = beginningOf(p.head); err != nil || p.oldest.Epoch != p.epoch || p.base >= p.to {
		return true, err
	}
	// Trimming moves what is left to lower places, by no more than the slack.
	if p.base-was <= p.slack {
		p.elements, err = pick(p.list.Val(), p.from, p.to)
		return true, err
	}
	p.slack = max(4*p.slack, trimSlack)
	return false, nil
}

// headOfParts are the fields of a record that are read with parts.
var headOfParts = []string{"epoch", "base", "seq", "trimmed"}

// beginningOf gives the oldest position that a thread goes back to, and the number ahead of its list, of the fields of its record.
func beginningOf(head *redis.SliceCmd) (oldest Cursor, base int, err error) {
	in := recordReader{values: valuesOf(headOfParts, head)}
	base = int(in.int("base"))
	oldest = Cursor{Epoch: Epoch(in.values["epoch"]), Seq: base}
	if _, ok := in.values["trimmed"]; ok {
		oldest.Seq = int(in.int("trimmed"))
	}
	return oldest, base, in.err
}

// pick takes from a part of the list the elements with the sequence numbers from to to.
func pick(got []string, from, to int) ([]element, error) {
	elements := make([]element, 0, len(got))
	for _, text := range got {
		e, err := parseElement(text)
		if err != nil {
			return nil, err
		}
		if e.seq >= from && e.seq <= to {
			elements = append(elements, e)
		}
	}
	return elements, nil
}
