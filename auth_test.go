package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/graph"
	"agentstate/internal/gqltest"
)

// tokensFile writes a file of tokens: their text, scopes, expiry and owner.
func tokensFile(tb testing.TB, lines ...[4]string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "tokens")
	writeTokens(tb, path, lines...)
	return path
}

func writeTokens(tb testing.TB, path string, lines ...[4]string) {
	tb.Helper()
	var content strings.Builder
	for _, line := range lines {
		sum := sha256.Sum256([]byte(line[0]))
		fmt.Fprintln(&content, hex.EncodeToString(sum[:]), line[1], line[2], line[3])
	}
	require.NoError(tb, os.WriteFile(path, []byte(content.String()), 0o600))
}

// bearer adds a token to each request.
type bearer struct {
	http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(r)
}

// as gives the server to somebody who has a token.
func (s *server) as(token string) *server {
	client := *s.Client
	client.HTTP = &http.Client{Transport: bearer{s.HTTP.Transport, token}}
	return &server{Client: &client, addr: s.addr, log: s.log, stop: s.stop}
}

// requestFor makes an operation that asks for one field of a root, with what its arguments need; ids of threads are id.
func requestFor(schema *ast.Schema, kind ast.Operation, field *ast.FieldDefinition, id string) string {
	selection := ""
	if schema.Types[field.Type.Name()].IsCompositeType() {
		selection = " { __typename }"
	}
	if field.Name == "agentState" {
		selection = " { threadId context messages { nodes { text } } }"
	}
	arguments := ""
	if required := requiredOf(schema, field.Arguments, id); required != "" {
		arguments = "(" + required + ")"
	}
	return fmt.Sprintf("%s { %s%s%s }", kind, field.Name, arguments, selection)
}

func requiredOf(schema *ast.Schema, arguments ast.ArgumentDefinitionList, id string) string {
	var given []string
	for _, a := range arguments {
		if a.Type.NonNull && a.DefaultValue == nil {
			given = append(given, a.Name+": "+literalFor(schema, a.Name, a.Type, id))
		}
	}
	return strings.Join(given, ", ")
}

// literalFor makes a value of a type that is in its bounds.
func literalFor(schema *ast.Schema, name string, t *ast.Type, id string) string {
	if t.Elem != nil {
		return "[" + literalFor(schema, name, t.Elem, id) + "]"
	}
	def := schema.Types[t.NamedType]
	switch {
	case name == "threadId":
		return fmt.Sprintf("%q", id)
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Kind == ast.InputObject:
		var given []string
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil || def.Name == "CreateAgentStateInput" && f.Name == "threadId" {
				given = append(given, f.Name+": "+literalFor(schema, f.Name, f.Type, id))
			}
		}
		return "{" + strings.Join(given, ", ") + "}"
	case t.NamedType == "Int":
		return "60"
	case t.NamedType == "Boolean":
		return "true"
	}
	return `"x"`
}

// scopeOf is what a field needs, by the words of the API. It is not the server's own table: a new field has to be put here too.
func scopeOf(tb testing.TB, kind ast.Operation, field string) string {
	tb.Helper()
	switch {
	case field == "health":
		return "any"
	case field == "cleanupExpired":
		return "admin"
	case kind == ast.Mutation:
		return "write"
	}
	return "read"
}

// ask sends an operation and gives its first answer.
func ask(tb testing.TB, s *server, kind ast.Operation, query string) (data json.RawMessage, errs []gqltest.Error) {
	tb.Helper()
	if kind != ast.Subscription {
		data, errs, _ = s.Do(patient(tb), query, nil)
		return data, errs
	}
	stream, err := gqltest.Transports[0].Open(s.Client, query, nil)
	require.NoError(tb, err)
	defer stream.Close()
	e, ok := stream.Within(probe)
	if ok {
		return e.Data, e.Errors
	}
	return nil, nil // it listens
}

