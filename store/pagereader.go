package store

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// searchStep is how many messages a search by type reads at once at most.
const searchStep = 1000

// firstStep is how many messages are read for the page at first: the page itself, or where only some types are wanted, what
// is likely to hold them if they are no rarer than others. Steps grow fourfold.
func (k PageKey) firstStep() int {
	n := max(k.First, k.Last)
	if k.Types == "" {
		return n
	}
	return min(2*n+14, searchStep)
}

// allLetters are those of all types: of a thread with empty places its messages are searched for.
var allLetters = slices.Sorted(maps.Values(letterOf))

// pageReader makes one page, of what was read with the thread and then of as many parts as it takes. The messages of some types, or
// any where there are empty places among them, are searched for until there is one more than asked for, or all there are.
type pageReader struct {
	state   *AgentState
	key     PageKey
	page    *MessagePage
	letters []string
	// low and high bound the sequence numbers not looked at yet, both included.
	low, high int
	// found are the wanted elements so far, in the direction of the search.
	found []element
	step  int
	// pairs is set where no tool call shall be cut from its answers.
	pairs *pairing
	// base is the number ahead of the list, as far as is known.
	base int
}

// openPage starts a page of a thread that was just read.
func openPage(s *AgentState, k PageKey) *pageReader {
	r := &pageReader{state: s, key: k, letters: k.letters(), page: &MessagePage{}, high: -1, step: k.firstStep(), base: s.Base}
	r.page.Total = s.countTypes(r.letters)
	if r.letters == nil && (s.Removed > 0 || k.Whole) {
		r.letters = allLetters
	}
	if k.Whole {
		r.pairs = newPairing(k)
	}
	low, high, err := k.bounds(s)
	switch {
	case err != nil:
		r.page.Err = err
		return r
	case k.CountOnly:
		return r
	}
	if r.low, r.high = low, high; r.letters != nil {
		// Whether there is anything, of whatever type, on the other side of the cursor that the search starts from.
		r.page.HasPrev, r.page.HasNext = low > s.Base+1, max(high, s.Base) < s.Seq
		return r
	}
	if r.forward() {
		r.high = min(high, low+k.First-1)
	} else {
		r.low = max(low, high-k.Last+1)
	}
	if r.low > r.high {
		r.page.HasPrev, r.page.HasNext = low > s.Base+1, max(high, s.Base) < s.Seq
	} else {
		r.page.HasPrev, r.page.HasNext = r.low > s.Base+1, r.high < s.Seq
	}
	return r
}

func (r *pageReader) forward() bool { return r.key.First > 0 }

// takeGuess takes in what was read together with the record, if it lies where the page begins.
func (r *pageReader) takeGuess(got []string) error {
	if r.low > r.high {
		return nil
	}
	elements, err := pick(got, r.low, r.high)
	if err != nil || len(elements) == 0 {
		return err
	}
	from, to := elements[0].seq, elements[len(elements)-1].seq
	if r.forward() && from == r.low || !r.forward() && to == r.high {
		return r.take(elements, from, to)
	}
	return nil
}

// take takes in the next elements in the direction of the page, which lie between two sequence numbers, both included.
func (r *pageReader) take(elements []element, from, to int) error {
	if n := len(elements); n > 0 && r.letters != nil { // step over the rest of a run of empty places
		if first, last := elements[0], elements[n-1]; r.forward() && last.letter == removedLetter {
			_, to = last.gap()
		} else if !r.forward() && first.letter == removedLetter {
			from, _ = first.gap()
		}
	}
	if r.forward() {
		r.low = to + 1
	} else {
		r.high = from - 1
		slices.Reverse(elements)
	}
	for _, e := range elements {
		// An empty place is nothing even where the thread had none when it was read first.
		if r.letters == nil && e.letter != removedLetter || slices.Contains(r.letters, e.letter) {
			r.found = append(r.found, e)
		}
	}
	if r.pairs != nil {
		return r.pairs.look(r.found)
	}
	return nil
}

