package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// seqOnly selects no cursor: the transport must know it by itself.
const seqOnly = `subscription($id: ID!, $after: String) { got: messageAdded(threadId: $id, after: $after) { seq } }`

// sse is an event stream, read line by line.
type sse struct {
	*http.Response
	lines *bufio.Scanner
}

// openSSE subscribes by GET, as an EventSource does; header alternates names and values.
func openSSE(tb testing.TB, client *http.Client, s *server, query string, variables vars, header ...string) *sse {
	tb.Helper()
	values, err := json.Marshal(variables)
	require.NoError(tb, err)
	address := s.URL + "/graphql?" + url.Values{"query": {query}, "variables": {string(values)}}.Encode()
	request, err := http.NewRequestWithContext(patient(tb), http.MethodGet, address, nil)
	require.NoError(tb, err)
	request.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(tb, http.StatusOK, response.StatusCode)
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 4<<20)
	return &sse{response, lines}
}

// event gives the fields of the next event; none at the end of the stream.
func (e *sse) event() map[string]string {
	for {
		if fields := e.block(); len(fields) == 0 || fields["data"] != "" {
			return fields
		}
	}
}

// block is the same for what may be no event, because it has no data.
func (e *sse) block() map[string]string {
	fields := map[string]string{}
	for e.lines.Scan() {
		line := e.lines.Text()
		if line == "" && len(fields) > 0 {
			return fields
		}
		if name, value, ok := strings.Cut(line, ": "); ok && name != "" {
			fields[name] = value
		}
	}
	return fields
}

// TestLastEventIDResumes as `after` would, and wins over it: an EventSource repeats its URL as it was.
func TestLastEventIDResumes(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		stored := create(t, s, "a", numbered(1, 5)...).Messages.Nodes
		for range 2 { // the second is given what the first had made
			stream := openSSE(t, s.HTTP, s, seqOnly, vars{"id": "a", "after": stored[3].Cursor}, "Last-Event-ID", stored[1].Cursor)
			for seq := 3; seq <= 5; seq++ {
				assert.Equal(t, map[string]string{
					"id": stored[seq-1].Cursor, "event": "next", "data": `{"data":{"got":{"seq":` + string(rune('0'+seq)) + `}}}`,
				}, stream.event())
			}
			added := add(t, s, "a", object{"type": "AI", "content": "live"})[0]
			assert.Equal(t, added.Cursor, stream.event()["id"])
			drop(t, s, "a")
			stream.event()
			stored = create(t, s, "a", numbered(1, 5)...).Messages.Nodes
		}
	})
}

// TestListenerThatComesBackBeforeItsFirstMessage misses none, although it had asked for nothing but what is new.
func TestListenerThatComesBackBeforeItsFirstMessage(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		stored := create(t, s, "a", numbered(1, 2)...).Messages.Nodes
		create(t, s, "empty")
		for thread, want := range map[string]int{"a": 3, "empty": 1} {
			early := openSSE(t, s.HTTP, s, seqOnly, vars{"id": thread})
			place := early.block()
			require.Len(t, place, 1)
			if thread == "a" {
				assert.Equal(t, stored[1].Cursor, place["id"])
			}
			require.NoError(t, early.Body.Close())
			added := add(t, s, thread, human("meanwhile"))[0]
			require.Equal(t, want, added.Seq)
			back := openSSE(t, s.HTTP, s, seqOnly, vars{"id": thread}, "Last-Event-ID", place["id"])
			assert.Equal(t, added.Cursor, back.event()["id"])
		}
	})
}

func TestLastEventIDThatIsNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a", numbered(1, 2)...)
	for name, id := range map[string]string{"malformed": "nonsense", "too long": strings.Repeat("x", 5000)} {
		failure := openSSE(t, s.HTTP, s, seqOnly, vars{"id": "a"}, "Last-Event-ID", id).event()
		assert.Empty(t, failure["id"])
		assert.Contains(t, failure["data"], `"code":"BAD_USER_INPUT"`, name)
		assert.Contains(t, failure["data"], `"argument":"Last-Event-ID"`, name)
	}
	// What has no cursors has no use for one.
	changes := openSSE(t, s.HTTP, s, stateChanged, vars{"id": "a"}, "Last-Event-ID", "nonsense")
	touch(t, s, "a")
	change := changes.event()
	assert.Empty(t, change["id"])
	assert.Contains(t, change["data"], `"agentStateChanged"`)
}

