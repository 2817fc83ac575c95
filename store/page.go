package store

import (
	"context"
	"slices"
	"strings"
)

// Range says which page of a list to read: at most First from the front or Last from the back of what lies between the
// cursors. Exactly one of First and Last is positive; an empty cursor is none.
type Range struct {
	First, Last   int
	After, Before string
}

// PageKey names one page of a thread's messages among those of one Read.
type PageKey struct {
	Range
	// Types are the wanted message types, sorted and joined by a blank; empty for all.
	Types string
	// CountOnly says that only MessagePage.Total is wanted: no message is read for it.
	CountOnly bool
}

// MessagesOf gives the key of the page r of the messages of the given types; none are all.
func MessagesOf(r Range, types []MessageType) PageKey {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	slices.Sort(names)
	return PageKey{Range: r, Types: strings.Join(slices.Compact(names), " ")}
}

// MessagePage is one page of a thread's messages.
type MessagePage struct {
	Messages         []*Message
	HasNext, HasPrev bool
	// Total counts all messages of the thread that are of the wanted types.
	Total int
	// Err is why the page could not be read although the thread could: ErrBadCursor or a *CursorExpiredError.
	Err error
}

// letters gives the letters of the wanted types; nil for all.
func (k PageKey) letters() []string {
	var letters []string
	for name := range strings.FieldsSeq(k.Types) {
		letters = append(letters, letterOf[MessageType(name)])
	}
	return letters
}

// guess gives the indexes of the list at which the page lies unless messages were trimmed, so that it can be read together
// with the record. It is not ok where nothing can be guessed, or nothing needs to be read.
func (k PageKey) guess() (from, to int64, ok bool) {
	after, err := parseOptional(k.After)
	if err != nil || k.Types != "" || k.CountOnly {
		return 0, 0, false
	}
	before, err := parseOptional(k.Before)
	if err != nil {
		return 0, 0, false
	}
	switch n := int64(max(k.First, k.Last)); {
	case k.First > 0:
		return int64(after.Seq), int64(after.Seq) + n - 1, true
	case k.Before != "":
		from, to = max(int64(before.Seq)-1-n, 0), int64(before.Seq)-2
		return from, to, to >= 0
	default:
		return -n, -1, true
	}
}

// parseOptional reads a cursor; an empty one is the position ahead of everything.
func parseOptional(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	return ParseCursor(text)
}

// bounds gives the sequence numbers between which the page lies, both included, from the state of the thread.
func (k PageKey) bounds(s *AgentState) (low, high int, err error) {
	low, high = s.Base+1, s.Seq
	if k.After != "" {
		c, err := ParseCursor(k.After)
		if err != nil {
			return 0, 0, &BadCursorError{Argument: "after"}
		}
		if err := s.CheckCursor(c); err != nil {
			return 0, 0, err
		}
		low = c.Seq + 1
	}
	if k.Before != "" {
		c, err := ParseCursor(k.Before)
		if err != nil {
			return 0, 0, &BadCursorError{Argument: "before"}
		}
		if err := s.CheckCursor(c); err != nil {
			return 0, 0, err
		}
		high = min(high, c.Seq-1)
	}
	return low, high, nil
}

// CheckCursor tells whether the thread still has everything behind c: nil, or a *CursorExpiredError where c is of another
// incarnation, where messages behind it were trimmed, or where it lies beyond the end, which means that Redis has lost
// messages that a reader has already seen.
func (s *AgentState) CheckCursor(c Cursor) error {
	if c.Epoch != s.Epoch || c.Seq < s.Base || c.Seq > s.Seq {
		return &CursorExpiredError{Oldest: Cursor{Epoch: s.Epoch, Seq: s.Base}}
	}
	return nil
}

// page makes the page that k names of a thread that was just read; got are the elements that were read with it. The error
// is that of Redis; what is wrong with the cursors is in the page.
func (t *Threads) page(ctx context.Context, s *AgentState, k PageKey, got []string) (*MessagePage, error) {
	page := &MessagePage{Total: s.countTypes(k.letters())}
	low, high, err := k.bounds(s)
	if err != nil {
		page.Err = err
		return page, nil //nolint:nilerr // what is wrong with this page does not keep the thread from being read
	}
	if k.Types != "" {
		return page, t.searchPage(ctx, s, k, low, high, page)
	}
	from, to := low, min(high, low+k.First-1)
	if k.First == 0 {
		from, to = max(low, high-k.Last+1), high
	}
	if from > to {
		page.HasPrev, page.HasNext = low > s.Base+1, max(high, s.Base) < s.Seq
		return page, nil
	}
	page.HasPrev, page.HasNext = from > s.Base+1, to < s.Seq
	elements, err := pick(got, from, to)
	if err != nil {
		return nil, err
	}
	if len(elements) < to-from+1 {
		var oldest Cursor
		if elements, oldest, err = t.between(ctx, s, from, to); err != nil {
			return nil, err
		}
		if page.Err = k.expired(s, from, oldest); page.Err != nil {
			return page, nil //nolint:nilerr // as above
		}
	}
	page.Messages, err = t.decodeAll(s, elements)
	return page, err
}

func (t *Threads) decodeAll(s *AgentState, elements []element) ([]*Message, error) {
	messages := make([]*Message, len(elements))
	for i, e := range elements {
		m, err := e.message(t.owner, s.ThreadID, s.Epoch)
		if err != nil {
			return nil, err
		}
		messages[i] = m
	}
	return messages, nil
}

// searchStep is how many messages a search by type reads at once.
const searchStep = 1000

// searchPage fills a page with the messages of some types. It reads in steps, and ends when it has one more than asked for
// or all there are of these types.
func (t *Threads) searchPage(ctx context.Context, s *AgentState, k PageKey, low, high int, page *MessagePage) error {
	letters, forward := k.letters(), k.First > 0
	want := max(k.First, k.Last)
	ahead, behind := low > s.Base+1, max(high, s.Base) < s.Seq // whether there is anything, of whatever type, outside the cursors
	var found []element
	seen := 0
	for low <= high && len(found) <= want && seen < page.Total {
		from, to := low, min(high, low+searchStep-1)
		if !forward {
			from, to = max(low, high-searchStep+1), high
		}
		elements, oldest, err := t.between(ctx, s, from, to)
		if err != nil {
			return err
		}
		if page.Err = k.expired(s, from, oldest); page.Err != nil {
			return nil //nolint:nilerr // it says what is wrong with the page, not with the thread
		}
		if !forward {
			slices.Reverse(elements)
		}
		for _, e := range elements {
			if slices.Contains(letters, e.letter) {
				found, seen = append(found, e), seen+1
			}
		}
		if forward {
			low = to + 1
		} else {
			high = from - 1
		}
	}
	more := len(found) > want
	found = found[:min(len(found), want)]
	if forward {
		page.HasNext, page.HasPrev = more, ahead
	} else {
		slices.Reverse(found)
		page.HasPrev, page.HasNext = more, behind
	}
	var err error
	page.Messages, err = t.decodeAll(s, found)
	return err
}

// countTypes counts the thread's messages of the types with these letters; all of them where there are none.
func (s *AgentState) countTypes(letters []string) int {
	if letters == nil {
		return s.MessageCounts.Total
	}
	total := 0
	for _, letter := range letters {
		total += s.countOf(letter)
	}
	return total
}
