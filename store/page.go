package store

import (
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
	// Whole says that no tool call is cut from its answers, see pairing: then the page may hold more. Not together with Types.
	Whole bool
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

// guess gives the indexes of the list at which the page lies unless messages were trimmed, or for some types where the search
// begins, so that it can be read together with the record. It is not ok where nothing can be guessed, or nothing needs to be read.
func (k PageKey) guess() (from, to int64, ok bool) {
	after, err := parseOptional(k.After)
	if err != nil || k.CountOnly {
		return 0, 0, false
	}
	before, err := parseOptional(k.Before)
	if err != nil {
		return 0, 0, false
	}
	switch n := int64(k.firstStep()); {
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
		low = max(low, c.Seq+1) // behind the cursor all may have been removed, with their places
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
	if c.Epoch != s.Epoch || c.Seq < s.Trimmed || c.Seq > s.Seq {
		return &CursorExpiredError{Oldest: Cursor{Epoch: s.Epoch, Seq: s.Trimmed}}
	}
	return nil
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
