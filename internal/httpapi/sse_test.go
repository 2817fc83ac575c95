package httpapi_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

const subscription = `subscription { agentStateChanged(threadId: "a") { version } }`

// events reads an event stream block by block, as it was written.
type events struct {
	res *http.Response
	r   *bufio.Reader
}

// listen opens an event stream. Header alternates names and values.
func (s *server) listen(t testing.TB, method, document string, header ...string) *events {
	t.Helper()
	header = append([]string{"Accept", "text/event-stream"}, header...)
	path, body := "/graphql", ""
	if method == http.MethodGet {
		path += "?" + query("query", document)
	} else {
		body = `{"query":` + quote(document) + `}`
		header = append(header, "Content-Type", "application/json")
	}
	res := s.open(t, method, path, body, header...)
	t.Cleanup(func() { res.Body.Close() })
	return &events{res, bufio.NewReader(res.Body)}
}

// block gives what comes up to the next empty line, with it.
func (e *events) block(t testing.TB) string {
	t.Helper()
	var block strings.Builder
	for !strings.HasSuffix(block.String(), "\n\n") {
		line, err := e.r.ReadString('\n')
		block.WriteString(line)
		require.NoError(t, err, "after %q", block.String())
	}
	return block.String()
}

// rest gives all that comes until the server ends the stream.
func (e *events) rest(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(e.r)
	require.NoError(t, err)
	return string(rest)
}

const (
	comment  = ":\n\n"
	complete = "event: complete\ndata:\n\n"
)

func next(data string) string { return "event: next\ndata: " + data + "\n\n" }

func TestStreamOfASubscription(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		t.Run(method, func(t *testing.T) {
			s := newServer(t)
			e := s.listen(t, method, subscription)
			assert.Equal(t, 200, e.res.StatusCode)
			assert.Equal(t, "text/event-stream", e.res.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", e.res.Header.Get("Cache-Control"))
			assert.Equal(t, comment, e.block(t), "the stream is open before there is anything to say")

			for _, version := range []int{1, 2} {
				deliver(t, s.stub.changes, changed(version))
				assert.Equal(t, next(`{"data":{"agentStateChanged":{"version":`+string(rune('0'+version))+`}}}`), e.block(t))
			}
			close(s.stub.changes)
			assert.Equal(t, complete, e.rest(t))
		})
	}
}

func TestStreamOfAQueryAndAMutation(t *testing.T) {
	s := newServer(t)
	assert.Equal(t, comment+next(`{"data":{"agentStateCount":42}}`)+complete,
		s.listen(t, http.MethodGet, "{ agentStateCount }").rest(t))
	assert.Equal(t, comment+next(`{"data":{"addToolCall":{"toolCall":{"parameters":[1.50]}}}}`)+complete,
		s.listen(t, http.MethodPost, addTool("[1.50]")).rest(t))
}

// An EventSource shows nothing of an answer with another status than 200, so what is wrong with the operation comes in the
// stream.
func TestStreamTellsWhatIsWrongWithTheOperation(t *testing.T) {
	s := newServer(t)
	for document, code := range map[string]string{
		"subscription {":                                "GRAPHQL_PARSE_FAILED",
		"subscription { nothing }":                      "GRAPHQL_VALIDATION_FAILED",
		"query A { __typename } query B { __typename }": "GRAPHQL_VALIDATION_FAILED",
		`subscription { agentStateChanged(threadId: "absent") { version } }`: "NOT_FOUND",
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			e := s.listen(t, method, document)
			assert.Equal(t, 200, e.res.StatusCode, document)
			assert.Equal(t, comment, e.block(t))
			block := e.block(t)
			assert.True(t, strings.HasPrefix(block, `event: next`+"\n"+`data: {"errors":[`), block)
			assert.Contains(t, block, `"code":"`+code+`"`)
			assert.NotContains(t, block, `"data":`)
			assert.Equal(t, complete, e.rest(t))
		}
	}
}

// What is no GraphQL request at all is answered as for any other client.
func TestStreamOfABadRequest(t *testing.T) {
	s := newServer(t)
	for body, want := range map[string]string{
		`{`: "is valid JSON", `{}`: "Give `query` as a GraphQL document", `{"query":"{ a }","variables":1}`: "object or null",
	} {
		got := s.post(t, body, "Accept", "text/event-stream")
		assert.Equal(t, 400, got.status)
		assert.Equal(t, jsonType, got.header.Get("Content-Type"))
		assert.Contains(t, got.body, want)
	}
	got := s.send(t, http.MethodPost, "/graphql", `{"query":"{ agentStateCount }"}`,
		"Accept", "text/event-stream", "Content-Type", "text/plain")
	assert.Equal(t, 415, got.status)
}

