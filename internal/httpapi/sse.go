package httpapi

import (
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/position"
)

// eventStream is the transport for server-sent events: GraphQL over SSE, distinct connections mode,
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, with POST, and with GET for the browser's EventSource.
type eventStream struct {
	requests requestReader
	streamer
}

var _ graphql.Transport = eventStream{}

func (eventStream) Supports(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	return strings.Contains(strings.ToLower(strings.Join(accept, ",")), mediaEvents) && negotiate(accept).prefersStream
}

func (t eventStream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, refused := t.requests.read(w, r)
	if refused != nil {
		refused.write(w, mediaJSON)
		return
	}
	opCtx, errs := createOperation(r.Context(), exec, params)
	if errs == nil {
		if refused := checkMethod(r, opCtx.Operation.Operation); refused != nil {
			refused.write(w, mediaJSON)
			return
		}
	}
	t.serve(w, r, exec, opCtx, errs)
}

// serve streams the results of an operation, or the errors that forbid it: the protocol wants them in the stream, because
// an EventSource shows nothing of an answer with another status. A client that has lost its stream comes back with the id of the
// event that it had last, which is a cursor.
func (t eventStream) serve(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, errs gqlerror.List,
) {
	t.streamer.serve(w, r, exec, opCtx, errs, events{}, &position.Position{Resume: r.Header.Get("Last-Event-ID")})
}

// events writes server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html
type events struct{}

func (events) media() string { return mediaEvents }

// open is a comment: it says that the stream is open, in the body, since some clients see a header only with that.
func (events) open() []byte    { return []byte(":\n\n") }
func (events) silence() []byte { return []byte(":\n\n") }

// place is no event, since it has no data, but what the next Last-Event-ID is made of all the same (section 9.2.6).
func (events) place(cursor string) []byte { return []byte("id: " + cursor + "\n\n") }

// next writes an event, with its cursor as the id that a client gives back as Last-Event-ID. Where there is no id line, the id before
// it stays.
func (events) next(cursor string, head, data, tail []byte) [][]byte {
	begin := "event: next\ndata: "
	if cursor != "" {
		begin = "id: " + cursor + "\n" + begin
	}
	return [][]byte{[]byte(begin), head, data, tail, []byte("\n\n")}
}

// complete ends the stream in the terms of the protocol. An EventSource passes an event on only if it has a data line
// (section 9.2.6).
func (events) complete() []byte { return []byte("event: complete\ndata:\n\n") }

// stopped says nothing: `complete` would tell the client that it is over, and without it the client comes back.
func (events) stopped() []byte { return nil }
