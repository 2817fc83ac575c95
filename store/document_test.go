package store

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

func TestDocuments(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		ctx, s := t.Context(), e.open(t)
		_, found, err := s.Document(ctx, "h1", time.Hour)
		require.NoError(t, err)
		assert.False(t, found)

		for hash, text := range map[string]string{"h1": "{ a }", "h2": "{ b }"} { // on a cluster of several slots
			require.NoError(t, s.SaveDocument(ctx, hash, text, time.Hour))
			got, found, err := twin(t, s).Document(ctx, hash, time.Hour)
			require.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, text, got, "another process reads it")
		}
		ids, err := s.For("").IDs(ctx, "*", Range{First: 10})
		require.NoError(t, err)
		assert.Empty(t, ids.IDs, "documents are no threads")
	})
}

// TestDocumentsAreKeptWhileTheyAreUsed looks at the expiry in Redis: of saving, and of reading.
func TestDocumentsAreKeptWhileTheyAreUsed(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		ctx, s := t.Context(), e.open(t)
		left := func() time.Duration { return s.rdb.PTTL(ctx, s.keys.document("h")).Val() }
		require.NoError(t, s.SaveDocument(ctx, "h", "{ a }", time.Hour))
		assert.InDelta(t, time.Hour, left(), float64(time.Minute))
		_, found, err := s.Document(ctx, "h", 3*time.Hour)
		require.NoError(t, err)
		assert.True(t, found)
		assert.InDelta(t, 3*time.Hour, left(), float64(time.Minute))
	})
}

func TestDocumentsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	opts := DefaultOptions()
	opts.Connection.Addrs = []string{server.Addr()}
	s := openWith(t, opts)
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, found, err := s.Document(ctx, "h", time.Hour)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.False(t, found)
	require.ErrorIs(t, s.SaveDocument(ctx, "h", "{ a }", time.Hour), ErrUnavailable)
}
