package store

import "time"

// Filter says which threads a list shows; zero fields do not restrict it.
type Filter struct {
	// ThreadIDPattern is a glob, see MatchGlob.
	ThreadIDPattern string
	// UpdatedAfter and UpdatedBefore are exclusive bounds on LastUpdated.
	UpdatedAfter, UpdatedBefore time.Time
}
