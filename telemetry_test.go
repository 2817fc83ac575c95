package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// busy is a server that has done something of every kind, so that it has all of its metrics.
func busy(t *testing.T) *server {
	t.Helper()
	s := start(t, append(at(sharedRedis(t).Addr()), "MAX_MESSAGE_BYTES=1024", "MAX_CONNECTIONS_PER_CALLER=1")...)
	create(t, s, "a", human("m1"))
	stream, _, _ := follow(t, s, gqltest.Transports[0], "a")
	add(t, s, "a", human("m2"))
	nextMessage(t, stream)
	s.Must(t, `query Read { agentState(threadId: "a") { version } }`, nil, nil)
	s.Must(t, `query Read { agentState(threadId: "a") { version } }`, nil, nil)
	s.Fail(t, `mutation Touch { setContext(input: {threadId: "nosuchthread", context: ""}) { agentState { id } } }`, nil)
	s.Fail(t, `{ nothing }`, nil)
	s.Fail(t, `mutation Large($c: JSON!) { addMessage(input: {threadId: "a", message: {type: HUMAN, content: $c}}) { duplicate } }`,
		vars{"c": strings.Repeat("x", 2000)})
	s.rest(t, http.MethodGet, "/redis/agent-state/a/exists", nil)
	s.rest(t, http.MethodGet, "/redis/agent-state/nosuchthread", nil)
	refused := s.Send(t, http.MethodPost, "/graphql", `{"query": "subscription { messageAdded(threadId: \"a\") { id } }"}`,
		"Content-Type", "application/json", "Accept", "text/event-stream")
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	return s
}

// scrape gives the text of /metrics.
func scrape(tb testing.TB, s *server) string {
	tb.Helper()
	answer := s.Send(tb, http.MethodGet, "/metrics", "")
	require.Equal(tb, http.StatusOK, answer.Status)
	return answer.Body
}

func TestMetricsTellWhatWasDone(t *testing.T) {
	t.Parallel()
	s := busy(t)
	text := scrape(t, s)
	for _, want := range []string{
		`agentstate_operations_total{code="OK",operation="Read",type="query"} 2`,
		`agentstate_operation_duration_seconds_count{operation="Read",type="query"} 2`,
		`agentstate_operations_total{code="NOT_FOUND",operation="Touch",type="mutation"} 1`,
		`agentstate_operations_total{code="GRAPHQL_VALIDATION_FAILED",operation="none",type="none"} 1`,
		`agentstate_operations_total{code="LIMIT_EXCEEDED",operation="Large",type="mutation"} 1`,
		`agentstate_operations_total{code="OK",operation="{createAgentState}",type="mutation"} 1`,
		`agentstate_operations_total{code="OK",operation="GET /redis/agent-state/{thread_id}/exists",type="rest"} 1`,
		`agentstate_operations_total{code="404",operation="GET /redis/agent-state/{thread_id}",type="rest"} 1`,
		`agentstate_limits_hit_total{limit="data"} 1`,
		`agentstate_limits_hit_total{limit="connections"} 1`,
		`agentstate_limits_hit_total{limit="rate"} 0`,
		`agentstate_gaps_repaired_total{cause="check"} 0`,
		`agentstate_slow_clients_cut_off_total 0`,
		`agentstate_listeners 1`,
		`agentstate_threads 1`,
	} {
		assert.Contains(t, text, want+"\n")
	}
	for _, positive := range []string{
		`agentstate_redis_calls_total{call="append",outcome="ok"}`, `agentstate_redis_call_duration_seconds_count{call="append"}`,
		`agentstate_redis_pool_connections{state="idle"}`, `agentstate_deliveries_total`,
	} {
		assert.Regexp(t, `(?m)^`+regexp.QuoteMeta(positive)+` [1-9]`, text)
	}
	assert.NotContains(t, text, "nosuchthread", "what clients send is no label")
}

// A subscription that cannot start is an operation that has failed, and one that is left has gone well.
func TestMetricsOfSubscriptions(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, transport := range gqltest.Transports {
		create(t, s, fmt.Sprint(i))
		stream, _, _ := follow(t, s, transport, fmt.Sprint(i))
		stream.Close()
		bad := transport.Subscribe(t, s.Client, `subscription Bad { messageAdded(threadId: "nosuchthread") { id } }`, nil)
		bad.Next(t)
		bad.Close()
		eventually(t, "both have ended", func() bool {
			text := scrape(t, s)
			return strings.Contains(text, fmt.Sprintf(`agentstate_operations_total{code="OK",operation="{messageAdded}",type="subscription"} %d`, i+1)) &&
				strings.Contains(text, fmt.Sprintf(`agentstate_operations_total{code="NOT_FOUND",operation="Bad",type="subscription"} %d`, i+1))
		})
	}
}

func TestMetricsKeepTheConventions(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(scrape(t, busy(t)))).Lint()
	require.NoError(t, err)
	assert.Empty(t, slices.DeleteFunc(problems, func(p promlint.Problem) bool { return !strings.HasPrefix(p.Metric, "agentstate_") }))
}

var ownMetric = regexp.MustCompile(`\bagentstate_\w+\b`)

// namesOf are the names of the metrics of a server, without the parts of histograms.
func namesOf(tb testing.TB, s *server) []string {
	tb.Helper()
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (agentstate_\w+) `).FindAllStringSubmatch(scrape(tb, s), -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return names
}

func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	documented := ownMetric.FindAllString(string(text), -1)
	slices.Sort(documented)
	assert.Equal(t, namesOf(t, busy(t)), slices.Compact(documented))
}

// While Redis is away the metrics are there, and say so.
func TestMetricsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, "REDIS_HOST=127.0.0.1", "REDIS_PORT=1", "REDIS_TIMEOUT=100ms")
	_, errs, _ := s.Do(context.Background(), `query Read { agentState(threadId: "a") { version } }`, nil)
	require.Len(t, errs, 1)
	text := scrape(t, s)
	assert.Contains(t, text, `agentstate_operations_total{code="UNAVAILABLE",operation="Read",type="query"} 1`)
	assert.NotContains(t, text, "\nagentstate_threads ")
}
