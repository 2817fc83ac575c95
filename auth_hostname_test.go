package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnotherNameOfThisHost: a page whose name was made to point here is told by it, where nobody is asked who he is.
func TestAnotherNameOfThisHost(t *testing.T) {
	t.Parallel()
	open := start(t)
	asking := start(t, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensFile(t, [4]string{"ann", "read", "never", "ann"}))
	friend := start(t, "CORS_ALLOWED_ORIGINS=http://friend.example")
	for _, c := range []struct {
		s               *server
		host, origin    string
		want, handshake int
	}{
		{open, "evil.example", "http://evil.example", 403, 403},
		{open, "evil.example:8080", "http://evil.example:8080", 403, 403},
		{open, "127.0.0.1.evil.example", "http://127.0.0.1.evil.example", 403, 403},
		{open, "evil.example", "", 403, 403}, // a browser sends no Origin with a GET of the page's own
		{open, "localhost:8080", "http://localhost:8080", 200, 101},
		{open, "app.localhost", "http://app.localhost", 200, 101},
		{open, "127.0.0.1", "http://127.0.0.1", 200, 101},
		{open, "[::1]:80", "http://[::1]:80", 200, 101},
		{friend, "friend.example", "http://friend.example", 200, 101},
		{asking.as("ann"), "agents.example", "http://agents.example", 200, 101}, // it has a name behind a proxy
	} {
		headers := http.Header{"Content-Type": {"application/json"}}
		if c.origin != "" {
			headers.Set("Origin", c.origin)
		}
		request, err := http.NewRequestWithContext(patient(t), http.MethodPost, c.s.URL+"/graphql", strings.NewReader(`{"query":"{ agentStateCount }"}`))
		require.NoError(t, err)
		request.Host, request.Header = c.host, headers
		response, err := c.s.HTTP.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		assert.Equal(t, c.want, response.StatusCode, c)
		for _, path := range []string{"/graphql?query=%7B__typename%7D", "/health", "/metrics", "/", "/assets/x"} {
			for _, header := range []string{"X-Nothing", "Apollo-Require-Preflight", "Accept"} {
				request.Method, request.Body, request.ContentLength = http.MethodGet, nil, 0
				request.URL, err = url.Parse(c.s.URL + path)
				require.NoError(t, err)
				request.Header = headers.Clone()
				request.Header.Set(header, "text/event-stream")
				response, err := c.s.HTTP.Do(request)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				_ = response.Body.Close()
				assert.Equal(t, c.want == 403, strings.Contains(string(body), "Use localhost"), "%s %s: %v", path, header, c)
			}
		}
		conn, response, err := websocket.Dial(patient(t), c.s.URL+"/graphql", &websocket.DialOptions{
			HTTPClient: c.s.HTTP, Host: c.host, HTTPHeader: headers, Subprotocols: []string{"graphql-transport-ws"},
		})
		assert.Equal(t, c.handshake, response.StatusCode, c)
		if err == nil {
			_ = conn.CloseNow()
		}
	}
}
