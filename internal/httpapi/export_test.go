package httpapi

import "context"

// Persisting gives how persisted texts are kept, for tests that turn the clock.
func Persisting(cfg Config) func(ctx context.Context, hash, text string) {
	return newPersistedQueries(cfg).keep
}