// next gives what to read next; nil where the page is done.
func (r *pageReader) next() *part {
	if r.page.Err != nil || r.low > r.high || r.letters != nil && r.enough() {
		return nil
	}
	p := &part{threadID: r.state.ThreadID, epoch: r.state.Epoch, from: r.low, to: r.high, base: r.base}
	if r.letters != nil {
		r.step = min(4*r.step, searchStep)
		if r.forward() {
			p.to = min(p.to, p.from+r.step-1)
		} else {
			p.from = max(p.from, p.to-r.step+1)
		}
	}
	return p
}

// enough tells whether a search has found what belongs to the page, and one message more if there is one.
func (r *pageReader) enough() bool {
	if len(r.found) >= r.page.Total {
		return true
	}
	if r.pairs != nil {
		return r.pairs.done(len(r.found))
	}
	if r.counted() {
		return len(r.found) >= r.size()
	}
	return len(r.found) > r.size()
}

// counted tells whether the counts of the thread say if there are more messages than were found: between cursors they do not.
func (r *pageReader) counted() bool {
	return r.pairs == nil && r.key.After == "" && r.key.Before == ""
}

// size is how many messages the page may hold.
func (r *pageReader) size() int {
	if r.pairs != nil {
		return r.pairs.end
	}
	return max(r.key.First, r.key.Last)
}

// takePart takes in what next asked for. A reader that goes on behind a cursor must miss nothing: what was trimmed meanwhile is a
// *CursorExpiredError for him. Without such a cursor it is merely not there any more.
func (r *pageReader) takePart(p *part) error {
	if r.key.After != "" && (p.oldest.Epoch != p.epoch || p.from <= p.oldest.Seq) {
		r.page.Err = &CursorExpiredError{Oldest: p.oldest}
		return nil
	}
	if err := r.take(p.elements, p.from, p.to); err != nil {
		return err
	}
	if p.oldest.Epoch != p.epoch {
		r.high = r.low - 1 // nothing of this incarnation is left
	} else {
		r.base, r.low = p.base, max(r.low, p.base+1)
	}
	return nil
}

// hasExpired tells whether a cursor of the page points to what the thread does not have.
func (r *pageReader) hasExpired() bool {
	_, expired := errors.AsType[*CursorExpiredError](r.page.Err)
	return expired
}

// close makes the page of what was found, of nothing where a cursor was wrong.
func (r *pageReader) close(owner string) error {
	if r.page.Err != nil {
		r.found = nil
	}
	if n := r.size(); r.letters != nil && !r.key.CountOnly {
		more := len(r.found) > n || r.counted() && r.low <= r.high && r.page.Total > len(r.found)
		r.found = r.found[:min(len(r.found), n)]
		if r.forward() {
			r.page.HasNext = more
		} else {
			r.page.HasPrev = more
		}
	}
	if !r.forward() {
		slices.Reverse(r.found)
	}
	r.page.Messages = make([]*Message, len(r.found))
	for i, e := range r.found {
		m, err := e.message(owner, r.state.ThreadID, r.state.Epoch)
		if err != nil {
			return err
		}
		r.page.Messages[i] = m
	}
	return nil
}

// readPages reads what is missing of pages and makes them; what is wrong with a cursor is in its page. It takes no round trip where
// each page was where it was looked for at first. Otherwise it takes one for all pages together where messages were trimmed, and
// one for each further step of a search by type: these are of 4, 16, ... times the first one, and of 1000 messages at most.
func (t *Threads) readPages(ctx context.Context, readers []*pageReader) error {
	for {
		var parts []*part
		var waiting []*pageReader
		for _, r := range readers {
			if p := r.next(); p != nil {
				parts, waiting = append(parts, p), append(waiting, r)
			}
		}
		if len(parts) == 0 {
			break
		}
		if err := t.readParts(ctx, parts); err != nil {
			return err
		}
		for i, r := range waiting {
			if err := r.takePart(parts[i]); err != nil {
				return err
			}
		}
	}
	for _, r := range readers {
		if err := r.close(t.owner); err != nil {
			return err
		}
	}
	return nil
}
