package feed

import "sync/atomic"

// Cause is how a hub has found that it may have missed something.
type Cause int

// The causes of gaps.
const (
	// Announcement: one that came does not follow what was known, so some before it were lost, late or double.
	Announcement Cause = iota
	// Check: a comparison with the store has shown that the last announcement was lost.
	Check
	// Connection: the subscription was made anew, and nobody knows what was announced meanwhile.
	Connection
	causes
)

// counts are what a hub has done since it was made.
type counts struct {
	deliveries, catchUps, reconnections atomic.Int64
	gaps                                [causes]atomic.Int64
}

// gap counts a topic whose listeners were made to look at the store because something may have been missed.
func (c *counts) gap(cause Cause) { c.gaps[cause].Add(1) }

// Deliveries counts what listeners were given: messages, changes and edits, once for each listener.
func (h *Hub) Deliveries() int64 { return h.counts.deliveries.Load() }

// CatchUps counts the reads of the store for a listener that was behind: after a gap, and because it was slow, a thread has more messages than
// one read brings, or a message was too large to be announced as a whole.
func (h *Hub) CatchUps() int64 { return h.counts.catchUps.Load() }

// Gaps counts the threads whose listeners were made to look at the store because an announcement may have been missed.
func (h *Hub) Gaps(cause Cause) int64 { return h.counts.gaps[cause].Load() }

// Reconnections counts the ends of the connection on which announcements come.
func (h *Hub) Reconnections() int64 { return h.counts.reconnections.Load() }
