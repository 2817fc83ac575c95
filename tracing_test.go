package main

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"agentstate/internal/gqltest"
)

// receiver is a collector of traces, by OTLP over HTTP.
type receiver struct {
	mu    sync.Mutex
	spans []*tracev1.Span
	text  strings.Builder // of all that came
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	raw, err := io.ReadAll(body)
	var request collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &request) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.WriteString(request.String())
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// named gives the spans of a name.
func (c *receiver) named(name string) []*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.spans), func(s *tracev1.Span) bool { return s.GetName() != name })
}

func attributeOf(span *tracev1.Span, name string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == name {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// TestTraces runs a server that sends its traces to a collector of the test, and looks at them when it has stopped: by then all must be there.
// It is not parallel, since OpenTelemetry reads the environment of the process.
func TestTraces(t *testing.T) {
	got := &receiver{}
	at := httptest.NewServer(got)
	defer at.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", at.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=trial")
	s := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+at.URL, "LOG_LEVEL=debug")
	const secret = "nobody else shall read this"
	create(t, s, "a", object{"type": "HUMAN", "content": secret})
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	answer := s.Send(t, http.MethodPost, "/graphql", `{"query": "query Read($id: ID!) { agentState(threadId: $id) { context messages { nodes { text } } } }",
		"variables": {"id": "a"}}`, "Content-Type", "application/json", "Traceparent", "00-"+trace+"-"+parent+"-01")
	require.Contains(t, answer.Body, secret)
	s.Send(t, http.MethodGet, "/livez", "")
	s.Send(t, http.MethodGet, "/redis/agent-state/a/exists", "")
	s.Fail(t, `mutation Touch { setContext(input: {threadId: "b", context: "`+secret+`"}) { agentState { id } } }`, nil)
	for _, transport := range gqltest.Transports { // each of them gets through the span around it
		stream, _, _ := follow(t, s, transport, "a")
		stream.Close()
	}
	require.NoError(t, s.stop())

	request, read := got.named("POST /graphql"), got.named("query Read")
	require.Len(t, read, 1)
	assert.Equal(t, "OK", attributeOf(read[0], "agentstate.code"))
	assert.Equal(t, trace, hexOf(read[0].GetTraceId()), "it goes on with the client's trace")
	i := slices.IndexFunc(request, func(s *tracev1.Span) bool { return string(s.GetSpanId()) == string(read[0].GetParentSpanId()) })
	require.GreaterOrEqual(t, i, 0, "the operation is in the request")
	assert.Equal(t, parent, hexOf(request[i].GetParentSpanId()))
	in := func(name string, of *tracev1.Span) bool {
		return slices.ContainsFunc(got.named(name), func(s *tracev1.Span) bool { return string(s.GetParentSpanId()) == string(of.GetSpanId()) })
	}
	touch := got.named("mutation Touch")
	require.Len(t, touch, 1)
	assert.Equal(t, "NOT_FOUND", attributeOf(touch[0], "agentstate.code"))
	assert.Equal(t, tracev1.Status_STATUS_CODE_UNSET, touch[0].GetStatus().GetCode(), "it is the client's mistake")
	assert.True(t, in("redis update", touch[0]), "the call of Redis is in the operation")
	assert.Len(t, got.named("GET /redis/agent-state/{thread_id}/exists"), 1)
	assert.Len(t, got.named("subscription {messageAdded}"), len(gqltest.Transports), "those that had not ended are sent too")
	assert.Empty(t, got.named("GET *"), "probes are not traced")
	assert.NotContains(t, got.text.String(), secret)
	assert.NotContains(t, got.text.String(), "/livez")
	assert.Contains(t, got.text.String(), "trial")

	var lines []map[string]any
	for _, line := range s.log.entries(t, "operation", "Read") {
		if line["msg"] == "operation" {
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 1, "one line for each operation")
	assert.Equal(t, trace, lines[0]["trace_id"])
	assert.Equal(t, hexOf(read[0].GetSpanId()), lines[0]["span_id"])
	assert.Equal(t, "OK", lines[0]["code"])
	assert.Positive(t, lines[0]["took"])
	assert.Positive(t, lines[0]["bytes"])
	assert.NotContains(t, s.log.String(), secret)
}

func hexOf(id []byte) string { return hex.EncodeToString(id) }

// A collector that is away is no reason to answer nothing, nor to end with an error.
func TestTracesThatNobodyTakes(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	s := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
	create(t, s, "a")
	require.NoError(t, s.stop())
	assert.Contains(t, s.log.String(), "traces c")
}
