package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// behind starts a server on a Redis with a replica that says of the thread `one` that its context is `replica`, where the master says
// `master`.
func behind(t *testing.T) (s *server, replica *redistest.Server) {
	t.Helper()
	master := redistest.Start(t)
	replica, err := redistest.LaunchReplica(master, "--replica-read-only", "no")
	redistest.Require(t, err)
	t.Cleanup(replica.Close)
	host, port, err := net.SplitHostPort(master.Addr())
	require.NoError(t, err)
	s = start(t, "REDIS_HOST="+host, "REDIS_PORT="+port, "REDIS_REPLICA_URL=redis://"+replica.Addr())
	create(t, s, "one", human("m1"))
	s.Must(t, `mutation { setContext(input: {threadId: "one", context: "master"}) { agentState { version } } }`, nil, nil)
	client := replica.Client()
	require.Eventually(t, func() bool {
		keys := client.Keys(t.Context(), "*}:t:*").Val()
		return len(keys) == 1 && client.HGet(t.Context(), keys[0], "context").Val() == "master" && client.HSet(t.Context(), keys[0], "context", "replica").Err() == nil
	}, gqltest.Patience, 10*time.Millisecond)
	return s, replica
}

// The same text with and without @stale is two queries: whatever is kept of the one, compiled or not, is nothing to the other.
func TestStaleQueries(t *testing.T) {
	t.Parallel()
	s, replica := behind(t)
	documents := map[string]struct {
		head, body string
		want       func(context string) string
	}{
		"compiled": {
			``, `{ agentState(threadId: "one") { context } }`,
			func(context string) string { return `{"agentState":{"context":"` + context + `"}}` },
		},
		"with variables": {
			`($id: ID! = "one")`, `{ agentState(threadId: $id) { context } }`,
			func(context string) string { return `{"agentState":{"context":"` + context + `"}}` },
		},
		"left to gqlgen": {
			`($yes: Boolean! = true)`, `{ agentState(threadId: "one") { context @include(if: $yes) } }`,
			func(context string) string { return `{"agentState":{"context":"` + context + `"}}` },
		},
		"several roots": {
			``, `{ recentAgentStates { context } agentStates { nodes { context } totalCount } agentStateCount }`,
			func(context string) string {
				return `{"recentAgentStates":[{"context":"` + context + `"}],"agentStates":{"nodes":[{"context":"` + context + `"}],"totalCount":1},"agentStateCount":1}`
			},
		},
	}
	for name, d := range documents {
		fresh, stale := `query A`+d.head+d.body, `query A`+d.head+` @stale `+d.body
		for range 3 { // a document is kept from its second time on
			for document, context := range map[string]string{fresh: "master", stale: "replica"} {
				var got json.RawMessage
				s.Must(t, document, nil, &got)
				assert.JSONEq(t, d.want(context), string(got), name)
			}
		}
	}

	both := `query A { agentState(threadId: "one") { context } } query B @stale { agentState(threadId: "one") { context } }`
	for range 3 {
		for operation, context := range map[string]string{"A": "master", "B": "replica"} {
			answer := s.Send(t, http.MethodGet, "/graphql?"+url.Values{"query": {both}, "operationName": {operation}}.Encode(), "")
			assert.JSONEq(t, `{"data":{"agentState":{"context":"`+context+`"}}}`, answer.Body, operation)
		}
	}

	replica.Kill()
	var got struct{ AgentState struct{ Context string } }
	s.Must(t, `query A @stale { agentState(threadId: "one") { context } }`, nil, &got)
	assert.Equal(t, "master", got.AgentState.Context)
}

// Who writes, or listens, must not be behind.
func TestOnlyQueriesAreStale(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "one")
	for _, document := range []string{
		`mutation @stale { setContext(input: {threadId: "one", context: "x"}) { agentState { version } } }`,
		`subscription @stale { messageAdded(threadId: "one") { seq } }`,
		`{ agentState(threadId: "one") @stale { version } }`,
		`query @stale @stale { agentStateCount }`,
		`query @stale(seconds: 1) { agentStateCount }`,
	} {
		assert.Equal(t, "GRAPHQL_VALIDATION_FAILED", s.Fail(t, document, nil).Code(), document)
	}
	var got struct {
		AgentState struct{ Version int }
	}
	s.Must(t, `query @stale { agentState(threadId: "one") { version } }`, nil, &got)
	assert.Equal(t, 1, got.AgentState.Version, "the mutation was not executed; and where there is no replica the answer is as ever")
}
