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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
