package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/httpapi"
)

func TestRequestsPerSecond(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Limits.RequestsPerSecond, c.Limits.RequestBurst = 1, 3
		c.Limits.Caller = func(r *http.Request) string { return r.Header.Get("Caller") }
	})
	const body = `{"query":"{ agentStateCount }"}`
	tooMany := func(caller string) answer {
		for range 50 { // the rate goes on while the test runs
			if got := s.post(t, body, "Caller", caller); got.status != http.StatusOK {
				return got
			}
		}
		require.FailNow(t, "there is no limit")
		return answer{}
	}
	got := tooMany("a")
	assert.Equal(t, http.StatusTooManyRequests, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.JSONEq(t, `{"errors":[{"message":"Send at most 1 requests per second, and the next one in 1 s.",
		"extensions":{"code":"LIMIT_EXCEEDED","limit":1,"actual":2,"retryAfterSeconds":1}}]}`, got.body)
	assert.Equal(t, http.StatusOK, s.post(t, body, "Caller", "b").status)
	assert.Equal(t, http.StatusOK, s.send(t, http.MethodGet, "/livez", "", "Caller", "a").status, "only /graphql counts")
}

func TestOperationsOfAWebSocketCountAsRequests(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Limits.RequestsPerSecond, c.Limits.RequestBurst = 1, 3 })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for i := 0; ; i++ {
		require.Less(t, i, 50, "there is no limit")
		c.write(t, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`, i))
		if got := c.read(t); strings.Contains(got, `"error"`) {
			assert.JSONEq(t, fmt.Sprintf(`{"id":"%d","type":"error","payload":[{"message":"Send at most 1 requests per second, and the next one in 1 s.",
				"extensions":{"code":"LIMIT_EXCEEDED","limit":1,"actual":2,"retryAfterSeconds":1}}]}`, i), got)
			break
		}
		assert.Contains(t, c.read(t), `"complete"`)
	}
	c.write(t, `{"type":"ping"}`)
	assert.JSONEq(t, `{"type":"pong"}`, c.read(t), "the connection stays")
}

func TestOperationsOfAConnectionAreConfigurable(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Limits.ConnectionOperations = 1 })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":`+quote(subscription)+`}}`)
	receive(t, s.stub.subscribed, "the subscription")
	c.write(t, `{"id":"2","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)
	assert.Contains(t, c.read(t), "Run at most 1 operations on one connection at once.")
	_ = c.CloseNow()
	s.finish(t)
}

// TestConnectionsAreBounded: WebSockets and event streams of a caller count together, and until they end.
func TestConnectionsAreBounded(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Limits.CallerConnections = 2
		c.Limits.Caller = func(r *http.Request) string { return r.Header.Get("Caller") }
	})
	events := []string{"Accept", "text/event-stream", "Content-Type", "application/json"}
	body := `{"query":` + quote(subscription) + `}`
	stream := s.open(t, http.MethodPost, "/graphql", body, events...)
	require.Equal(t, http.StatusOK, stream.StatusCode)
	socket := s.dial(t, "graphql-transport-ws")

	_, res, err := websocket.Dial(t.Context(), s.URL+"/graphql", &websocket.DialOptions{HTTPClient: s.Client()})
	require.Error(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	assert.Equal(t, "10", res.Header.Get("Retry-After"))
	got := s.send(t, http.MethodPost, "/graphql", body, events...)
	assert.Equal(t, http.StatusTooManyRequests, got.status)
	assert.JSONEq(t, `{"errors":[{"message":"Keep at most 2 subscriptions and WebSockets open, and put several subscriptions on one WebSocket.",
		"extensions":{"code":"LIMIT_EXCEEDED","limit":2,"actual":3,"retryAfterSeconds":10}}]}`, got.body)
	other := s.open(t, http.MethodPost, "/graphql", body, append(events, "Caller", "b")...)
	assert.Equal(t, http.StatusOK, other.StatusCode)
	require.NoError(t, other.Body.Close())
	assert.Equal(t, http.StatusOK, s.post(t, `{"query":"{ agentStateCount }"}`).status, "what ends by itself is no connection")

	require.NoError(t, stream.Body.Close())
	require.NoError(t, socket.CloseNow())
	for range 2 { // both places are free again, soon
		require.Eventually(t, func() bool {
			again := s.open(t, http.MethodPost, "/graphql", body, events...)
			if again.StatusCode != http.StatusOK {
				return again.Body.Close() != nil
			}
			t.Cleanup(func() { _ = again.Body.Close() })
			return true
		}, patience, 50*time.Millisecond) // few enough for the fixture to note each
	}
	s.finish(t)
}

// unavailable stands for the resolver's table of errors: what ends with its context is UNAVAILABLE.
func unavailable(ctx context.Context, err error) *gqlerror.Error {
	presented := graphql.DefaultErrorPresenter(ctx, err)
	presented.Message, presented.Extensions = "The store cannot be reached.", map[string]any{"code": "UNAVAILABLE"}
	return presented
}

// TestQueryThatTakesTooLong: the stub waits for the end of the context, which nobody else ends.
func TestQueryThatTakesTooLong(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Limits.OperationTimeout = 30 * time.Millisecond
		c.PresentError = unavailable
	})
	const late = `"message":"Try again, or ask for less: the query took longer than 30ms.","extensions":{"code":"UNAVAILABLE","retryAfterSeconds":1}`
	got := s.post(t, `{"query":"{ recentAgentStates { id } }"}`)
	assert.JSONEq(t, `{"errors":[{"path":["recentAgentStates"],"locations":[{"line":1,"column":3}],`+late+`}],"data":null}`, got.body)

	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":"{ recentAgentStates { id } }"}}`)
	assert.JSONEq(t, `{"id":"1","type":"next","payload":{"errors":[{"path":["recentAgentStates"],"locations":[{"line":1,"column":3}],`+late+`}],"data":null}}`, c.read(t))
	assert.JSONEq(t, `{"id":"1","type":"complete"}`, c.read(t), "the operation ends as any other")

	c.write(t, `{"id":"2","type":"subscribe","payload":{"query":`+quote(subscription)+`}}`)
	for range 3 {
		receive(t, s.stub.subscribed, "an operation")
	}
	time.AfterFunc(60*time.Millisecond, func() { s.stub.changes <- changed(1) })
	assert.Contains(t, c.read(t), `"version":1`, "a subscription has no deadline")
	_ = c.CloseNow()
	s.finish(t)
}

