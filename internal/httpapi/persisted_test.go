package httpapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/httpapi"
)

// shelf is a store of documents that counts what it is asked.
type shelf struct {
	mu           sync.Mutex
	texts        map[string]string
	reads, saves int
	away         error
}

func (s *shelf) Document(_ context.Context, hash string, _ time.Duration) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	text, found := s.texts[hash]
	return text, found && s.away == nil, s.away
}

func (s *shelf) SaveDocument(_ context.Context, hash, text string, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.away == nil {
		s.texts[hash] = text
	}
	return s.away
}

func (s *shelf) state() (reads, saves, kept int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads, s.saves, len(s.texts)
}

func newShelf() *shelf { return &shelf{texts: map[string]string{}} }

// persisting lets a server keep documents on a shelf.
func persisting(s *shelf) func(*httpapi.Config) {
	return func(c *httpapi.Config) { c.Documents, c.PersistedTTL = s, 24*time.Hour }
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// persisted is the body of a request that names a document by its hash, with the text unless that is empty.
func persisted(hash, text string) string {
	extensions := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":` + quote(hash) + `}}`
	if text == "" {
		return `{` + extensions + `}`
	}
	return `{"query":` + quote(text) + `,` + extensions + `}`
}

const (
	counting     = "{ agentStateCount }"
	counted      = `{"data":{"agentStateCount":42}}`
	notPersisted = `{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}`
)

// TestPersistedQueriesOverEachTransport goes through Apollo's protocol: the hash, which is unknown; the text with it; the hash alone.
func TestPersistedQueriesOverEachTransport(t *testing.T) {
	overWebSocket := func(t *testing.T, s *server, protocol, subscribe, body string) string {
		t.Helper()
		c := s.dial(t, protocol)
		c.initiate(t)
		c.write(t, `{"id":"1","type":"`+subscribe+`","payload":`+body+`}`)
		got := c.read(t)
		_, got, _ = strings.Cut(got, `"payload":`)
		got = strings.TrimSuffix(got, `}`)
		if strings.HasPrefix(got, "[") {
			got = `{"errors":` + got + `}`
		}
		return got
	}
	for name, send := range map[string]func(t *testing.T, s *server, body string) string{
		"post": func(t *testing.T, s *server, body string) string {
			t.Helper()
			return s.post(t, body).body
		},
		"get": func(t *testing.T, s *server, body string) string {
			t.Helper()
			text, extensions, _ := strings.Cut(strings.Trim(body, "{}"), `"extensions":`)
			params := url.Values{"extensions": {extensions + "}}"}}
			if text != "" {
				params.Set("query", counting)
			}
			return s.send(t, "GET", "/graphql?"+params.Encode(), "").body
		},
		"event stream": func(t *testing.T, s *server, body string) string {
			t.Helper()
			_, got, _ := strings.Cut(s.post(t, body, "Accept", "text/event-stream").body, "data: ")
			got, rest, _ := strings.Cut(got, "\n\n")
			assert.Equal(t, "event: complete\ndata:\n\n", rest)
			return got
		},
		"graphql-transport-ws": func(t *testing.T, s *server, body string) string {
			t.Helper()
			return overWebSocket(t, s, "graphql-transport-ws", "subscribe", body)
		},
		"graphql-ws": func(t *testing.T, s *server, body string) string {
			t.Helper()
			return overWebSocket(t, s, "graphql-ws", "start", body)
		},
	} {
		t.Run(name, func(t *testing.T) {
			shelf := newShelf()
			one, two := newServer(t, persisting(shelf)), newServer(t, persisting(shelf))
			hash := sum(counting)
			assert.JSONEq(t, notPersisted, send(t, one, persisted(hash, "")))
			assert.JSONEq(t, counted, send(t, one, persisted(hash, counting)))
			assert.JSONEq(t, counted, send(t, one, persisted(hash, "")))
			assert.JSONEq(t, counted, send(t, two, persisted(hash, "")), "another process")
			assert.Contains(t, send(t, one, persisted(sum("other"), counting)), `provided sha does not match query`)
		})
	}
}

// TestStatusOfAnUnknownPersistedQuery: Apollo wants 200, which GraphQL over HTTP forbids in its own media type; clients that take that
// one read the errors whatever the status.
func TestStatusOfAnUnknownPersistedQuery(t *testing.T) {
	s := newServer(t)
	assert.Equal(t, 200, s.post(t, persisted(sum("x"), "")).status)
	assert.Equal(t, 200, s.post(t, persisted(sum("x"), ""), "Accept", "application/json").status)
	got := s.post(t, persisted(sum("x"), ""), "Accept", "application/graphql-response+json")
	assert.Equal(t, 400, got.status)
	assert.JSONEq(t, notPersisted, got.body)
}

func TestDocumentID(t *testing.T) {
	shelf := newShelf()
	s := newServer(t, persisting(shelf))
	require.Equal(t, counted, s.post(t, persisted(sum(counting), counting)).body)
	for _, id := range []string{"sha256:" + sum(counting), sum(counting)} {
		assert.Equal(t, counted, s.post(t, `{"documentId":"`+id+`"}`).body)
		assert.Equal(t, counted, s.get(t, []string{"documentId", id}).body)
	}
	assert.JSONEq(t, notPersisted, s.post(t, `{"documentId":"sha256:`+sum("x")+`"}`).body)
	for name, body := range map[string]string{
		"number":       `{"documentId":7}`,
		"both":         `{"documentId":"a","query":"{ agentStateCount }"}`,
		"empty":        `{"documentId":""}`,
		"not a string": `{"documentId":["a"]}`,
	} {
		got := s.post(t, body)
		assert.Equal(t, 400, got.status, name)
		assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`, name)
	}
}

func TestMalformedPersistedQueries(t *testing.T) {
	s := newServer(t)
	for _, bad := range []string{
		`{"version":1,"sha256Hash":"x"}`, `{"version":2,"sha256Hash":"` + sum(counting) + `"}`, `{"version":"1","sha256Hash":"x"}`,
		`{"sha256Hash":"x"}`, `{"version":1}`, `{"version":1,"sha256Hash":7}`, `7`, `[]`, `{}`,
	} {
		got := s.post(t, `{"query":"`+counting+`","extensions":{"persistedQuery":`+bad+`}}`)
		assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`, bad)
	}
}

