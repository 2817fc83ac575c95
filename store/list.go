package store

import (
	"context"
	"slices"
	"time"
)

// Filter says which threads a list shows; zero fields do not restrict it.
type Filter struct {
	// ThreadIDPattern is a glob, see glob.
	ThreadIDPattern string
	// UpdatedAfter and UpdatedBefore are exclusive bounds on LastUpdated.
	UpdatedAfter, UpdatedBefore *time.Time
}

// restricts tells whether the pattern leaves anything out.
func restricts(pattern string) bool { return pattern != "" && pattern != "*" }

// IDPage is one page of thread ids. Cursors has the position of each; Start and End are the page's, End that of the last id
// looked at, which need not be on the page.
type IDPage struct {
	IDs              []string
	Cursors          []string
	Start, End       string
	HasNext, HasPrev bool
}

// Recent gives the ids of the threads that were updated last, newest first. One round trip.
func (t *Threads) Recent(ctx context.Context, limit int) ([]string, error) {
	page, err := t.List(ctx, Filter{}, Range{First: limit})
	if err != nil {
		return nil, err
	}
	return page.IDs, nil
}

// List gives a page of thread ids, newest LastUpdated first; ErrBadCursor. One round trip, two with a pattern that starts with
// text where few ids start so; with another pattern that few ids match some more, and a page may end early where its budget is used up.
// Where a bucket has many threads that are past their expiry and not cleared away yet, it takes up to twice as many.
func (t *Threads) List(ctx context.Context, f Filter, r Range) (*IDPage, error) {
	l := listing{index: t.store.keys.updated, low: scoreAfter(f.UpdatedAfter), high: scoreBefore(f.UpdatedBefore)}
	return t.listPage(ctx, l.matching(f.ThreadIDPattern), r)
}

// IDs gives a page of the thread ids that match a glob, in the order of their bytes; ErrBadCursor. One round trip; with a
// pattern that few ids match some more as with List, and a page may end early where its budget is used up.
func (t *Threads) IDs(ctx context.Context, pattern string, r Range) (*IDPage, error) {
	return t.listPage(ctx, t.idListing(pattern), r)
}

func (t *Threads) idListing(pattern string) listing {
	return listing{index: t.store.keys.byID, byID: true}.matching(pattern)
}

// matching is the listing of the ids that match a glob.
func (l listing) matching(pattern string) listing {
	if restricts(pattern) {
		l.glob = compileGlob(pattern)
	}
	return l
}

// listPage reads the page r of a listing.
func (t *Threads) listPage(ctx context.Context, l listing, r Range) (*IDPage, error) {
	var err error
	if l.after, l.before, err = r.positions(l.byID); err != nil {
		return nil, err
	}
	l.backward = r.Last > 0
	found, err := t.search(ctx, l, max(r.First, r.Last), listBudget)
	if err != nil {
		return nil, err
	}
	page := &IDPage{IDs: make([]string, len(found.entries)), Cursors: make([]string, len(found.entries))}
	if l.backward {
		slices.Reverse(found.entries)
		page.HasPrev, page.HasNext = found.more || r.After != "", r.Before != ""
	} else {
		page.HasNext, page.HasPrev = found.more || r.Before != "", r.After != ""
	}
	for i, e := range found.entries {
		page.IDs[i], page.Cursors[i] = e.id, e.cursor(l.byID)
	}
	if n := len(page.IDs); n > 0 {
		page.Start, page.End = page.Cursors[0], page.Cursors[n-1]
	}
	if found.stopped != nil { // out of budget: the next page goes on behind the last id that was looked at
		if l.backward {
			page.Start = found.stopped.cursor(l.byID)
		} else {
			page.End = found.stopped.cursor(l.byID)
		}
	}
	return page, nil
}

// positions reads the cursors of a range of a list; a *BadCursorError where one is of another list.
func (r Range) positions(byID bool) (after, before *entry, err error) {
	if after, err = parsePosition(r.After, byID); err != nil {
		return nil, nil, &BadCursorError{Argument: "after"}
	}
	if before, err = parsePosition(r.Before, byID); err != nil {
		return nil, nil, &BadCursorError{Argument: "before"}
	}
	return after, before, nil
}

// CheckListCursors tells whether the cursors are of List; a *BadCursorError where one is not.
func (r Range) CheckListCursors() error {
	_, _, err := r.positions(false)
	return err
}

// CheckIDCursors tells whether the cursors are of IDs; a *BadCursorError where one is not.
func (r Range) CheckIDCursors() error {
	_, _, err := r.positions(true)
	return err
}
