package resolver

import (
	"context"
	"errors"
	"io"

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
	return drawFrom(ctx, threadID, stream.Next), nil
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
	return drawFrom(ctx, threadID, func() (*graph.AgentStateChange, error) { return nextChange(stream) }), nil
}

// nextChange gives the next change in the words of the API.
func nextChange(stream *feed.Stream[feed.Change]) (*graph.AgentStateChange, error) {
	c, err := stream.Next()
	if err != nil {
		return nil, err
	}
	return &graph.AgentStateChange{Kind: changeKinds[c.Kind], AgentState: c.State, Version: c.Version}, nil
}

// source is what the subscription of one operation draws from. gqlgen wants a channel, and somebody who fills it; here the one who
// wants the next response does that first. So a subscription that waits has no goroutine of its own beside the transport's, the
// reason of its end is known, and an event need not be executed where its response is there already.
type source struct {
	threadID string
	// next waits for the next event; offer gives it to the executor, and end tells that there are no more.
	next  func() (any, error)
	offer func(event any)
	end   func()
}

type sourceKey struct{}

// drawFrom makes next the source of the operation, and gives the channel for the executor.
func drawFrom[T any](ctx context.Context, threadID string, next func() (T, error)) <-chan T {
	out := make(chan T, 1)
	s, ok := ctx.Value(sourceKey{}).(*source)
	if !ok {
		panic("resolver: subscriptions need the extension of the resolver, see Extension")
	}
	*s = source{
		threadID: threadID,
		next:     func() (any, error) { return next() },
		offer:    func(event any) { out <- event.(T) }, //nolint:forcetypeassert // it comes from next
		end:      func() { close(out) },
	}
	return out
}

// Subscriptions is the gqlgen extension that runs subscriptions: it draws what comes from their sources, tells why one has ended, as
// the last response, and shares responses among those who want the same of the same event.
type Subscriptions struct {
	resolver *Resolver
	shared   *responses
}

// Extension gives the extension to install beside the executable schema.
func (r *Resolver) Extension() graphql.HandlerExtension {
	return Subscriptions{resolver: r, shared: newResponses()}
}

// ExtensionName names the extension.
func (Subscriptions) ExtensionName() string { return "Subscriptions" }

// Validate has nothing to check.
func (Subscriptions) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation runs a subscription; other operations go their way.
func (x Subscriptions) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil || op.Operation.Operation != ast.Subscription {
		return next(ctx)
	}
	s := &source{}
	execute := next(context.WithValue(ctx, sourceKey{}, s)) // this subscribes
	shareable := isShareable(op.Operation)
	over := false
	return func(ctx context.Context) *graphql.Response {
		if s.next == nil || over {
			return execute(ctx) // the error of one that could not start, or the end
		}
		event, err := s.next()
		if err != nil {
			over = true
			s.end()
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return execute(ctx)
			}
			return &graphql.Response{Errors: gqlerror.List{x.resolver.Present(ctx, about(err, s.threadID))}}
		}
		run := func() *graphql.Response {
			s.offer(event)
			return execute(ctx)
		}
		if message, ok := event.(*store.Message); ok && shareable { // a change is read for each listener, so nobody else has it
			return x.shared.of(message, op.Operation, run)
		}
		return run()
	}
}
