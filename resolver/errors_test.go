package resolver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// A panic is one entry of the log, which the client's errorId leads to and whose stack leads to the place.
func TestAPanicIsLoggedWithItsStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := &Resolver{Log: slog.New(slog.NewJSONHandler(&log, nil))}
	err := func() (err error) {
		defer func() { err = r.Recover(t.Context(), recover()) }()
		panicking()
		return nil
	}()
	shown := r.Present(t.Context(), err)
	assert.Equal(t, CodeInternal, shown.Extensions["code"])
	assert.NotContains(t, shown.Message, "secret")
	var entry map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &entry), "one entry: %s", log.String())
	assert.Equal(t, shown.Extensions["errorId"], entry["errorId"])
	assert.Equal(t, "panic: a secret", entry["error"])
	assert.Contains(t, entry["stack"], "resolver.panicking")
	assert.Equal(t, int64(1), r.Panics.Load())
}

func panicking() { panic("a secret") }

// That Redis is away is for the operator to know. That a client has gone in the middle is not, however many of them do so.
func TestOnlyRedisIsWarnedOf(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx    context.Context
		warned bool
	}{{t.Context(), true}, {gone, false}} {
		var log bytes.Buffer
		r := &Resolver{Log: slog.New(slog.NewJSONHandler(&log, nil))}
		shown := r.Present(c.ctx, fmt.Errorf("%w: %w", store.ErrUnavailable, context.Canceled))
		assert.Equal(t, CodeUnavailable, shown.Extensions["code"])
		assert.Equal(t, c.warned, log.Len() > 0, log.String())
	}
}
