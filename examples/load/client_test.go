package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }

// answer gives an answer of that status and text.
func answer(status int, text string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	}
}

const unavailable = `{"data":null,"errors":[{"message":"The store cannot be reached.","extensions":{"code":"UNAVAILABLE","retryAfterSeconds":2}}]}`

func TestRetry(t *testing.T) {
	for name, fault := range map[string]func(http.ResponseWriter) bool{
		"UNAVAILABLE":            answer(http.StatusOK, unavailable),
		"UNAVAILABLE with a 503": answer(http.StatusServiceUnavailable, unavailable),
		"a proxy's 502":          answer(http.StatusBadGateway, "<html>"),
		"a lost connection":      hangUp,
		"half an answer": func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"data":`))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.before = func(n int, w http.ResponseWriter) bool { return n <= 3 && fault(w) }
			got := loadInto(t, f.url, write(t, talk("a", 4)))
			require.NoError(t, got.err)
			assert.Contains(t, got.stdout, "1 conversation, 4 messages, none of them already there, in ")
			assert.Equal(t, 4, f.count("a"))
			require.Len(t, got.waits, 3)
			for i, wait := range got.waits {
				least := firstWait << i / 2
				if strings.HasPrefix(name, "UNAVAILABLE") {
					least = 2 * time.Second // what the server asked for
				}
				assert.GreaterOrEqual(t, wait, least, "pause %d", i)
				assert.LessOrEqual(t, wait, max(least, firstWait<<i), "pause %d", i)
			}
			assert.Equal(t, 1, strings.Count(got.stderr, "; trying again up to 7 times\n"), "said once")
		})
	}
}

// TestRetryAfterALostAnswer is why every message has its id: the server has stored the messages, and the client cannot know.
func TestRetryAfterALostAnswer(t *testing.T) {
	f := newFake(t)
	f.after = func(n int, w http.ResponseWriter) bool { return n == 1 && hangUp(w) }
	got := loadInto(t, f.url, "-verify", write(t, talk("a", 4)))
	require.NoError(t, got.err)
	assert.Len(t, got.waits, 1)
	assert.Equal(t, 4, f.count("a"), "nothing is stored twice")
}

func TestRetryIsBounded(t *testing.T) {
	f := newFake(t)
	f.before = func(_ int, w http.ResponseWriter) bool { return answer(http.StatusOK, unavailable)(w) }
	file := write(t, talk("a", 1))
	got := loadInto(t, f.url, file)
	require.EqualError(t, got.err, file+`:1: thread "a": gave up after 8 tries: UNAVAILABLE: The store cannot be reached.`)
	assert.Len(t, f.requests, maxTries)
	assert.Len(t, got.waits, maxTries-1)
	for _, wait := range got.waits {
		assert.LessOrEqual(t, wait, maxWait)
	}
}

func TestRetryOfAServerThatIsNotThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got := loadInto(t, server.URL, write(t, talk("a", 1)))
	require.ErrorContains(t, got.err, "gave up after 8 tries")
	assert.Len(t, got.waits, maxTries-1)
}

func TestOtherErrorsStop(t *testing.T) {
	for name, tc := range map[string]struct {
		status     int
		text, want string
	}{
		"of the server": {
			http.StatusOK, `{"data":null,"errors":[{"message":"Send less.","extensions":{"code":"LIMIT_EXCEEDED","limit":1}}]}`,
			"LIMIT_EXCEEDED: Send less.",
		},
		"of the server with a status": {
			http.StatusUnprocessableEntity, `{"errors":[{"message":"No such field.","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
			"GRAPHQL_VALIDATION_FAILED: No such field.",
		},
		"about a message": {
			http.StatusOK, `{"errors":[{"message":"Another id.","extensions":{"code":"ALREADY_EXISTS","messageId":"a-0"}}]}`,
			`ALREADY_EXISTS: Another id. (message "a-0")`,
		},
		"of a web server":  {http.StatusNotFound, "<html>", "HTTP status 404, and no answer of GraphQL: is this the address of an agentstate server?"},
		"an empty success": {http.StatusOK, "{}", "HTTP status 200, and no answer of GraphQL: is this the address of an agentstate server?"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.before = func(_ int, w http.ResponseWriter) bool { return answer(tc.status, tc.text)(w) }
			file := write(t, talk("a", 1))
			got := loadInto(t, f.url, file)
			require.EqualError(t, got.err, file+`:1: thread "a": `+tc.want)
			assert.Len(t, f.requests, 1)
			assert.Empty(t, got.waits)
			assert.Empty(t, got.stdout, "there is no summary of what failed")
		})
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pause(ctx, time.Hour), context.Canceled)
	assert.NoError(t, pause(t.Context(), time.Nanosecond))
}
