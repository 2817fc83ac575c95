package resolver

import (
	"context"
	"errors"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/graph"
	"agentstate/internal/compiled"
	"agentstate/internal/feed"
	"agentstate/internal/live"
	"agentstate/internal/position"
	"agentstate/store"
)

// messageAdded follows the messages of a thread. The stream ends with the context of the operation.
func (r *Resolver) messageAdded(ctx context.Context, threadID string, after *string) (<-chan *store.Message, error) {
	after, argument := resumed(ctx, after)
	if err := firstError(checkID("threadId", threadID), checkGivenCursor(argument, after)); err != nil {
		return nil, err
	}
	stream, err := r.Feed.Messages(ctx, r.threads(ctx), threadID, *orZero(after))
	if err != nil {
		return nil, aboutCursor(err, threadID, argument)
	}
	begin(ctx, feed.CursorOf(stream).String())
	return drawFrom(ctx, threadID, stream, func(m *store.Message) *store.Message { return m }), nil
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
	return drawFrom(ctx, threadID, stream, changeOf), nil
}

// changeOf gives a change in the words of the API.
func changeOf(c feed.Change) *graph.AgentStateChange {
	return &graph.AgentStateChange{Kind: changeKinds[c.Kind], AgentState: c.State, Version: c.Version}
}

// source is what the subscription of one operation draws from. gqlgen wants a channel, and somebody who fills it; here the one who
// wants the next response does that first. So a subscription that waits has no goroutine of its own beside the transport's, if that
// has one, the reason of its end is known, and an event need not be executed where its response is there already.
type source struct {
	threadID string
	// events is nil where nothing was subscribed.
	events events
}

// events are those of one subscription.
type events interface {
	// Next, Poll, Notify and Leave are those of feed.Stream.
	Next() (any, error)
	Poll() (event any, ok bool, err error)
	Notify(wake func())
	Leave()
	// offer gives an event to the executor, and end tells it that there are no more.
	offer(event any)
	end()
}

// drawn are the events of a stream, in the words of the API, and the channel in which the executor finds them.
type drawn[S, T any] struct {
	*feed.Stream[S]
	translate func(S) T
	out       chan T
}

func (d *drawn[S, T]) Next() (any, error) {
	v, err := d.Stream.Next()
	if err != nil {
		return nil, err
	}
	return d.translate(v), nil
}

func (d *drawn[S, T]) Poll() (any, bool, error) {
	v, ok, err := d.Stream.Poll()
	if !ok || err != nil {
		return nil, false, err
	}
	return d.translate(v), true, nil
}

func (d *drawn[S, T]) offer(event any) { d.out <- event.(T) } //nolint:forcetypeassert // it comes from Next or Poll

func (d *drawn[S, T]) end() { close(d.out) }

type sourceKey struct{}

// drawFrom makes a stream the source of the operation, and gives the channel for the executor.
func drawFrom[S, T any](ctx context.Context, threadID string, stream *feed.Stream[S], translate func(S) T) <-chan T {
	s, ok := ctx.Value(sourceKey{}).(*source)
	if !ok {
		panic("resolver: subscriptions need the extension of the resolver, see Extension")
	}
	d := &drawn[S, T]{Stream: stream, translate: translate, out: make(chan T, 1)}
	*s = source{threadID: threadID, events: d}
	if field := graphql.GetFieldContext(ctx); field != nil {
		field.Args = nil // they were read, and a listener that waits shall hold nothing that it does not need
	}
	return d.out
}

// Subscriptions is the gqlgen extension that runs subscriptions: it draws what comes from their sources, tells why one has ended, as
// the last response, and shares responses among those who want the same of the same event.
type Subscriptions struct {
	resolver   *Resolver
	shared     *responses
	operations *operations
}

// Extension gives the extension to install beside the executable schema.
func (r *Resolver) Extension() graphql.HandlerExtension {
	return Subscriptions{resolver: r, shared: newResponses(), operations: newOperations(r)}
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
	ready := false
	defer func() {
		if !ready && s.events != nil { // it panics, and nobody will ask
			s.events.Leave()
		}
	}()
	execute := next(context.WithValue(ctx, sourceKey{}, s)) // this subscribes
	if s.events == nil {
		return execute // the error of one that could not start
	}
	asker := live.AskerOf(ctx)
	if asker != nil {
		asker.Served = true
		s.events.Notify(asker.Wake)
	}
	shareable := isShareable(op.Operation)
	at := position.From(ctx)
	ready = true
	over := false
	// The writer of its events is looked up with the first of them and then kept: beside hundreds of other documents it would be
	// driven out, and compiled anew for each event.
	var write compiled.Writer[any]
	known := false
	return func(ctx context.Context) *graphql.Response {
		if over {
			return execute(ctx)
		}
		event, ok, err := s.ask(asker)
		if err != nil {
			over = true
			s.events.end()
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return execute(ctx)
			}
			return &graphql.Response{Errors: gqlerror.List{x.resolver.Present(ctx, about(err, s.threadID))}}
		}
		if !ok {
			return live.Waiting
		}
		note(at, event)
		run := func() *graphql.Response {
			if !known {
				write, known = x.operations.event(op), true
			}
			if response := bring(ctx, op, write, event); response != nil {
				return response
			}
			s.events.offer(event)
			resp := execute(ctx)
			if resp == nil { // the context has ended meanwhile, and for the transport that is the end
				s.events.Leave()
			}
			return resp
		}
		if message, ok := event.(*store.Message); ok && shareable { // a change is read for each listener, so nobody else has it
			return x.shared.of(message, op.Operation, run)
		}
		return run()
	}
}

// ask gives the next event: at once, if it is at hand, where the asker does not wait.
func (s *source) ask(asker *live.Asker) (event any, ok bool, err error) {
	if asker != nil {
		if asker.Gone.Load() {
			s.events.Leave()
		}
		return s.events.Poll()
	}
	event, err = s.events.Next()
	return event, err == nil, err
}
