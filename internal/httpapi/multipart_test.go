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

const (
	// apolloAccept is what Apollo Client 4 sends with a subscription; version 3 leaves the second out.
	apolloAccept = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
	partHead     = "\r\nContent-Type: application/json\r\n\r\n"
	border       = "\r\n--graphql"
	heartbeat    = partHead + "{}" + border
	opening      = border + heartbeat
	last         = "--\r\n"
)

func part(payload string) string { return partHead + `{"payload":` + payload + `}` + border }

// parts is the body of a multipart subscription.
type parts struct {
	res *http.Response
	r   *bufio.Reader
}

func (s *server) listenParts(t testing.TB, document, accept string) *parts {
	t.Helper()
	res := s.open(t, http.MethodPost, "/graphql", `{"query":`+quote(document)+`}`, "Accept", accept, "Content-Type", "application/json")
	t.Cleanup(func() { res.Body.Close() })
	return &parts{res, bufio.NewReader(res.Body)}
}

// come requires that text is what comes next.
func (p *parts) come(t testing.TB, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(p.r, got)
	require.NoError(t, err, "after %q", got[:n])
	require.Equal(t, text, string(got))
}

func (p *parts) rest(t testing.TB) string {
	t.Helper()
	rest, err := io.ReadAll(p.r)
	require.NoError(t, err)
	return string(rest)
}

// Apollo Client takes a part when it has seen the boundary behind it: it must not come with the next one only.
func TestMultipartSubscription(t *testing.T) {
	s := newServer(t)
	p := s.listenParts(t, subscription, apolloAccept)
	assert.Equal(t, 200, p.res.StatusCode)
	assert.Equal(t, `multipart/mixed;boundary="graphql";subscriptionSpec=1.0`, p.res.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", p.res.Header.Get("Cache-Control"))
	p.come(t, opening)
	for _, version := range []int{1, 2} {
		deliver(t, s.stub.changes, changed(version))
		p.come(t, part(`{"data":{"agentStateChanged":{"version":`+itoa(version)+`}}}`))
	}
	close(s.stub.changes)
	assert.Equal(t, last, p.rest(t))
}

func TestSilentMultipartIsKeptAlive(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = 5 * time.Millisecond })
	p := s.listenParts(t, subscription, apolloAccept)
	p.come(t, opening+heartbeat+heartbeat+heartbeat)
}

// The mere end would look like that of the subscription.
func TestMultipartTellsThatTheServerStops(t *testing.T) {
	s := newServer(t)
	p := s.listenParts(t, subscription, apolloAccept)
	p.come(t, opening)
	s.stop()
	assert.Equal(t, partHead+`{"payload":null,"errors":[{"message":"Subscribe again: the server stops.",`+
		`"extensions":{"code":"UNAVAILABLE","retryAfterSeconds":1}}]}`+border+last, p.rest(t))
	<-receive(t, s.stub.subscribed, "the subscription").Done()
	s.finish(t)
}

// What is wrong with the operation is told in the form of any other answer where the client takes that, else in a part.
func TestErrorsOfAMultipartSubscription(t *testing.T) {
	s := newServer(t)
	for accept, media := range map[string]string{apolloAccept: graphqlType, "multipart/mixed;subscriptionSpec=1.0,application/json": jsonType} {
		p := s.listenParts(t, "subscription { nothing }", accept)
		assert.Equal(t, media, p.res.Header.Get("Content-Type"))
		assert.Contains(t, p.rest(t), `{"errors":[{"message":"Cannot query field \"nothing\"`)
	}
	p := s.listenParts(t, "subscription { nothing }", "multipart/mixed;subscriptionSpec=1.0")
	p.come(t, opening+partHead+`{"payload":{"errors":[{"message":"Cannot query field`)
	assert.True(t, strings.HasSuffix(p.rest(t), "]}}"+border+last))

	p = s.listenParts(t, `subscription { agentStateChanged(threadId: "absent") { version } }`, apolloAccept)
	p.come(t, opening+partHead+`{"payload":{"errors":[{"message":"absent"`)
	assert.True(t, strings.HasSuffix(p.rest(t), border+last))

	got := s.post(t, "{", "Accept", "multipart/mixed;subscriptionSpec=1.0")
	assert.Equal(t, 400, got.status)
	assert.Equal(t, jsonType, got.header.Get("Content-Type"))
}

func TestQueriesOfAClientThatTakesParts(t *testing.T) {
	s := newServer(t)
	got := s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", apolloAccept)
	assert.Equal(t, `{"data":{"agentStateCount":42}}`, got.body)
	got = s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", "multipart/mixed;subscriptionSpec=1.0")
	assert.Equal(t, opening+part(`{"data":{"agentStateCount":42}}`)+last, got.body)
}

func TestPanicInAMultipartSubscription(t *testing.T) {
	s := newServer(t, intercept(func(context.Context) *graphql.Response { panic("secret") }))
	p := s.listenParts(t, subscription, apolloAccept)
	got := p.rest(t)
	assert.Contains(t, got, `"code":"INTERNAL_SERVER_ERROR"`)
	assert.True(t, strings.HasSuffix(got, border+last), got)
	assert.NotContains(t, got, "secret")
}