// TestMultipartSubscriptions over the network: their bytes are looked at in package httpapi.
func TestMultipartSubscriptions(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		stored := create(t, s, "a", numbered(1, 3)...).Messages.Nodes
		body, err := json.Marshal(object{"query": seqOnly, "variables": vars{"id": "a", "after": stored[0].Cursor}})
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(patient(t), http.MethodPost, s.URL+"/graphql", strings.NewReader(string(body)))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "multipart/mixed;subscriptionSpec=1.0,application/json")
		response, err := s.HTTP.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		payload := func() string {
			for lines.Scan() {
				if line := lines.Text(); strings.HasPrefix(line, `{"`) {
					return line
				}
			}
			return ""
		}
		assert.Equal(t, `{"payload":{"data":{"got":{"seq":2}}}}`, payload())
		assert.Equal(t, `{"payload":{"data":{"got":{"seq":3}}}}`, payload())
		add(t, s, "a", human("live"))
		assert.Equal(t, `{"payload":{"data":{"got":{"seq":4}}}}`, payload())
		require.NoError(t, s.stop())
		assert.Contains(t, payload(), `{"payload":null,"errors":[{"message":"Subscribe again`)
		assert.Empty(t, payload())
	})
}

// h2c is a client that speaks HTTP/2 without TLS, and counts its connections.
func h2c(tb testing.TB) (client *http.Client, connections *atomic.Int64) {
	tb.Helper()
	connections = new(atomic.Int64)
	transport := &http.Transport{
		Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			connections.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, connections
}

// TestManyStreamsOnOneConnection, and their end when the server stops.
func TestManyStreamsOnOneConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", numbered(1, 1)...)
		client, connections := h2c(t)
		streams := make([]*sse, 20)
		for i := range streams {
			streams[i] = openSSE(t, client, s, seqOnly, vars{"id": "a"})
			require.Equal(t, 2, streams[i].ProtoMajor)
		}
		for range 3 {
			added := add(t, s, "a", object{"type": "AI", "content": "live"})[0] // over HTTP/1, on the same port
			for _, stream := range streams {
				require.Equal(t, added.Cursor, stream.event()["id"])
			}
		}
		assert.EqualValues(t, 1, connections.Load())
		require.NoError(t, s.stop())
		for _, stream := range streams {
			assert.Empty(t, stream.event(), "no complete")
			assert.NoError(t, stream.lines.Err(), "the body has its end")
		}
	})
}

