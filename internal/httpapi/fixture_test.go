package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.uber.org/goleak"

	"agentstate/graph"
	"agentstate/internal/httpapi"
	"agentstate/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds what must happen soon; a test that passes never waits for it.
const patience = 20 * time.Second

// server is the edge in front of a stub of the resolvers, on a port of its own.
type server struct {
	*httptest.Server
	stub *stub
	log  *logBuffer
	// stop cancels the base context and ends the streams, as a server that shuts down does.
	stop    func()
	streams *httpapi.Streams
	// served gets the path of each request whose handler has returned.
	served chan string
}

// newServer starts a server, which ends with the test. Changes apply to its config.
func newServer(t testing.TB, changes ...func(*httpapi.Config)) *server {
	t.Helper()
	s := newUnstartedServer(t, changes...)
	s.Start()
	return s
}

func newUnstartedServer(t testing.TB, changes ...func(*httpapi.Config)) *server {
	t.Helper()
	s := &server{stub: newStub(), log: &logBuffer{}, served: make(chan string, 1000)}
	cfg := httpapi.Config{
		Schema:          graph.NewExecutableSchema(graph.Config{Resolvers: root{s.stub}}),
		Streams:         httpapi.NewStreams(),
		PresentError:    presentError,
		Recover:         func(context.Context, any) error { return errors.New("a resolver has panicked") },
		MaxRequestBytes: 1 << 20,
		MaxQueryTokens:  500,
		WriteTimeout:    patience,
		StopGrace:       patience,
		Playground: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "playground "+r.URL.Path)
		}),
		Inspector: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "inspector "+r.URL.Path)
		}),
		Metrics: http.NotFoundHandler(),
		Health:  func(context.Context) any { return map[string]string{"status": "ok"} },
		Ready:   func(context.Context) error { return nil },
		Log:     slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&cfg)
	}
	handler := httpapi.New(cfg)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { s.served <- r.URL.Path }()
		handler.ServeHTTP(w, r)
	}))
	base, stop := context.WithCancel(context.Background())
	s.streams = cfg.Streams
	s.stop = func() { stop(); s.streams.Close() }
	s.Config.BaseContext = func(net.Listener) context.Context { return base }
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(s.log, nil), slog.LevelError)
	t.Cleanup(func() {
		s.stop()
		s.Close()
	})
	return s
}

// finish stops the server, and wants everything that its streams have started to end.
func (s *server) finish(t testing.TB) {
	t.Helper()
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.streams.Wait(ctx))
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request; header alternates names and values.
func (s *server) send(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	res := s.open(t, method, path, body, header...)
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, string(content)}
}

// open makes a request and leaves the body of its response to the caller.
func (s *server) open(t testing.TB, method, path, body string, header ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.Client().Do(req)
	require.NoError(t, err)
	return res
}

// post sends a body of JSON to /graphql.
func (s *server) post(t testing.TB, body string, header ...string) answer {
	t.Helper()
	return s.send(t, http.MethodPost, "/graphql", body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// get sends parameters, names and values in turn, to /graphql.
func (s *server) get(t testing.TB, params []string, header ...string) answer {
	t.Helper()
	return s.send(t, http.MethodGet, "/graphql?"+query(params...), "", header...)
}

func query(params ...string) string {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Add(params[i], params[i+1])
	}
	return values.Encode()
}

// addTool is a mutation that gives back its parameters, a GraphQL value.
func addTool(parameters string) string {
	return `mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: ` + parameters + `})
		{ toolCall { parameters } } }`
}

// presentError stands for the resolver's error table.
func presentError(ctx context.Context, err error) *gqlerror.Error {
	presented := graphql.DefaultErrorPresenter(ctx, err)
	if presented.Extensions["code"] == nil {
		presented.Extensions = map[string]any{"code": "PRESENTED"}
	}
	return presented
}

// logBuffer is what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// receive takes a value that must come soon.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came", what)
		panic("unreachable")
	}
}

// deliver sends a value that must be taken soon.
func deliver[T any](t testing.TB, ch chan<- T, v T) {
	t.Helper()
	select {
	case ch <- v:
	case <-time.After(patience):
		require.FailNow(t, "nobody took it")
	}
}

// stub answers the few operations that the tests send. The others are nil and would panic.
type stub struct {
	graph.QueryResolver
	graph.MutationResolver
	graph.SubscriptionResolver

	parameters chan string                  // what addToolCall got
	changes    chan *graph.AgentStateChange // what agentStateChanged gives
	subscribed chan context.Context         // the contexts of its calls
}

func newStub() *stub {
	return &stub{
		parameters: make(chan string, 1000),
		changes:    make(chan *graph.AgentStateChange),
		subscribed: make(chan context.Context, 1000),
	}
}

func (s *stub) AgentStateCount(context.Context) (int, error) { return 42, nil }

// AgentStateExists panics and fails on demand.
func (s *stub) AgentStateExists(_ context.Context, threadID string) (bool, error) {
	switch threadID {
	case "panic":
		panic("a resolver panics")
	case "fail":
		return false, errors.New("it failed")
	}
	return threadID == "there", nil
}

// RecentAgentStates waits for the end of its request.
func (s *stub) RecentAgentStates(ctx context.Context, _ int) ([]*store.AgentState, error) {
	s.subscribed <- ctx
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *stub) AddToolCall(_ context.Context, input graph.AddToolCallInput) (*graph.AddToolCallPayload, error) {
	s.parameters <- string(input.Parameters)
	return &graph.AddToolCallPayload{ToolCall: &store.ToolExecution{Parameters: input.Parameters}}, nil
}

func (s *stub) AgentStateChanged(ctx context.Context, threadID string) (<-chan *graph.AgentStateChange, error) {
	if threadID == "absent" {
		return nil, &gqlerror.Error{Message: "absent", Extensions: map[string]any{"code": "NOT_FOUND"}}
	}
	s.subscribed <- ctx
	return s.changes, nil
}

func changed(version int) *graph.AgentStateChange {
	return &graph.AgentStateChange{Kind: graph.AgentStateChangeKindUpdated, Version: version}
}

// root hands the stub out as the resolvers.
type root struct{ *stub }

func (r root) AgentState() graph.AgentStateResolver                     { return nil }
func (r root) AgentStateConnection() graph.AgentStateConnectionResolver { return nil }
func (r root) Mutation() graph.MutationResolver                         { return r.stub }
func (r root) Query() graph.QueryResolver                               { return r.stub }
func (r root) Subscription() graph.SubscriptionResolver                 { return r.stub }
func (r root) ThreadIdConnection() graph.ThreadIdConnectionResolver     { return nil }