// refusing is an extension that refuses every operation, as limits and authorisation do.
type refusing struct{}

func (refusing) ExtensionName() string                   { return "Refusing" }
func (refusing) Validate(graphql.ExecutableSchema) error { return nil }
func (refusing) MutateOperationContext(context.Context, *graphql.OperationContext) *gqlerror.Error {
	return &gqlerror.Error{Message: "no", Extensions: map[string]any{"code": "LIMIT_EXCEEDED"}}
}

// TestOnlyGoodDocumentsAreKept: what is refused for any reason is not kept, neither in the process nor in the store.
func TestOnlyGoodDocumentsAreKept(t *testing.T) {
	long := counting + strings.Repeat(" ", 64<<10)
	for name, c := range map[string]struct {
		text   string
		change func(*httpapi.Config)
	}{
		"no GraphQL":         {"rubbish", nil},
		"invalid":            {"{ nothing }", nil},
		"without operations": {"fragment f on Query { agentStateCount }", nil},
		"too many tokens":    {"{" + strings.Repeat(" agentStateCount", 600) + " }", nil},
		"too long to keep":   {long, nil},
		"bad variables":      {"query ($id: ID!) { agentStateExists(threadId: $id) }", nil},
		"refused later": {counting, func(c *httpapi.Config) {
			c.Extensions = append(c.Extensions, refusing{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			shelf := newShelf()
			changes := []func(*httpapi.Config){persisting(shelf)}
			if c.change != nil {
				changes = append(changes, c.change)
			}
			s := newServer(t, changes...)
			got := s.post(t, persisted(sum(c.text), c.text)).body
			assert.Equal(t, c.text == long, got == counted, got)
			assert.JSONEq(t, notPersisted, s.post(t, persisted(sum(c.text), "")).body)
			_, saves, kept := shelf.state()
			assert.Zero(t, saves+kept)
		})
	}
}

// TestTheStoreIsAskedOnce: once a process knows a text, neither its use nor its text in a request goes to the store.
func TestTheStoreIsAskedOnce(t *testing.T) {
	shelf := newShelf()
	s := newServer(t, persisting(shelf))
	for range 5 {
		s.post(t, persisted(sum(counting), counting))
		s.post(t, persisted(sum(counting), ""))
	}
	reads, saves, _ := shelf.state()
	assert.Equal(t, []int{0, 1}, []int{reads, saves})
	other := newServer(t, persisting(shelf))
	for range 5 {
		other.post(t, persisted(sum(counting), ""))
		other.post(t, persisted("no hash", ""))
	}
	reads, saves, _ = shelf.state()
	assert.Equal(t, []int{1, 1}, []int{reads, saves}, "what can be no hash is not asked for")
}

// TestTextsInUseAreRenewed runs the clock on: a text that is used is told to the store again each quarter of its time.
func TestTextsInUseAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := newShelf()
		keep := httpapi.Persisting(persisted24h(shelf))
		keep(t.Context(), sum(counting), counting)
		for range 48 { // every quarter of an hour for half a day
			time.Sleep(15 * time.Minute)
			keep(t.Context(), sum(counting), counting)
		}
		_, saves, _ := shelf.state()
		assert.Equal(t, 3, saves, "at 0, 6 and 12 hours")
	})
}