// TestEveryFieldAsksWhoCalls walks over the schema: whoever is nobody, lacks the scope, or is another owner gets nothing of each field.
func TestEveryFieldAsksWhoCalls(t *testing.T) {
	everything := []string{"read", "write", "admin"}
	lines := [][4]string{{"ann", "read,write,admin", "never", "ann"}, {"bob", "read,write,admin", "never", "bob"}, {"late", "read,write,admin", "2020-01-01T00:00:00Z", "ann"}}
	for _, scope := range everything {
		others := slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return s == scope })
		lines = append(lines, [4]string{"only " + scope, scope, "never", "ann"}, [4]string{"not " + scope, strings.Join(others, ","), "never", "ann"})
	}
	for i := range lines { // a token has no blanks
		lines[i][0] = strings.ReplaceAll(lines[i][0], " ", "-")
	}
	s := start(t, append(at(sharedRedis(t).Addr()), "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensFile(t, lines...))...)
	create(t, s.as("ann"), "ann's", human("ann's own words"))
	before := read(t, s.as("ann"), "ann's", "version")
	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	for kind, root := range map[ast.Operation]*ast.Definition{
		ast.Query: schema.Query, ast.Mutation: schema.Mutation, ast.Subscription: schema.Subscription,
	} {
		for _, field := range root.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			t.Run(string(kind)+" "+field.Name, func(t *testing.T) {
				scope := scopeOf(t, kind, field.Name)
				query := requestFor(schema, kind, field, "ann's")
				for _, token := range []string{"", "nobody", "late"} {
					body, err := json.Marshal(map[string]string{"query": query})
					require.NoError(t, err)
					answer := s.Send(t, http.MethodPost, "/graphql", string(body), "Content-Type", "application/json", "Authorization", header(token))
					assert.Equal(t, http.StatusUnauthorized, answer.Status, "%q", token)
					assert.Contains(t, answer.Header.Get("WWW-Authenticate"), "Bearer", "%q", token)
					require.Len(t, answer.Errors(t), 1)
					assert.Equal(t, "UNAUTHENTICATED", answer.Errors(t)[0].Code(), "%q", token)
				}
				if scope != "any" {
					data, errs := ask(t, s.as("not-"+scope), kind, query)
					require.Len(t, errs, 1, "%s %s", query, data)
					assert.Equal(t, "FORBIDDEN", errs[0].Code())
					assert.Equal(t, fmt.Sprintf("Send a token with the scope `%s`: %s needs it.", scope, field.Name), errs[0].Message)
				}
				// Another owner sees what he would if there were no such thread.
				data, errs := ask(t, s.as("bob"), kind, query)
				assert.NotContains(t, string(data), "own words")
				absent, errsOfAbsent := ask(t, s.as("bob"), kind, requestFor(schema, kind, field, "none's"))
				if field.Name != "health" {
					assert.Equal(t, strings.ReplaceAll(string(absent), "none's", "ann's"), string(data), query)
				}
				require.Len(t, errs, len(errsOfAbsent), query)
				for i := range errs {
					assert.Equal(t, errsOfAbsent[i].Code(), errs[i].Code())
					assert.Equal(t, errsOfAbsent[i].Message, errs[i].Message)
				}
				if kind == ast.Query && scope == "read" { // writes come below, to other threads
					data, errs := ask(t, s.as("only-read"), kind, query)
					require.Empty(t, errs, query)
					assert.NotEmpty(t, data)
				}
			})
		}
	}
	assert.Equal(t, before.Version, read(t, s.as("ann"), "ann's", "version").Version, "nobody has written into it")
	// Each scope is enough for what it is for.
	for _, field := range schema.Mutation.Fields {
		id := "for " + field.Name
		if field.Name != "createAgentState" {
			create(t, s.as("ann"), id)
		}
		scope := scopeOf(t, ast.Mutation, field.Name)
		_, errs := ask(t, s.as("only-"+scope), ast.Mutation, requestFor(schema, ast.Mutation, field, id))
		require.Empty(t, errs, field.Name)
	}
	for _, transport := range gqltest.Transports {
		stream := transport.Subscribe(t, s.as("only-read").Client, messageAdded, vars{"id": "ann's", "after": nil})
		_, ok := stream.Within(probe)
		assert.False(t, ok, "it listens")
	}
}

