package httpapi_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

const (
	friend = "https://app.example"
	foe    = "https://evil.example"
)

func itoa(n int) string { return strconv.Itoa(n) }

func allowing(origins ...string) func(*httpapi.Config) {
	return func(c *httpapi.Config) { c.AllowedOrigins = origins }
}

// Every way by which a page can send a request without being asked: by image, form, fetch, EventSource and link.
func TestWhoMaySendRequests(t *testing.T) {
	s := newServer(t, allowing(friend))
	count := "/graphql?" + query("query", "{ agentStateCount }")
	for name, c := range map[string]struct {
		method string
		header []string
		status int
	}{
		"curl":                               {http.MethodGet, nil, 200},
		"the own page":                       {http.MethodGet, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"typed by a person":                  {http.MethodGet, []string{"Sec-Fetch-Site", "none"}, 200},
		"the own page of an old browser":     {http.MethodGet, []string{"Origin", s.URL}, 200},
		"an image":                           {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"a neighbour":                        {http.MethodGet, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"fetch of another page":              {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site", "Origin", foe}, 403},
		"another page of an old browser":     {http.MethodGet, []string{"Origin", foe}, 403},
		"an opaque origin":                   {http.MethodGet, []string{"Origin", "null"}, 403},
		"an allowed page":                    {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site", "Origin", friend}, 200},
		"an allowed page of an old browser":  {http.MethodGet, []string{"Origin", friend}, 200},
		"asked first":                        {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site", "Apollo-Require-Preflight", "1"}, 200},
		"asked first, by name":               {http.MethodGet, []string{"Sec-Fetch-Site", "cross-site", "X-Apollo-Operation-Name", "A"}, 200},
		"a post of an allowed page":          {http.MethodPost, []string{"Sec-Fetch-Site", "cross-site", "Origin", friend}, 200},
		"a post of another page":             {http.MethodPost, []string{"Sec-Fetch-Site", "cross-site", "Origin", foe}, 403},
		"a post of another page that claims": {http.MethodPost, []string{"Origin", foe, "Apollo-Require-Preflight", "1"}, 403},
		"a form of another page":             {http.MethodPost, []string{"Origin", foe, "Content-Type", "text/plain"}, 403},
		"a form of a browser without Origin": {http.MethodPost, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			path, body := count, ""
			if c.method == http.MethodPost {
				path, body = "/graphql", `{"query":"{ agentStateCount }"}`
				if !strings.Contains(strings.Join(c.header, " "), "Content-Type") {
					c.header = append(c.header, "Content-Type", "application/json")
				}
			}
			for _, accept := range []string{"application/json", "text/event-stream"} {
				got := s.send(t, c.method, path, body, append(c.header, "Accept", accept)...)
				assert.Equal(t, c.status, got.status, accept)
				if c.status == 403 {
					assert.Contains(t, got.body, `"code":"FORBIDDEN"`)
				}
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	s := newServer(t, allowing(friend, "http://localhost:3000"))
	ask := func(origin, method, headers string) http.Header {
		return s.send(t, http.MethodOptions, "/graphql", "", "Origin", origin,
			"Access-Control-Request-Method", method, "Access-Control-Request-Headers", headers).header
	}
	const usual = "apollo-require-preflight,authorization,content-type,last-event-id,x-apollo-operation-name"
	for _, origin := range []string{friend, "http://localhost:3000"} {
		got := ask(origin, "POST", usual)
		assert.Equal(t, origin, got.Get("Access-Control-Allow-Origin"))
		assert.Contains(t, got.Get("Access-Control-Allow-Methods"), "POST")
		assert.Equal(t, usual, strings.ToLower(strings.ReplaceAll(got.Get("Access-Control-Allow-Headers"), " ", "")))
		assert.Empty(t, got.Get("Access-Control-Allow-Credentials"))
		assert.Contains(t, strings.Join(got.Values("Vary"), ","), "Origin")
	}
	for name, got := range map[string]http.Header{
		"another origin": ask(foe, "POST", usual), "another scheme": ask("http://app.example", "POST", usual),
		"another method": ask(friend, "DELETE", usual), "another header": ask(friend, "POST", "x-other"),
	} {
		assert.Empty(t, got.Get("Access-Control-Allow-Origin"), name)
	}
}

func TestAnswersForAllowedPages(t *testing.T) {
	s := newServer(t, allowing(friend))
	got := s.post(t, `{"query":"{ agentStateCount }"}`, "Origin", friend)
	assert.Equal(t, friend, got.header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "Retry-After", got.header.Get("Access-Control-Expose-Headers"))
	e := s.listen(t, http.MethodGet, subscription, "Origin", friend, "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, 200, e.res.StatusCode)
	assert.Equal(t, friend, e.res.Header.Get("Access-Control-Allow-Origin"))

	got = newServer(t).send(t, http.MethodGet, "/health", "", "Origin", friend)
	assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"), "none is allowed unless it is said")
	everyone := newServer(t, allowing("*")).post(t, `{"query":"{ agentStateCount }"}`, "Origin", foe, "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, 200, everyone.status)
	assert.Equal(t, "*", everyone.header.Get("Access-Control-Allow-Origin"))
}

func TestWebSocketsOfAllowedPages(t *testing.T) {
	for name, c := range map[string]struct {
		allowed []string
		origin  string
		ok      bool
	}{
		"an allowed page": {[]string{friend}, friend, true},
		"another page":    {[]string{friend}, foe, false},
		"any page":        {[]string{"*"}, foe, true},
		"none is allowed": {nil, friend, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, allowing(c.allowed...))
			conn, res, err := websocket.Dial(t.Context(), s.URL+"/graphql", &websocket.DialOptions{
				HTTPClient: s.Client(), HTTPHeader: http.Header{"Origin": {c.origin}, "Sec-Fetch-Site": {"cross-site"}},
			})
			if c.ok {
				require.NoError(t, err)
				require.NoError(t, conn.CloseNow())
				return
			}
			require.Error(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, 403, res.StatusCode)
			assert.Contains(t, string(body), `"code":"FORBIDDEN"`)
		})
	}
}