// TestSlowStreamAmongOthers: on a connection of many streams the one that takes nothing is cut off, and only that.
func TestSlowStreamAmongOthers(t *testing.T) {
	t.Parallel()
	s := start(t, "SLOW_CLIENT_TIMEOUT=1s")
	create(t, s, "a")
	client, connections := h2c(t)
	const text = `subscription($id: ID!) { messageAdded(threadId: $id) { seq text } }`
	slow := openSSE(t, client, s, text, vars{"id": "a"})
	quick := openSSE(t, client, s, seqOnly, vars{"id": "a"})
	large := strings.Repeat("x", 200<<10)
	for seq := 1; seq <= 40; seq++ { // 8 MiB: more than the 4 that net/http keeps of a stream that nobody reads
		added := add(t, s, "a", object{"type": "AI", "content": large})[0]
		require.Equal(t, added.Cursor, quick.event()["id"])
	}
	eventually(t, "the slow one is cut off", func() bool {
		return len(s.log.entries(t, "msg", "a listener has taken nothing for too long and was cut off; it can come back with its cursor")) == 1
	})
	seen := 0
	for len(slow.event()) > 0 {
		seen++
	}
	assert.Less(t, seen, 40)
	require.Error(t, slow.lines.Err())
	added := add(t, s, "a", human("after"))[0]
	assert.Equal(t, added.Cursor, quick.event()["id"])
	assert.EqualValues(t, 1, connections.Load())
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a", numbered(1, 500)...)
	const query = `{"query":"{ agentState(threadId: \"a\") { messages(last: 500) { nodes { messageId text } } } }"}`
	plain := s.Send(t, http.MethodPost, "/graphql", query, "Content-Type", "application/json", "Accept-Encoding", "identity")
	packed := s.Send(t, http.MethodPost, "/graphql", query, "Content-Type", "application/json", "Accept-Encoding", "gzip")
	assert.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	assert.Less(t, len(packed.Body), len(plain.Body)/4)
	r, err := gzip.NewReader(strings.NewReader(packed.Body))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, plain.Body, string(unpacked))
	for _, path := range []string{"/", "/health"} { // the page is packed already, health is small
		got := s.Send(t, http.MethodGet, path, "", "Accept-Encoding", "gzip")
		assert.Equal(t, path == "/", got.Header.Get("Content-Encoding") == "gzip", path)
		assert.Equal(t, []string{"Accept-Encoding"}, got.Header.Values("Vary"), path)
	}
}

func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	const friend, foe = "https://app.example", "https://evil.example"
	s := start(t, "CORS_ALLOWED_ORIGINS="+friend+", http://localhost:3000")
	const query = `{"query":"{ agentStateCount }"}`
	for origin, status := range map[string]int{friend: 200, "http://localhost:3000": 200, foe: 403, s.URL: 200} {
		got := s.Send(t, http.MethodPost, "/graphql", query, "Content-Type", "application/json", "Origin", origin)
		assert.Equal(t, status, got.Status, origin)
		conn, response, err := websocket.Dial(patient(t), s.URL+"/graphql", &websocket.DialOptions{
			HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{"graphql-transport-ws"},
		})
		assert.Equal(t, status == 200, err == nil, origin)
		assert.Contains(t, []int{101, 403}, response.StatusCode)
		if err == nil {
			require.NoError(t, conn.CloseNow())
		}
	}
	page := s.Send(t, http.MethodGet, "/", "")
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "script-src 'self'")
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	assert.Equal(t, "same-origin", page.Header.Get("Cross-Origin-Resource-Policy"))
}

func TestProductionHidesSchemaAndPages(t *testing.T) {
	t.Parallel()
	const schema, miss = `{ __schema { queryType { name } } }`, `{ agentStateCoun }`
	for name, c := range map[string]struct {
		environ      []string
		schema, page bool
	}{
		"production":    {[]string{"ENVIRONMENT=production"}, false, false},
		"by exception":  {[]string{"ENVIRONMENT=production", "INTROSPECTION=on", "PLAYGROUND=on", "INSPECTOR=on"}, true, true},
		"another":       {[]string{"ENVIRONMENT=staging"}, true, true},
		"off elsewhere": {[]string{"INTROSPECTION=off", "PLAYGROUND=off", "INSPECTOR=off"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.environ...)
			status := map[bool]int{true: 200, false: 404}[c.page]
			assert.Equal(t, status, s.Send(t, http.MethodGet, "/", "").Status)
			assert.Equal(t, status, s.Send(t, http.MethodGet, "/threads", "").Status)
			assert.Equal(t, c.schema, strings.Contains(s.Fail(t, miss, nil).Message, "Did you mean"))
			s.Must(t, `{ __typename agentStateCount }`, nil, nil)
			if c.schema {
				s.Must(t, schema, nil, nil)
				return
			}
			assert.Equal(t, "GRAPHQL_VALIDATION_FAILED", s.Fail(t, schema, nil).Code())
			for _, transport := range gqltest.Transports {
				failure := transport.Subscribe(t, s.Client, schema, nil).Failure(t)
				assert.Equal(t, "INTROSPECTION_DISABLED", failure.Extensions["validationErrorCode"], transport.Name)
			}
		})
	}
}
