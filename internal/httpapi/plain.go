package httpapi

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// plain is the transport for a request by POST or GET that one JSON document answers: GraphQL over HTTP,
// https://graphql.github.io/graphql-over-http/draft/. A subscription goes on as an event stream where the client takes one.
type plain struct {
	requests requestReader
	events   eventStream
}

var _ graphql.Transport = plain{}

// Supports leaves the media types to Do, which knows how to say what is wrong with them. The Upgrade header does not
// matter: curl offers HTTP/2 by it.
func (plain) Supports(r *http.Request) bool {
	return r.Method == http.MethodPost || r.Method == http.MethodGet
}

func (t plain) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	accepted := negotiate(r.Header.Values("Accept"))
	if accepted.media == "" && !accepted.stream {
		refusal{
			status: http.StatusNotAcceptable, code: codeBadUserInput,
			message: "Accept application/graphql-response+json, application/json or text/event-stream.",
		}.write(w, mediaJSON)
		return
	}
	params, refused := t.requests.read(w, r)
	if refused != nil {
		refused.write(w, accepted.media)
		return
	}
	opCtx, errs := createOperation(r.Context(), exec, params)
	ctx := graphql.WithOperationContext(r.Context(), opCtx)
	if errs != nil {
		writeResponse(w, accepted.media, exec.DispatchError(ctx, errs))
		return
	}
	if refused := checkMethod(r, opCtx.Operation.Operation); refused != nil {
		refused.write(w, accepted.media)
		return
	}
	if opCtx.Operation.Operation == ast.Subscription {
		t.subscribe(w, r, exec, opCtx, accepted)
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, opCtx)
	writeResponse(w, accepted.media, responses(ctx))
}

func (t plain) subscribe(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, accepted acceptance,
) {
	if accepted.stream {
		t.events.serve(w, r, exec, opCtx, nil)
		return
	}
	refusal{
		status: http.StatusNotAcceptable, code: codeBadUserInput,
		message: "Subscribe with `Accept: text/event-stream`, or over a WebSocket.",
	}.write(w, accepted.media)
}
