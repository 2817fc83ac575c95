package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// initiate opens a WebSocket and sends a connection_init, and gives what comes first, or the code with which it is closed.
func initiate(t *testing.T, s *server, authorization, init string) (*websocket.Conn, string, websocket.CloseError) {
	t.Helper()
	ctx := patient(t)
	options := &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{}}
	if authorization != "" {
		options.HTTPHeader.Set("Authorization", authorization)
	}
	conn, _, err := websocket.Dial(ctx, s.URL+"/graphql", options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(init)))
	return readOrClosed(t, conn)
}

func readOrClosed(t *testing.T, conn *websocket.Conn) (*websocket.Conn, string, websocket.CloseError) {
	t.Helper()
	_, message, err := conn.Read(patient(t))
	var closed websocket.CloseError
	if err != nil {
		require.ErrorAs(t, err, &closed)
	}
	return conn, string(message), closed
}

func TestWhoAWebSocketBelongsTo(t *testing.T) {
	t.Parallel()
	s := start(t, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensFile(t,
		[4]string{"ann", "read,write", "never", "ann"}, [4]string{"bob", "read,write", "never", "bob"}, [4]string{"late", "read", "2020-01-01T00:00:00Z", "ann"}))
	create(t, s.as("ann"), "ann's")
	owns := func(conn *websocket.Conn) bool {
		require.NoError(t, conn.Write(patient(t), websocket.MessageText,
			[]byte(`{"id":"1","type":"subscribe","payload":{"query":"{ agentStateExists(threadId: \"ann's\") }"}}`)))
		_, answer, _ := readOrClosed(t, conn)
		return strings.Contains(answer, "true")
	}
	for _, c := range []struct {
		authorization, payload string
		ann                    bool
	}{
		{"Bearer ann", `{}`, true},
		{"Bearer ann", `null`, true},
		{"", `{"Authorization":"Bearer ann"}`, true},
		{"", `{"authorization":"bearer ann"}`, true},
		{"", `{"AUTHORIZATION":"ann"}`, true},
		{"", `{"authToken":"ann"}`, true},
		{"", `{"token":"ann","x":1}`, true},
		{"", `{"headers":{"Authorization":"Bearer ann"}}`, true},
		{"", `{"token":"bob"}`, false},
		{"Bearer bob", `{"token":"ann"}`, true},
	} {
		conn, first, closed := initiate(t, s, c.authorization, `{"type":"connection_init","payload":`+c.payload+`}`)
		require.JSONEq(t, `{"type":"connection_ack"}`, first, "%v %v", c, closed)
		assert.Equal(t, c.ann, owns(conn), c)
	}
	for payload, reason := range map[string]string{
		`{}`: "Forbidden: send a token in the payload of connection_init, as Authorization", `{"token":"nobody"}`: "Forbidden: the token is not valid",
		`{"token":7}`: "Forbidden: send a token in the payload of connection_init, as Authorization", `{"token":"late"}`: "Forbidden: the token has expired",
		`{"Authorization":"Basic ann"}`: "Forbidden: the token is not valid",
	} {
		_, first, closed := initiate(t, s, "", `{"type":"connection_init","payload":`+payload+`}`)
		assert.Empty(t, first, payload)
		assert.Equal(t, websocket.CloseError{Code: 4403, Reason: reason}, closed, payload)
	}
	_, _, closed := initiate(t, s, "Bearer ann", `{"id":"1","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)
	assert.Equal(t, websocket.StatusCode(4401), closed.Code, "ahead of connection_init")
	_, response, err := websocket.Dial(patient(t), s.URL+"/graphql", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer nobody"}}})
	require.Error(t, err)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
}

// TestTokensEnd: what listens with a token ends with it, each transport in its way, and nothing else does.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		reason string
		expiry func() string
		end    func(path string)
	}{
		"expired": {
			reason: "expired",
			expiry: func() string { return time.Now().Add(4 * time.Second).UTC().Format(time.RFC3339Nano) },
			end:    func(string) {},
		},
		"revoked": {
			reason: "revoked",
			expiry: func() string { return "never" },
			end:    func(path string) { writeTokens(t, path, [4]string{"other", "read,write", "never", "ann"}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tokensFile(t)
			s := start(t, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensOf(t, path, [4]string{"ann", "read,write", end.expiry(), "ann"}, [4]string{"other", "read,write", "never", "ann"}))
			create(t, s.as("other"), "a")
			streams := make(map[string]*gqltest.Stream)
			for _, transport := range gqltest.Transports {
				streams[transport.Name] = transport.Subscribe(t, s.as("ann").Client, messageAdded, vars{"id": "a"})
			}
			lasting, _, _ := follow(t, s.as("other"), gqltest.Transports[0], "a")
			end.end(path)
			for name, stream := range streams {
				e := stream.Next(t)
				for e.Data != nil && string(e.Data) != "null" { // of follow
					e = stream.Next(t)
				}
				if strings.HasPrefix(name, "graphql") {
					assert.Equal(t, websocket.StatusCode(4403), websocket.CloseStatus(e.Closed), "%s: %v", name, e)
					assert.ErrorContains(t, e.Closed, end.reason)
					continue
				}
				require.Len(t, e.Errors, 1, "%s: %v", name, e)
				assert.Equal(t, "UNAUTHENTICATED", e.Errors[0].Code(), name)
				assert.Contains(t, e.Errors[0].Message, end.reason)
				assert.True(t, stream.Next(t).Complete, name)
			}
			last := add(t, s.as("other"), "a", human("on it goes"))[0]
			for nextMessage(t, lasting).Seq < last.Seq {
			}
			_, errs, status := s.as("ann").Do(patient(t), `{ agentStateCount }`, nil)
			assert.Equal(t, http.StatusUnauthorized, status)
			require.Len(t, errs, 1)
		})
	}
}

func tokensOf(tb testing.TB, path string, lines ...[4]string) string {
	tb.Helper()
	writeTokens(tb, path, lines...)
	return path
}
