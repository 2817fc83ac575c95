package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// executor is an operation that gives what it is told.
type executor func(ctx context.Context) *graphql.Response

func (executor) CreateOperationContext(context.Context, *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	return &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: ast.Subscription}}, nil
}

func (e executor) DispatchOperation(ctx context.Context, _ *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	return graphql.ResponseHandler(e), ctx
}

func (executor) DispatchError(context.Context, gqlerror.List) *graphql.Response { return nil }

// serveStream serves the event streams of exec; the channel gets one value for each that has ended.
func serveStream(t *testing.T, stream eventStream, exec executor) (*httptest.Server, <-chan struct{}) {
	t.Helper()
	stream.requests.maxBytes = 1 << 20
	stream.panics = panicLog{log: slog.New(slog.DiscardHandler)}
	ended := make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream.Do(w, r, exec)
		ended <- struct{}{}
	}))
	t.Cleanup(server.Close)
	return server, ended
}

// Without a deadline such a client would hold a goroutine and what it subscribes to for as long as it likes, and the server
// could not stop.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	big := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	server, ended := serveStream(t, eventStream{streamer: streamer{streams: NewStreams(), writeTimeout: 50 * time.Millisecond}}, func(ctx context.Context) *graphql.Response {
		if ctx.Err() != nil {
			return nil
		}
		return &graphql.Response{Data: big}
	})
	server.Start()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /graphql?query=x HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the stream did not end")
	}
}

// On HTTP/2 a deadline that passes ends the stream, even if nothing is being written.
func TestSlowStreamOutlivesTheWriteDeadline(t *testing.T) {
	const timeout = 500 * time.Millisecond
	stream := eventStream{streamer: streamer{streams: NewStreams(), writeTimeout: timeout, keepAlive: timeout + 100*time.Millisecond}}
	server, _ := serveStream(t, stream, func(ctx context.Context) *graphql.Response {
		<-ctx.Done()
		return nil
	})
	server.EnableHTTP2 = true
	server.StartTLS()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/graphql?query=x", nil)
	require.NoError(t, err)
	res, err := server.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 2, res.ProtoMajor)
	const want = ":\n\n:\n\n" // the second after the deadline of the first
	got := make([]byte, len(want))
	_, err = io.ReadFull(res.Body, got)
	require.NoError(t, err)
	assert.Equal(t, want, string(got))
}

var patientStreamer = streamer{panics: panicLog{log: slog.New(slog.DiscardHandler)}, keepAlive: time.Hour, writeTimeout: time.Hour}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	w := httptest.NewRecorder()
	s := newStreamWriter(w, events{}, patientStreamer, func() {})
	s.start()
	s.close()
	s.silence() // a timer that had fired already
	s.next("", &graphql.Response{Data: []byte("1")})
	assert.Equal(t, ":\n\n", w.Body.String())
}

// brokenWriter fails from its first write on.
type brokenWriter struct {
	http.ResponseWriter
	writes int
}

func (w *brokenWriter) Write([]byte) (int, error) {
	w.writes++
	return 0, fmt.Errorf("broken pipe")
}

func (w *brokenWriter) FlushError() error { return fmt.Errorf("broken pipe") }

func TestBrokenConnectionCancelsTheOperation(t *testing.T) {
	w := &brokenWriter{ResponseWriter: httptest.NewRecorder()}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newStreamWriter(w, events{}, patientStreamer, cancel)
	s.start()
	defer s.close()
	require.Error(t, ctx.Err())
	s.next("", &graphql.Response{Data: []byte("1")})
	assert.Equal(t, 1, w.writes)
}
