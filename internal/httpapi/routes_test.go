package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

func TestPagesAndProbesAnswerGetAndHead(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]string{
		"/":                    "playground /",
		"/assets/a/b.js":       "playground /assets/a/b.js",
		"/threads":             "inspector /threads",
		"/threads/assets/a.js": "inspector /threads/assets/a.js",
		"/health":              `{"status":"ok"}`,
		"/livez":               "ok\n",
		"/readyz":              "ok\n",
	} {
		t.Run(path, func(t *testing.T) {
			got := s.send(t, http.MethodGet, path, "")
			assert.Equal(t, 200, got.status)
			assert.Equal(t, want, got.body)

			head := s.send(t, http.MethodHead, path, "")
			assert.Equal(t, 200, head.status)
			assert.Empty(t, head.body)
			assert.Equal(t, got.header.Get("Content-Type"), head.header.Get("Content-Type"))
		})
	}
}

func TestUnknownPathIsAJSONError(t *testing.T) {
	s := newServer(t)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, "BREW"} {
		got := s.send(t, method, "/nothing", "")
		assert.Equal(t, 404, got.status, method)
		assert.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"), method)
		assert.JSONEq(t, `{"errors":[{"message":"There is nothing at this path: send GraphQL requests to /graphql.",
			"extensions":{"code":"NOT_FOUND"}}]}`, got.body, method)
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodDelete, "/graphql", "GET, POST, OPTIONS"},
		{http.MethodPut, "/graphql", "GET, POST, OPTIONS"},
		{http.MethodHead, "/graphql", "GET, POST, OPTIONS"},
		{"BREW", "/graphql", "GET, POST, OPTIONS"},
		{http.MethodPost, "/health", "GET, HEAD, OPTIONS"},
		{http.MethodPost, "/", "GET, HEAD, OPTIONS"},
		{http.MethodDelete, "/assets/x", "GET, HEAD, OPTIONS"},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			got := s.send(t, c.method, c.path, "")
			assert.Equal(t, 405, got.status)
			assert.Equal(t, c.allow, got.header.Get("Allow"))
			if c.method != http.MethodHead {
				assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`)
			}
		})
	}
}

func TestReadinessHidesTheReasonAndLivenessDoesNotAsk(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Ready = func(context.Context) error { return errors.New("dial 10.1.2.3: refused") }
	})
	got := s.send(t, http.MethodGet, "/readyz", "")
	assert.Equal(t, 503, got.status)
	assert.Equal(t, "not ready\n", got.body)
	assert.Contains(t, s.log.String(), "10.1.2.3")
	assert.Equal(t, 200, s.send(t, http.MethodGet, "/livez", "").status)
	assert.Equal(t, 200, s.send(t, http.MethodGet, "/health", "").status)
}

func TestPanicInAHandlerIsLoggedAndHidden(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Health = func(context.Context) any { panic("secret of the handler") }
		c.Playground = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret of the playground") })
	})
	for path, secret := range map[string]string{"/health": "secret of the handler", "/": "secret of the playground"} {
		got := s.send(t, http.MethodGet, path+"?token=private", "")
		assert.Equal(t, 500, got.status)
		assert.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
		assert.Contains(t, got.body, `"code":"INTERNAL_SERVER_ERROR"`)
		assert.NotContains(t, got.body, "secret")

		_, id, found := strings.Cut(got.body, `"errorId":"`)
		require.True(t, found)
		id, _, _ = strings.Cut(id, `"`)
		assert.Contains(t, s.log.String(), id)
		assert.Contains(t, s.log.String(), secret)
		assert.Contains(t, s.log.String(), "routes_test.go", "the stack")
		assert.NotContains(t, s.log.String(), "private")
	}
}

func TestAbortedHandlerBreaksTheConnection(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) {
		c.Playground = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/", nil)
	require.NoError(t, err)
	res, err := s.Client().Do(req)
	if err == nil {
		res.Body.Close()
	}
	require.Error(t, err)
	assert.Empty(t, s.log.String())
}

func TestCrossOriginPostIsRefused(t *testing.T) {
	s := newServer(t)
	const body = `{"query":"{ agentStateCount }"}`
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"another site":       {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another subdomain":  {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"another origin":     {[]string{"Origin", "https://evil.example"}, 403},
		"an opaque origin":   {[]string{"Origin", "null"}, 403},
		"the same origin":    {[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		"the same host":      {[]string{"Origin", s.URL}, 200},
		"typed by the user":  {[]string{"Sec-Fetch-Site", "none"}, 200},
		"outside of browser": {nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.post(t, body, c.header...)
			assert.Equal(t, c.status, got.status)
			if c.status == 403 {
				assert.JSONEq(t, `{"errors":[{"message":"Send requests from a page of this server's own origin or one in CORS_ALLOWED_ORIGINS, or from outside a browser.",
					"extensions":{"code":"FORBIDDEN"}}]}`, got.body)
			}
		})
	}
}
