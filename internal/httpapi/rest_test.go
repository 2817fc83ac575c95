package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/auth"
	"agentstate/internal/httpapi"
)

// withREST puts a stub in the place of the REST endpoints.
func withREST(h http.HandlerFunc) func(*httpapi.Config) {
	return func(c *httpapi.Config) { c.REST = h }
}

// What goes wrong in an endpoint, or ahead of it, is told in the form of the endpoints.
func TestRefusalsOfRESTHaveADetail(t *testing.T) {
	s := newServer(t, withREST(func(http.ResponseWriter, *http.Request) { panic("secret of the endpoint") }))
	got := s.send(t, http.MethodPut, "/redis/x", "{}")
	assert.Equal(t, 500, got.status)
	assert.Regexp(t, `^\{"detail":"Something went wrong in the server; tell its operator the errorId [A-Z2-7]+\."\}$`, got.body)
	assert.Contains(t, s.log.String(), strings.TrimSuffix(got.body[strings.LastIndex(got.body, " ")+1:], `."}`))
	got = s.send(t, http.MethodGet, "/redis/x", "", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, 403, got.status)
	assert.JSONEq(t, `{"detail":"Send requests from a page of this server's own origin or one in CORS_ALLOWED_ORIGINS, or from outside a browser."}`, got.body)
	got = s.send(t, http.MethodPut, "/redis/x", "no gzip", "Content-Encoding", "gzip")
	assert.Equal(t, 400, got.status)
	assert.Contains(t, got.body, `{"detail":"Send the request body as gzip`)
	assert.Contains(t, s.send(t, http.MethodGet, "/nothing", "").body, `"errors"`, "elsewhere nothing has changed")
}

// An endpoint gets the whole body, unpacked, and who calls; a handshake is a request as any other.
func TestRESTGetsWholeBodies(t *testing.T) {
	s := newServer(t, withREST(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		_, _ = fmt.Fprintf(w, "%s %q %v %q", r.Method, body, auth.From(r.Context()).Known(), r.Header.Get("Upgrade"))
	}))
	assert.Equal(t, `DELETE "" true ""`, s.send(t, http.MethodDelete, "/redis/x", "").body)
	assert.Equal(t, `PUT "a body" true ""`, s.send(t, http.MethodPut, "/redis/x", "a body").body)
	assert.Equal(t, `GET "" true ""`, s.send(t, http.MethodGet, "/redis/x", "", "Upgrade", "websocket").body)
	assert.Equal(t, 413, s.send(t, http.MethodPut, "/redis/x", strings.Repeat("x", 1<<20+1)).status)
}

// An answer in parts is compressed as one, and one that is broken off is seen to be.
func TestRESTAnswersInParts(t *testing.T) {
	part := strings.Repeat("part ", 1000)
	s := newServer(t, withREST(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, part)
		}
		if r.URL.Path == "/redis/broken" {
			panic(http.ErrAbortHandler)
		}
	}))
	for _, encoding := range []string{"gzip", "identity"} {
		s.Client().Transport.(*http.Transport).DisableCompression = encoding == "identity"
		got := s.send(t, http.MethodGet, "/redis/whole", "")
		assert.Equal(t, strings.Repeat(part, 3), got.body)
		assert.Equal(t, "Accept-Encoding", got.header.Get("Vary"))
		res := s.open(t, http.MethodGet, "/redis/broken", "")
		_, err := io.ReadAll(res.Body)
		require.Error(t, err, encoding)
		require.NoError(t, res.Body.Close())
	}
}
