package httpapi

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/position"
)

// plain is the transport for a request by POST or GET that one JSON document answers: GraphQL over HTTP,
// https://graphql.github.io/graphql-over-http/draft/. A subscription goes on as a stream of the kind that the client takes.
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
	partsOnly := accepted.media == ""
	if partsOnly && !accepted.parts {
		refusal{
			status: http.StatusNotAcceptable, code: codeBadUserInput,
			message: "Accept application/graphql-response+json, application/json, text/event-stream or multipart/mixed;subscriptionSpec=1.0.",
		}.write(w, mediaJSON)
		return
	}
	if partsOnly {
		accepted.media = mediaJSON // for what is no GraphQL request at all
	}
	params, refused := t.requests.read(w, r)
	if refused != nil {
		refused.write(w, accepted.media)
		return
	}
	opCtx, errs := createOperation(r.Context(), exec, params)
	ctx := graphql.WithOperationContext(r.Context(), opCtx)
	if errs != nil && partsOnly {
		t.parts(w, r, exec, opCtx, errs)
		return
	}
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
	if partsOnly {
		t.parts(w, r, exec, opCtx, nil)
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, opCtx)
	writeResponse(w, accepted.media, responses(ctx))
}

func (t plain) subscribe(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, accepted acceptance,
) {
	if accepted.prefersParts {
		t.parts(w, r, exec, opCtx, nil)
		return
	}
	if accepted.stream {
		t.events.serve(w, r, exec, opCtx, nil)
		return
	}
	refusal{
		status: http.StatusNotAcceptable, code: codeBadUserInput,
		message: "Subscribe with `Accept: text/event-stream`, with `Accept: multipart/mixed;subscriptionSpec=1.0`, or over a WebSocket.",
	}.write(w, accepted.media)
}

// parts streams an operation, or the errors that forbid it, as multipart subscriptions do. There are no cursors in them.
func (t plain) parts(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, errs gqlerror.List,
) {
	t.events.streamer.serve(w, r, exec, opCtx, errs, multipart{}, &position.Position{})
}
