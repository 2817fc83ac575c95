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
