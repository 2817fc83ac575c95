package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// restScopes are the endpoints, and what each needs by the words of the API. It is not the server's own table.
var restScopes = []struct {
	method, path string
	body         any
	scope        string
}{
	{"POST", "/redis/agent-state", object{"thread_id": "new of only-write"}, "write"},
	{"GET", of("ann's"), nil, "read"},
	{"PUT", of("ann's"), object{"relevant": true}, "write"},
	{"POST", of("ann's", "/messages"), object{"message_type": "human", "content": "x"}, "write"},
	{"PUT", of("ann's", "/context"), object{"context": "x"}, "write"},
	{"PUT", of("ann's", "/relevance"), object{"relevant": true}, "write"},
	{"GET", of("ann's", "/exists"), nil, "read"},
	{"GET", of("ann's", "/ttl"), nil, "read"},
	{"POST", of("ann's", "/extend-ttl?ttl_seconds=5000"), nil, "write"},
	{"GET", "/redis/agent-states", nil, "read"},
	{"GET", "/redis/agent-states/recent", nil, "read"},
	{"POST", "/redis/cleanup-expired", nil, "admin"},
	{"GET", "/redis/openapi.yaml", nil, ""},
	{"DELETE", of("ann's"), nil, "write"},
}

// TestEveryRestEndpointAsksWhoCalls: whoever is nobody, lacks the scope, or is another owner gets nothing of any endpoint.
func TestEveryRestEndpointAsksWhoCalls(t *testing.T) {
	everything := []string{"read", "write", "admin"}
	lines := [][4]string{{"ann", "read,write,admin", "never", "ann"}, {"bob", "read,write,admin", "never", "bob"}, {"late", "read,write,admin", "2020-01-01T00:00:00Z", "ann"}}
	for _, scope := range everything {
		others := slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return s == scope })
		lines = append(lines, [4]string{"only-" + scope, scope, "never", "ann"}, [4]string{"not-" + scope, strings.Join(others, ","), "never", "ann"})
	}
	s := start(t, append(at(sharedRedis(t).Addr()), "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensFile(t, lines...))...)
	create(t, s.as("ann"), "ann's", human("ann's own words"))
	before := dump(t, s.as("ann"))
	for _, e := range restScopes {
		name := e.method + " " + e.path
		for _, token := range []string{"", "nobody", "late"} {
			for _, upgrade := range []string{"", "websocket"} { // the handshake of a WebSocket may come without a token elsewhere
				got := s.rest(t, e.method, e.path, e.body, "Authorization", header(token), "Upgrade", upgrade)
				assert.Equal(t, http.StatusUnauthorized, got.Status, "%s %q", name, token)
				assert.Contains(t, got.Header.Get("WWW-Authenticate"), "Bearer", name)
				assert.NotEmpty(t, detail(t, got), name)
			}
		}
		if e.scope != "" {
			got := s.as("not-"+e.scope).rest(t, e.method, e.path, e.body)
			assert.Equal(t, http.StatusForbidden, got.Status, name)
			assert.Equal(t, "Send a token with the scope `"+e.scope+"`.", detail(t, got), name)
			assert.Contains(t, got.Header.Get("WWW-Authenticate"), `scope="`+e.scope+`"`, name)
		}
		if strings.Contains(e.path, "ann") { // another owner sees what he would if there were no such thread
			got := s.as("bob").rest(t, e.method, e.path, e.body)
			none := s.as("bob").rest(t, e.method, strings.ReplaceAll(e.path, "ann", "eve"), e.body)
			assert.Equal(t, none.Status, got.Status, name)
			assert.Equal(t, strings.ReplaceAll(none.Body, "eve's", "ann's"), got.Body, name)
		}
	}
	unchanged(t, s.as("ann"), before, "nobody has written into it")
	for _, path := range []string{"/redis/agent-states", "/redis/agent-states/recent"} {
		assert.NotContains(t, s.as("bob").rest(t, "GET", path, nil).Body, "ann", path)
	}
	assert.Contains(t, s.as("bob").rest(t, "POST", "/redis/cleanup-expired?max_age_days=0", nil).Body, `"deleted_count":0`)
	unchanged(t, s.as("ann"), before, "what is cleared away is one's own")
	for _, e := range restScopes { // each scope is enough for what it is for
		token := "only-" + e.scope
		if e.scope == "" {
			token = "only-read"
		}
		got := s.as(token).rest(t, e.method, e.path, e.body)
		require.Equal(t, http.StatusOK, got.Status, "%s %s: %s", token, e.path, got.Body)
	}
}
