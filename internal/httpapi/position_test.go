package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"

	"agentstate/internal/httpapi"
	"agentstate/internal/position"
)

// placed is an extension that stands for a subscription with cursors: it gives those of next, one a response.
type placed struct {
	resumed chan string
	next    []string
	begin   string
}

func (*placed) ExtensionName() string                   { return "placed" }
func (*placed) Validate(graphql.ExecutableSchema) error { return nil }
func (p *placed) install(c *httpapi.Config)             { c.Extensions = append(c.Extensions, p) }
func (p *placed) response(at *position.Position) *graphql.Response {
	if len(p.next) == 0 {
		return nil
	}
	at.Last, p.next = p.next[0], p.next[1:]
	return &graphql.Response{Data: []byte(`{}`)}
}

func (p *placed) InterceptOperation(ctx context.Context, _ graphql.OperationHandler) graphql.ResponseHandler {
	at := position.From(ctx)
	p.resumed <- at.Resume
	at.Last = p.begin
	return func(context.Context) *graphql.Response { return p.response(at) }
}

func TestEventsCarryTheirCursors(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		p := &placed{resumed: make(chan string, 1), next: []string{"c1", "", "c3"}}
		s := newServer(t, p.install)
		got := s.listen(t, method, subscription, "Last-Event-ID", "c0").rest(t)
		assert.Equal(t, comment+"id: c1\n"+next(`{"data":{}}`)+next(`{"data":{}}`)+"id: c3\n"+next(`{"data":{}}`)+complete, got)
		assert.Equal(t, "c0", receive(t, p.resumed, "what the client had"))
	}
}

// A client that goes before the first event comes back to where it stood.
func TestStreamBeginsWithWhereItStands(t *testing.T) {
	p := &placed{resumed: make(chan string, 1), begin: "c0", next: []string{""}}
	s := newServer(t, p.install)
	assert.Equal(t, comment+"id: c0\n\n"+next(`{"data":{}}`)+complete, s.listen(t, http.MethodGet, subscription).rest(t))
}

// Apollo Client sends no Last-Event-ID and shows no id.
func TestPartsCarryNoCursors(t *testing.T) {
	p := &placed{resumed: make(chan string, 1), begin: "c0", next: []string{"c1"}}
	s := newServer(t, p.install)
	assert.Equal(t, opening+part(`{"data":{}}`)+last, s.listenParts(t, subscription, apolloAccept).rest(t))
	assert.Empty(t, receive(t, p.resumed, "what the client had"))
}
