// Package resolver answers the fields of schema.graphqls: it checks arguments against their bounds (bounds.go, input.go), finds out
// what the selection set asks for (selection.go), calls the store or the feed once, and puts what they say into GraphQL's
// forms. errors.go is the only table of error codes. It knows no Redis and no HTTP.
package resolver

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"agentstate/internal/auth"
	"agentstate/internal/feed"
	"agentstate/store"
)

// Limits are the bounds that a client meets with LIMIT_EXCEEDED; the store has those that need to know the thread.
type Limits struct {
	MessageBytes, ContextBytes, MetadataBytes int
	BatchMessages                             int
}

// Resolver is the root of the resolvers. All its fields but Panics are set once, before use.
type Resolver struct {
	Store  *store.Store
	Feed   *feed.Hub
	Limits Limits
	Info   Info
	Log    *slog.Logger
	// Now is the clock; NewID makes the ids that a client leaves out.
	Now   func() time.Time
	NewID func() string
	// Panics counts the panics that were caught, here and by whoever is told to count along.
	Panics atomic.Int64

	// details is what Redis tells of itself, and pulse whether it answers.
	details recent[*store.RedisHealth]
	pulse   recent[error]
}

// threads are the caller's: nobody sees those of another owner. Where the operation says that it may be behind, so are they.
func (r *Resolver) threads(ctx context.Context) *store.Threads {
	threads := r.Store.For(auth.From(ctx).Owner)
	if mayBeStale(ctx) {
		return threads.Stale()
	}
	return threads
}