// slowBody sends the head of a POST with a body of so many bytes, and the first of them.
func slowBody(t *testing.T, s *server, path string, length int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", path, length)
	require.NoError(t, err)
	return conn
}

func TestBodyThatDoesNotCome(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Limits.BodyTimeout = 50 * time.Millisecond })
	conn := slowBody(t, s, "/graphql", 1000)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusRequestTimeout, res.StatusCode)
	assert.True(t, res.Close)
	assert.JSONEq(t, `{"errors":[{"message":"Send the whole request body within 50ms.","extensions":{"code":"LIMIT_EXCEEDED","limit":0.05,"actual":0.05}}]}`, string(body))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the connection is closed")

	// net/http itself would wait for a body that nobody has asked for.
	other := slowBody(t, s, "/nowhere", 1000)
	res, err = http.ReadResponse(bufio.NewReader(other), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusNotFound, res.StatusCode)
}

// A stream that follows a body outlives the deadline of that.
func TestStreamOutlivesTheDeadlineOfItsBody(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Limits.BodyTimeout = 50 * time.Millisecond })
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		res := s.open(t, method, "/graphql?"+query("query", subscription), `{"query":`+quote(subscription)+`}`,
			"Accept", "text/event-stream", "Content-Type", "application/json")
		ctx := receive(t, s.stub.subscribed, "the subscription")
		select {
		case <-ctx.Done():
			assert.Fail(t, "the stream has ended", method)
		case <-time.After(150 * time.Millisecond): // three times the deadline
		}
		deliver(t, s.stub.changes, changed(1))
		line := ""
		for r := bufio.NewReader(res.Body); !strings.HasPrefix(line, "data:"); {
			var err error
			line, err = r.ReadString('\n')
			require.NoError(t, err)
		}
		require.NoError(t, res.Body.Close())
		receive(t, ctx.Done(), "the end of the subscription")
	}
}

// TestTooLargeABodyIsAnsweredWhileItIsSent to a client that sends all of it, more than any buffer on the way holds, before it reads.
func TestTooLargeABodyIsAnsweredWhileItIsSent(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = 1000 })
	const size = 32 << 20
	for name, framing := range map[string]string{
		"with its length": fmt.Sprintf("Content-Length: %d\r\n\r\n", size),
		"in chunks":       fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+framing+strings.Repeat("x", size))
			require.NoError(t, err, "the server reads on")
			if name == "in chunks" {
				_, err = io.WriteString(conn, "\r\n0\r\n\r\n")
				require.NoError(t, err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
			assert.Contains(t, string(body), `"code":"LIMIT_EXCEEDED"`)
			assert.True(t, res.Close)
		})
	}
}
