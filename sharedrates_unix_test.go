//go:build unix

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// wall is how many requests pass at once. Behind them little comes back while a test runs: one in a second.
const wall = 200

// sharedRates is the environment of servers that share their rates on a Redis.
func sharedRates(redis string) []string {
	return append(at(redis), "MAX_REQUESTS_PER_SECOND=1", fmt.Sprint("MAX_REQUEST_BURST=", wall), "SHARE_REQUEST_RATES=true")
}

func postCount(t *testing.T, s *server) gqltest.Answer {
	t.Helper()
	return s.Send(t, http.MethodPost, "/graphql", `{"query": "{ __typename }"}`, "Content-Type", "application/json")
}

// passes sends requests to the servers in turn until one is refused, and gives how many were not.
func passes(t *testing.T, servers ...*server) (n int, refused gqltest.Answer) {
	t.Helper()
	for ; n < 4*wall; n++ {
		answer := postCount(t, servers[n%len(servers)])
		if answer.Status != http.StatusOK {
			return n, answer
		}
	}
	require.FailNow(t, "there is no limit")
	return 0, gqltest.Answer{}
}

// TestProcessesShareTheRates runs two processes on one Redis: a caller has one allowance, not one of each.
func TestProcessesShareTheRates(t *testing.T) {
	t.Parallel()
	environ := sharedRates(sharedRedis(t).Addr())
	one, two := launchProcess(t, environ...), launchProcess(t, environ...)
	n, refused := passes(t, one.server, two.server)
	assert.GreaterOrEqual(t, n, wall)
	assert.Less(t, n, 2*wall, "each alone would let as many pass")
	assert.Equal(t, http.StatusTooManyRequests, refused.Status)
	assert.Equal(t, "1", refused.Header.Get("Retry-After"))
	require.Len(t, refused.Errors(t), 1)
	assert.Equal(t, "Send at most 1 requests per second, and the next one in 1 s.", refused.Errors(t)[0].Message)
	assert.Equal(t, map[string]any{"code": "LIMIT_EXCEEDED", "limit": 1.0, "actual": 2.0, "retryAfterSeconds": 1.0}, refused.Errors(t)[0].Extensions)
	for _, p := range []*process{one, two} {
		_, refused := passes(t, p.server)
		assert.Equal(t, http.StatusTooManyRequests, refused.Status, "there is nothing left at either")
	}
}

// TestOperationsOfWebSocketsShareTheRates uses up the allowance at one server, and finds nothing left on a WebSocket of the other.
func TestOperationsOfWebSocketsShareTheRates(t *testing.T) {
	t.Parallel()
	environ := sharedRates(sharedRedis(t).Addr())
	one, two := start(t, environ...), start(t, environ...)
	conn, first, _ := initiate(t, two, "", `{"type":"connection_init"}`)
	require.JSONEq(t, `{"type":"connection_ack"}`, first)
	passes(t, one)
	n := 0
	for ; n < wall/2; n++ { // what comes back while the test runs passes
		operation := fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ __typename }"}}`, n)
		require.NoError(t, conn.Write(patient(t), websocket.MessageText, []byte(operation)))
		_, answer, err := conn.Read(patient(t))
		require.NoError(t, err)
		if strings.Contains(string(answer), `"error"`) {
			assert.Contains(t, string(answer), "LIMIT_EXCEEDED")
			break
		}
		_, _, err = conn.Read(patient(t)) // complete
		require.NoError(t, err)
	}
	assert.Less(t, n, wall/2, "the other server alone would let as many pass")
}

// TestRatesWithoutRedis: a Redis that is stopped, or does not answer, is no reason to refuse what it is not needed for, nor to let
// everything pass.
func TestRatesWithoutRedis(t *testing.T) {
	for name, befall := range map[string]func(*redistest.Server){
		"stopped": (*redistest.Server).Stop, "paused": (*redistest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := redistest.Start(t)
			s := start(t, sharedRates(own.Addr())...)
			require.Equal(t, http.StatusOK, postCount(t, s).Status)
			befall(own)
			n, refused := passes(t, s)
			assert.GreaterOrEqual(t, n, wall-1, "the process goes on with its own limit")
			assert.Less(t, n, 2*wall)
			assert.Equal(t, http.StatusTooManyRequests, refused.Status)
			require.Len(t, refused.Errors(t), 1)
			assert.Equal(t, "LIMIT_EXCEEDED", refused.Errors(t)[0].Code())
			assert.Len(t, s.log.entries(t, "level", "WARN"), 1, "it is said once")
		})
	}
}
