package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/httpapi"
)

// TestEveryMethodOnEveryPath: what is there answers, and all else is a JSON error with the right status; all of it hardened.
func TestEveryMethodOnEveryPath(t *testing.T) {
	s := newServer(t)
	const graphQL, page = "GET, POST, OPTIONS", "GET, HEAD, OPTIONS"
	for path, allow := range map[string]string{
		"/graphql": graphQL, "/": page, "/assets/x": page, "/health": page, "/livez": page, "/readyz": page, "/nothing": "", "/graphql/": "",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			t.Run(method+" "+path, func(t *testing.T) {
				got := s.send(t, method, path, "")
				assert.Equal(t, wantedStatus(method, path, allow), got.status)
				if got.status == 405 || got.status == 204 {
					assert.Equal(t, allow, got.header.Get("Allow"))
				}
				if got.status >= 400 && method != "HEAD" {
					assert.Equal(t, jsonType, got.header.Get("Content-Type"))
					assert.Regexp(t, `^{"errors":\[{"message":"[^"]+\.","extensions":{.*"code":"(BAD_USER_INPUT|NOT_FOUND)"`, got.body)
				}
				assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
				assert.Equal(t, "no-referrer", got.header.Get("Referrer-Policy"))
				assert.Equal(t, "same-origin", got.header.Get("Cross-Origin-Resource-Policy"))
				assert.Equal(t, "default-src 'none'; frame-ancestors 'none'", got.header.Get("Content-Security-Policy"))
				assert.Empty(t, got.header.Get("Strict-Transport-Security"))
				if got.status != 204 && path != "/" && path != "/assets/x" { // the pages say for themselves
					assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
				}
			})
		}
	}
}

func wantedStatus(method, path, allow string) int {
	switch {
	case allow == "":
		return 404
	case method == "OPTIONS":
		return 204
	case path == "/graphql" && method == "GET":
		return 400 // without a document
	case path == "/graphql" && method == "POST":
		return 415 // without a media type
	case method == "GET", path != "/graphql" && method == "HEAD":
		return 200
	}
	return 405
}

func TestWithoutAPlayground(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Playground = nil })
	for _, path := range []string{"/", "/assets/x"} {
		got := s.send(t, http.MethodGet, path, "")
		assert.Equal(t, 404, got.status)
		assert.Contains(t, got.body, `"code":"NOT_FOUND"`)
	}
	assert.Equal(t, 200, s.send(t, http.MethodGet, "/threads", "").status)
	assert.Equal(t, 200, s.send(t, http.MethodGet, "/health", "").status)
}

func TestWithoutAnInspector(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.Inspector = nil })
	for _, path := range []string{"/threads", "/threads/assets/x"} {
		got := s.send(t, http.MethodGet, path, "")
		assert.Equal(t, 404, got.status)
		assert.Contains(t, got.body, `"code":"NOT_FOUND"`)
	}
	assert.Equal(t, 200, s.send(t, http.MethodGet, "/", "").status)
}