// TestTheStoreIsAway: everything goes on, only that texts are not found elsewhere; and what it did not take it is offered again.
func TestTheStoreIsAway(t *testing.T) {
	shelf := newShelf()
	shelf.away = errors.New("away")
	one, two := newServer(t, persisting(shelf)), newServer(t, persisting(shelf))
	assert.JSONEq(t, notPersisted, one.post(t, persisted(sum(counting), "")).body)
	assert.Equal(t, counted, one.post(t, persisted(sum(counting), counting)).body)
	assert.Equal(t, counted, one.post(t, persisted(sum(counting), "")).body)
	assert.JSONEq(t, notPersisted, two.post(t, persisted(sum(counting), "")).body)
	assert.Contains(t, one.log.String(), "could not be kept")
	assert.Contains(t, two.log.String(), "cannot be read")
	assert.NotContains(t, one.log.String(), "agentStateCount", "the log tells no text")

	synctest.Test(t, func(t *testing.T) {
		shelf := newShelf()
		shelf.away = errors.New("away")
		keep := httpapi.Persisting(persisted24h(shelf))
		keep(t.Context(), sum(counting), counting)
		shelf.away = nil
		keep(t.Context(), sum(counting), counting)
		_, saves, kept := shelf.state()
		assert.Equal(t, []int{1, 0}, []int{saves, kept}, "not with each request")
		time.Sleep(2 * time.Minute)
		keep(t.Context(), sum(counting), counting)
		_, saves, kept = shelf.state()
		assert.Equal(t, []int{2, 1}, []int{saves, kept})
	})
}

// TestTheStoreIsNotFilled sends ever new documents: a process gives the store no more of them than its budget.
func TestTheStoreIsNotFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shelf := newShelf()
		keep := httpapi.Persisting(persisted24h(shelf))
		const size = 60 << 10
		send := func(from, n int) (bytes int) {
			for i := range n {
				text := fmt.Sprintf("%-*d", size, from+i)
				keep(t.Context(), sum(text), text)
			}
			_, _, kept := shelf.state()
			return kept * size
		}
		assert.InDelta(t, 16<<20, send(0, 400), size)
		time.Sleep(10 * time.Hour)
		assert.InDelta(t, 26<<20, send(1000, 400), 2*size)
	})
}

// TestForeignTextUnderAHash: whoever writes to the store otherwise gives no text another's hash.
func TestForeignTextUnderAHash(t *testing.T) {
	shelf := newShelf()
	shelf.texts[sum(counting)] = "mutation { cleanupExpired(input: {}) { deletedCount } }"
	s := newServer(t, persisting(shelf))
	assert.JSONEq(t, notPersisted, s.post(t, persisted(sum(counting), "")).body)
}

func TestPersistedMutationsNeedAPost(t *testing.T) {
	s := newServer(t, persisting(newShelf()))
	text := addTool("1")
	require.Contains(t, s.post(t, persisted(sum(text), text)).body, `"data":`)
	receive(t, s.stub.parameters, "the call")
	got := s.get(t, []string{"documentId", sum(text)})
	assert.Equal(t, 405, got.status)
	assert.Equal(t, "POST", got.header.Get("Allow"))
	assert.Empty(t, s.stub.parameters)
}

func persisted24h(s *shelf) httpapi.Config {
	return httpapi.Config{Documents: s, PersistedTTL: 24 * time.Hour, Log: slog.New(slog.DiscardHandler)}
}
