package resolver

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/graph"
	"agentstate/internal/feed"
	"agentstate/store"
)

// messageAdded follows the messages of a thread. The stream ends with the context of the operation.
func (r *Resolver) messageAdded(ctx context.Context, threadID string, after *string) (<-chan *store.Message, error) {
	if err := firstError(checkID("threadId", threadID), checkGivenCursor("after", after)); err != nil {
		return nil, err
	}
	stream, err := r.Feed.Messages(ctx, r.threads(ctx), threadID, *orZero(after))
	if err != nil {
		return nil, about(err, threadID)
	}
	endWith(ctx, func() error { return about(stream.Err(), threadID) })
	return stream.C, nil
}

// changeKinds gives the words of the API for what happens to threads.
var changeKinds = map[store.EventKind]graph.AgentStateChangeKind{
	store.Created: graph.AgentStateChangeKindCreated,
	store.Updated: graph.AgentStateChangeKindUpdated,
	store.Deleted: graph.AgentStateChangeKindDeleted,
	store.Expired: graph.AgentStateChangeKindExpired,
}

// agentStateChanged follows the changes of a thread. The stream ends with the context of the operation.
func (r *Resolver) agentStateChanged(ctx context.Context, threadID string) (<-chan *graph.AgentStateChange, error) {
	if err := checkID("threadId", threadID); err != nil {
		return nil, err
	}
	read := selected(ctx).under("agentState").read()
	stream, err := r.Feed.Changes(ctx, r.threads(ctx), threadID, read)
	if err != nil {
		return nil, about(err, threadID)
	}
	endWith(ctx, func() error { return about(stream.Err(), threadID) })
	out := make(chan *graph.AgentStateChange)
	go func() { // ends with the stream, which ends with ctx
		defer close(out)
		pass(ctx, stream, out)
	}()
	return out, nil
}

// pass hands the changes of a stream on in the words of the API. It reads the stream to its end.
func pass(ctx context.Context, stream *feed.Stream[feed.Change], out chan<- *graph.AgentStateChange) {
	for c := range stream.C {
		change := &graph.AgentStateChange{Kind: changeKinds[c.Kind], AgentState: c.State, Version: c.Version}
		select {
		case out <- change:
		case <-ctx.Done():
		}
	}
}

// Ends is the gqlgen extension through which a subscription tells why it has ended: gqlgen itself only knows that a channel was
// closed. Every transport then gives the error as the last response.
type Ends struct{ resolver *Resolver }

// Extension gives the extension to install beside the executable schema.
func (r *Resolver) Extension() graphql.HandlerExtension { return Ends{resolver: r} }

// ExtensionName names the extension.
func (Ends) ExtensionName() string { return "SubscriptionEnds" }

// Validate has nothing to check.
func (Ends) Validate(graphql.ExecutableSchema) error { return nil }

// ending holds why the subscription of one operation has ended.
type ending struct{ err func() error }

type endingKey struct{}

// endWith sets what tells why the operation's stream has ended; it is called after the stream's channel was closed.
func endWith(ctx context.Context, err func() error) {
	if e, ok := ctx.Value(endingKey{}).(*ending); ok {
		e.err = err
	}
}

// InterceptOperation adds one last response to a subscription that has ended with an error.
func (x Ends) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if op := graphql.GetOperationContext(ctx).Operation; op == nil || op.Operation != ast.Subscription {
		return next(ctx)
	}
	e := &ending{}
	responses := next(context.WithValue(ctx, endingKey{}, e))
	told := false
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response != nil || told || e.err == nil || ctx.Err() != nil {
			return response
		}
		told = true
		if err := e.err(); err != nil {
			return &graphql.Response{Errors: gqlerror.List{x.resolver.Present(ctx, err)}}
		}
		return nil
	}
}
