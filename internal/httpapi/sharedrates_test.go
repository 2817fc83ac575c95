package httpapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asked is a SharedRates that notes who was asked about, and answers as it is told.
type asked struct {
	callers []string
	ctx     context.Context
	wait    time.Duration
	err     error
	silent  bool
}

func (a *asked) Allow(ctx context.Context, caller string, _, _ int) (time.Duration, error) {
	a.callers, a.ctx = append(a.callers, caller), ctx
	if a.silent {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return a.wait, a.err
}

func sharing(perSecond, burst int) (*rates, *asked, *bytes.Buffer) {
	all, log := &asked{}, &bytes.Buffer{}
	return newRates(perSecond, burst, newSharedRates(all, slog.New(slog.NewTextHandler(log, nil)))), all, log
}

func TestSharedRates(t *testing.T) {
	q, all, _ := sharing(10, 3)
	now := time.Unix(1000, 0)
	require.Nil(t, q.take(t.Context(), "a", now))
	require.Nil(t, q.take(t.Context(), "b", now))
	assert.Equal(t, []string{"a", "b"}, all.callers)

	all.wait = 2500 * time.Millisecond
	refused := q.take(t.Context(), "a", now)
	require.NotNil(t, refused)
	alone := newRates(10, 3, nil).refuse(all.wait)
	assert.Equal(t, alone, refused, "it is refused as by this process alone")
	assert.Equal(t, "3", refused.header.Get("Retry-After"))
	assert.Equal(t, map[string]any{"limit": 10, "actual": 11, "retryAfterSeconds": 3}, refused.extensions)

	now = now.Add(2 * time.Second)
	assert.Equal(t, "1", q.take(t.Context(), "a", now).header.Get("Retry-After"), "what is known is not asked again")
	assert.NotNil(t, q.look("a", now), "nor who failed to show a token")
	assert.Nil(t, q.look("b", now))
	assert.Len(t, all.callers, 3)
	all.wait = 0
	now = now.Add(500 * time.Millisecond)
	assert.Nil(t, q.look("a", now))
	assert.Nil(t, q.take(t.Context(), "a", now))
	assert.Len(t, all.callers, 4)
}

// TestThisProcessComesFirst: what it refuses by itself costs nobody a question.
func TestThisProcessComesFirst(t *testing.T) {
	q, all, _ := sharing(1, 2)
	now := time.Unix(1000, 0)
	for range 2 {
		require.Nil(t, q.take(t.Context(), "a", now))
	}
	for range 100 {
		assert.NotNil(t, q.take(t.Context(), "a", now))
	}
	assert.Len(t, all.callers, 2)
	assert.Nil(t, newSharedRates(nil, nil))
}

// TestFailuresCountForAllProcesses: who sends what is no token has one allowance of all processes too, and is looked at without one.
func TestFailuresCountForAllProcesses(t *testing.T) {
	q, all, _ := sharing(10, 3)
	d := doors{rates: q, address: func(*http.Request) string { return "192.0.2.1" }}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(""))
	require.Nil(t, d.exhausted(r))
	assert.Empty(t, all.callers, "to look asks nobody")
	all.wait = time.Minute
	d.failed(r)
	assert.Equal(t, []string{"192.0.2.1"}, all.callers)
	assert.NotNil(t, d.exhausted(r))
}

// TestRatesWhenNobodyAnswers: this process goes on by itself, asks one time in a second, and says so once.
func TestRatesWhenNobodyAnswers(t *testing.T) {
	q, all, log := sharing(1000, 5)
	now := time.Unix(1000, 0)
	all.err = errors.New("redis is unavailable")
	for range 5 {
		require.Nil(t, q.take(t.Context(), "a", now))
	}
	assert.NotNil(t, q.take(t.Context(), "a", now), "its own limit holds")
	assert.Len(t, all.callers, 1)
	now = now.Add(askAgain - time.Nanosecond)
	require.Nil(t, q.take(t.Context(), "a", now))
	assert.Len(t, all.callers, 1)
	now = now.Add(time.Nanosecond)
	for range 3 {
		require.Nil(t, q.take(t.Context(), "a", now))
	}
	assert.Len(t, all.callers, 2, "one tries")
	assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "it is said once: %s", log)
	assert.Contains(t, log.String(), "redis is unavailable")

	all.err = nil
	now = now.Add(askAgain)
	for range 3 {
		require.Nil(t, q.take(t.Context(), "a", now))
	}
	assert.Len(t, all.callers, 5)
	assert.Equal(t, 1, strings.Count(log.String(), "for all processes again"))
}

// TestSilenceIsWaitedForOnce, and not for long, whatever a request itself may take.
func TestSilenceIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, all, _ := sharing(1000, 5)
		all.silent = true
		began := time.Now()
		for range 5 {
			require.Nil(t, q.take(t.Context(), "a", time.Now()))
		}
		assert.Equal(t, askTimeout, time.Since(began))
	})
}

// TestWhoLeavesCountsToo: else a client that never waits for its answers would have no limit but that of each process.
func TestWhoLeavesCountsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, all, _ := sharing(10, 3)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		all.silent = true
		require.Nil(t, q.take(gone, "a", time.Now()))
		require.ErrorIs(t, all.ctx.Err(), context.DeadlineExceeded)
	})
}
