package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// metric gives the value of a metric without labels.
func metric(tb testing.TB, s *server, name string) string {
	tb.Helper()
	answer := s.Send(tb, http.MethodGet, "/metrics", "")
	require.Equal(tb, http.StatusOK, answer.Status)
	found := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*\})? (.*)$`).FindStringSubmatch(answer.Body)
	require.NotNil(tb, found, "%s is not in %s", name, answer.Body)
	return found[1]
}

// TestMetricsOfListeners: each is counted while it is there, however it came and whatever makes it go.
func TestMetricsOfListeners(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		assert.Equal(t, "1", metric(t, s, "agentstate_build_info"))
		assert.Equal(t, "0", metric(t, s, "agentstate_panics_total"))
		has := func(listeners, streams int) {
			eventually(t, fmt.Sprint(listeners, " listeners, ", streams, " streams"), func() bool {
				return metric(t, s, "agentstate_listeners") == fmt.Sprint(listeners) && metric(t, s, "agentstate_streams") == fmt.Sprint(streams)
			})
		}
		create(t, s, "a")
		create(t, s, "b")
		var open []*gqltest.Stream
		for i, transport := range gqltest.Transports {
			messages, _, _ := follow(t, s, transport, "a")
			changes, _ := watch(t, s, transport, "b")
			open = append(open, messages, changes)
			has(2*i+2, 2*i+2)
		}
		assert.Equal(t, "2", metric(t, s, "agentstate_listened_threads"))
		open[0].Close()
		n := len(gqltest.Transports)
		has(2*n-1, 2*n-1)
		// The thread goes: its listeners are told that it is over, which ends an event stream; a WebSocket may have other operations.
		_, errs, _ := s.Do(context.Background(), `mutation { deleteAgentState(input: {threadId: "a"}) { deletedThreadId } }`, nil)
		require.Empty(t, errs)
		has(n, n+1) // the older WebSocket; the newer one was closed
		for _, stream := range open {
			stream.Close()
		}
		has(0, 0)
		eventually(t, "nobody listens to any thread", func() bool { return metric(t, s, "agentstate_listened_threads") == "0" })
	})
}