// urql names all that it can read in every request, and leaves it to the server what fits.
func TestSubscriptionStreamsWhereverAStreamIsTaken(t *testing.T) {
	s := newServer(t)
	const accept = "application/graphql-response+json, application/json, text/event-stream"
	close(s.stub.changes)
	res := s.open(t, http.MethodPost, "/graphql", `{"query":`+quote(subscription)+`}`,
		"Accept", accept, "Content-Type", "application/json")
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, comment+complete, string(body))

	got := s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", accept)
	assert.Equal(t, graphqlType, got.header.Get("Content-Type"))
	assert.Equal(t, `{"data":{"agentStateCount":42}}`, got.body)
}

// `complete` would tell the client that there is no more to come, and it would not come back.
func TestStreamEndsWithoutCompleteWhenTheServerStops(t *testing.T) {
	s := newServer(t)
	e := s.listen(t, http.MethodPost, subscription)
	assert.Equal(t, comment, e.block(t))
	deliver(t, s.stub.changes, changed(1))
	assert.Equal(t, next(`{"data":{"agentStateChanged":{"version":1}}}`), e.block(t))
	s.stop()
	assert.Empty(t, e.rest(t))
	<-receive(t, s.stub.subscribed, "the subscription").Done()
	receive(t, s.served, "the end of the request")
}

func TestQueryInAStreamEndsWithoutCompleteWhenTheServerStops(t *testing.T) {
	s := newServer(t)
	e := s.listen(t, http.MethodPost, "{ recentAgentStates { id } }")
	receive(t, s.stub.subscribed, "the query")
	s.stop()
	assert.NotContains(t, e.rest(t), "complete")
}

func TestSubscriptionEndsWhenTheClientLeaves(t *testing.T) {
	s := newServer(t)
	e := s.listen(t, http.MethodGet, subscription)
	assert.Equal(t, comment, e.block(t))
	ctx := receive(t, s.stub.subscribed, "the subscription")
	require.NoError(t, ctx.Err())
	e.res.Body.Close()
	receive(t, ctx.Done(), "the end of the subscription")
	receive(t, s.served, "the end of the request")
}

// The producer of a subscription must end even where the stream ends by itself.
func TestSubscriptionsContextEndsWithItsStream(t *testing.T) {
	s := newServer(t)
	close(s.stub.changes)
	assert.Equal(t, comment+complete, s.listen(t, http.MethodGet, subscription).rest(t))
	receive(t, receive(t, s.stub.subscribed, "the subscription").Done(), "its end")
}

func TestSilentStreamIsKeptAlive(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = 5 * time.Millisecond })
	e := s.listen(t, http.MethodGet, subscription)
	for range 5 {
		assert.Equal(t, comment, e.block(t))
	}
	deliver(t, s.stub.changes, changed(1))
	block := e.block(t)
	for block == comment {
		block = e.block(t)
	}
	assert.Equal(t, next(`{"data":{"agentStateChanged":{"version":1}}}`), block)
	close(s.stub.changes)
	assert.True(t, strings.HasSuffix(e.rest(t), complete))
}

func TestPanicInAStream(t *testing.T) {
	s := newServer(t, intercept(func(context.Context) *graphql.Response { panic("secret") }))
	got := s.listen(t, http.MethodGet, "{ agentStateCount }").rest(t)
	assert.True(t, strings.HasPrefix(got, comment+"event: next\n"), got)
	assert.Contains(t, got, `"code":"INTERNAL_SERVER_ERROR"`)
	assert.True(t, strings.HasSuffix(got, complete), got)
	assert.NotContains(t, got, "secret")
	assert.Contains(t, s.log.String(), "secret")
}

// A line end in the data would end the field, and the client would see half of the JSON.
func TestLineEndsInDataDoNotBreakTheFraming(t *testing.T) {
	s := newServer(t, intercept(func(context.Context) *graphql.Response {
		return &graphql.Response{Data: []byte("{\r\n \"a\" :\n\r [1,\r2]}")}
	}))
	assert.Equal(t, comment+next(`{"data":{"a":[1,2]}}`)+complete, s.listen(t, http.MethodGet, "{ agentStateCount }").rest(t))
}

func TestManyListenersLeaveTogether(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = time.Millisecond })
	for range 30 {
		e := s.listen(t, http.MethodGet, subscription)
		assert.Equal(t, comment, e.block(t))
	}
	s.stop()
	for range 30 {
		receive(t, s.served, "the end of a request")
		assert.ErrorIs(t, receive(t, s.stub.subscribed, "a subscription").Err(), context.Canceled)
	}
}