func header(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

// TestOwnersDoNotMeet: the same ids, lists, counts, cursors and cache identities.
func TestOwnersDoNotMeet(t *testing.T) {
	onEnginesWithTokens(t, func(t *testing.T, s *server) {
		ann, bob := s.as("ann"), s.as("bob")
		annMessage := create(t, ann, "same", human("of ann")).Messages.Nodes[0]
		create(t, ann, "ann's")
		create(t, bob, "same", object{"messageId": annMessage.MessageID, "type": "HUMAN", "content": "of bob"})
		identities := func(s *server) (ids struct {
			AgentState struct {
				ID       string
				Messages struct {
					Nodes []struct{ ID, MessageID string }
				}
			}
		},
		) {
			s.Must(t, `{ agentState(threadId: "same") { id messages { nodes { id messageId } } } }`, nil, &ids)
			return ids
		}
		assert.NotEqual(t, identities(ann).AgentState.ID, identities(bob).AgentState.ID, "a client's cache keeps them apart")
		mine, others := identities(ann).AgentState.Messages.Nodes[0], identities(bob).AgentState.Messages.Nodes[0]
		assert.Equal(t, mine.MessageID, others.MessageID)
		assert.NotEqual(t, mine.ID, others.ID)
		for owner, want := range map[*server]string{
			ann: `{"threadIds":{"nodes":["ann's","same"]},"agentStateCount":2,"recentAgentStates":[{"threadId":"ann's"},{"threadId":"same"}],
				"agentStates":{"nodes":[{"threadId":"ann's"},{"threadId":"same"}]},"message":{"text":"of ann"}}`,
			bob: `{"threadIds":{"nodes":["same"]},"agentStateCount":1,"recentAgentStates":[{"threadId":"same"}],
				"agentStates":{"nodes":[{"threadId":"same"}]},"message":{"text":"of bob"}}`,
		} {
			var got json.RawMessage
			owner.Must(t, `query($m: ID!) { threadIds { nodes } agentStateCount recentAgentStates { threadId } agentStates { nodes { threadId } }
				message(threadId: "same", messageId: $m) { text } }`, vars{"m": annMessage.MessageID}, &got)
			assert.JSONEq(t, want, string(got))
		}
		assert.Equal(t, "CURSOR_EXPIRED", bob.Fail(t, `query($c: String) { agentState(threadId: "same") { messages(first: 1, after: $c) { nodes { text } } } }`,
			vars{"c": annMessage.Cursor}).Code(), "a cursor of somebody else's thread")
		// Who listens hears of his own alone.
		stream, _, last := follow(t, bob, gqltest.Transports[0], "same")
		add(t, ann, "same", human("of ann too"))
		add(t, bob, "same", human("of bob too"))
		next := nextMessage(t, stream)
		assert.Equal(t, last.Seq+1, next.Seq)
		assert.Equal(t, "of bob too", next.Text)
	})
}

func onEnginesWithTokens(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	path := tokensFile(t, [4]string{"ann", "read,write,admin", "never", "ann"}, [4]string{"bob", "read,write", "never", "bob: {b}*"})
	onEngines(t, test, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+path)
}

// TestHealthTellsDetailsToAdministrators alone, and that it works to everybody.
func TestHealthTellsDetailsToAdministrators(t *testing.T) {
	onEnginesWithTokens(t, func(t *testing.T, s *server) {
		report := func(token string) (r struct {
			Status, Hostname string
			Redis            map[string]any `json:"redis_status"`
		},
		) {
			answer := s.Send(t, http.MethodGet, "/health", "", "Authorization", header(token))
			require.Equal(t, http.StatusOK, answer.Status)
			require.NoError(t, json.Unmarshal([]byte(answer.Body), &r))
			return r
		}
		for _, token := range []string{"", "nobody", "bob"} {
			r := report(token)
			assert.Equal(t, "ok", r.Status)
			assert.Empty(t, r.Hostname)
			assert.Equal(t, "healthy", r.Redis["status"])
			assert.NotContains(t, r.Redis, "keyspace", token)
			assert.NotContains(t, r.Redis, "redis_version", token)
			assert.NotEqual(t, http.StatusOK, s.Send(t, http.MethodGet, "/metrics", "", "Authorization", header(token)).Status, token)
		}
		assert.NotEmpty(t, report("ann").Hostname)
		assert.Contains(t, report("ann").Redis, "keyspace")
		var got struct {
			Health struct{ Redis map[string]any }
		}
		s.as("bob").Must(t, `{ health { hostname redis { status redisVersion keyspace warnings } } }`, nil, &got)
		assert.Equal(t, map[string]any{"status": "OK", "redisVersion": nil, "keyspace": nil, "warnings": []any{}}, got.Health.Redis)
		assert.Equal(t, http.StatusUnauthorized, s.Send(t, http.MethodGet, "/metrics", "").Status)
		assert.Equal(t, http.StatusForbidden, s.Send(t, http.MethodGet, "/metrics", "", "Authorization", "Bearer bob").Status)
		assert.Equal(t, http.StatusOK, s.Send(t, http.MethodGet, "/metrics", "", "Authorization", "Bearer ann").Status)
		for _, path := range []string{"/", "/livez", "/readyz"} {
			assert.Equal(t, http.StatusOK, s.Send(t, http.MethodGet, path, "").Status, path)
		}
	})
}

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

func TestSignedTokensOverHTTP(t *testing.T) {
	t.Parallel()
	const secret = "thirty-two bytes at least, for HS256"
	s := start(t, "AUTH_MODE=jwt", "AUTH_JWT_SECRET="+secret, "AUTH_JWT_AUDIENCE=us", "AUTH_JWT_OWNER_CLAIM=tenant", "AUTH_JWT_SCOPES_CLAIM=permissions")
	sign := func(claims jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		require.NoError(t, err)
		return text
	}
	good := jwt.MapClaims{"tenant": "acme", "permissions": []string{"read", "write"}, "aud": "us", "exp": time.Now().Add(time.Hour).Unix()}
	create(t, s.as(sign(good)), "a")
	bad := jwt.MapClaims{"tenant": "acme", "permissions": []string{"read"}, "aud": "others", "exp": time.Now().Add(time.Hour).Unix()}
	assert.Equal(t, "UNAUTHENTICATED", s.as(sign(bad)).Fail(t, `{ agentStateCount }`, nil).Code())
	powerless := jwt.MapClaims{"tenant": "acme", "aud": "us", "exp": time.Now().Add(time.Hour).Unix()}
	assert.Equal(t, "FORBIDDEN", s.as(sign(powerless)).Fail(t, `{ agentStateCount }`, nil).Code())
	old := jwt.MapClaims{"tenant": "acme", "aud": "us", "exp": time.Now().Add(-time.Hour).Unix()}
	assert.Contains(t, s.as(sign(old)).Fail(t, `{ agentStateCount }`, nil).Message, "expired")
	require.NoError(t, s.stop())
	for _, token := range []string{sign(good), sign(bad), secret} {
		assert.NotContains(t, s.log.String(), token, "no log has a token, nor the secret")
	}
}

// TestStartNeedsAuthentication: an address that others reach is not served without a word about it, nor with one that makes no sense.
func TestStartNeedsAuthentication(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]string{
		"LISTEN_ADDR=0.0.0.0:0":                           "AUTH_MODE: set it to tokens or jwt, or to none",
		"AUTH_MODE=tokens AUTH_TOKENS_FILE=/nowhere":      "AUTH_TOKENS_FILE: open /nowhere: no such file",
		"AUTH_MODE=jwt AUTH_JWT_KEY_FILE=/nowhere":        "AUTH_JWT_SECRET, AUTH_JWT_KEY_FILE, AUTH_JWT_JWKS: open /nowhere: no such file",
		"AUTH_MODE=tokens AUTH_TOKENS_FILE=" + badFile(t): "AUTH_TOKENS_FILE: line 1: it begins with no SHA-256",
	} {
		var out bytes.Buffer
		err := run(context.Background(), nil, strings.Fields(environ), io.Discard, &out, nil)
		require.ErrorContains(t, err, want)
	}
	s := start(t, "LISTEN_ADDR=0.0.0.0:0", "AUTH_MODE=none")
	assert.Contains(t, s.log.String(), "everybody who reaches this address may read and write everything")
}

func badFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte("a-token read never ann"), 0o600))
	return path
}

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

// TestLimitsAreThoseOfTheOwner, however he shows who he is; and those of the address for who cannot.
func TestLimitsAreThoseOfTheOwner(t *testing.T) {
	t.Parallel()
	path := tokensFile(t, [4]string{"ann", "read", "never", "ann"}, [4]string{"bob", "read", "never", "bob"})
	s := start(t, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+path, "MAX_CONNECTIONS_PER_CALLER=1")
	_, first, _ := initiate(t, s, "Bearer ann", `{"type":"connection_init"}`)
	require.JSONEq(t, `{"type":"connection_ack"}`, first)
	_, first, _ = initiate(t, s, "", `{"type":"connection_init","payload":{"token":"bob"}}`)
	require.JSONEq(t, `{"type":"connection_ack"}`, first, "another owner from the same address")
	_, _, closed := initiate(t, s, "", `{"type":"connection_init","payload":{"token":"ann"}}`)
	assert.Equal(t, websocket.StatusTryAgainLater, closed.Code)
	assert.Contains(t, closed.Reason, "at most 1")
	eventually(t, "the place of its address is free again", func() bool {
		conn, _, err := websocket.Dial(patient(t), s.URL+"/graphql", nil) //nolint:bodyclose // the connection has it
		if err == nil {
			_ = conn.CloseNow()
		}
		return err == nil
	})

	s = start(t, "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+path, "MAX_REQUESTS_PER_SECOND=1", "MAX_REQUEST_BURST=3")
	statuses := make(map[int]int)
	for range 20 {
		for _, path := range []string{"/graphql?query=%7B__typename%7D", "/metrics"} {
			statuses[s.Send(t, http.MethodGet, path, "", "Authorization", "Bearer guess").Status]++
		}
	}
	assert.GreaterOrEqual(t, statuses[http.StatusUnauthorized], 3, statuses)
	assert.GreaterOrEqual(t, statuses[http.StatusTooManyRequests], 20, "who guesses is held up", statuses)
}
