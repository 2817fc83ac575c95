package resolver

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/graph"
	"agentstate/internal/auth"
	"agentstate/store"
)

// oneEvent is a resolver each of whose subscriptions brings that event.
type oneEvent struct {
	*Resolver
	event any
}

func (o oneEvent) Subscription() graph.SubscriptionResolver { return o }

func (o oneEvent) MessageAdded(context.Context, string, *string) (<-chan *store.Message, error) {
	return channelOf[*store.Message](o.event), nil
}

func (o oneEvent) AgentStateChanged(context.Context, string) (<-chan *graph.AgentStateChange, error) {
	return channelOf[*graph.AgentStateChange](o.event), nil
}

func (o oneEvent) MessageChanged(context.Context, string, *string) (<-chan *graph.MessageChange, error) {
	return channelOf[*graph.MessageChange](o.event), nil
}

func channelOf[T any](event any) <-chan T {
	events := make(chan T, 1)
	events <- event.(T)
	return events
}

// someEvents are some of each subscription, of the thread that has everything.
func (p *pair) someEvents(t *testing.T) map[string][]any {
	t.Helper()
	ctx := auth.With(t.Context(), &auth.Caller{Owner: "ann", Scopes: auth.Read})
	last := store.MessagesOf(store.Range{Last: 50}, nil)
	full, err := p.resolver.threads(ctx).Get(ctx, "full", store.Read{Context: true, Plan: true, ToolCalls: true, Metadata: true, Pages: []store.PageKey{last}})
	require.NoError(t, err)
	messages := full.Pages[last].Messages
	return map[string][]any{
		"messageAdded": {messages[2], messages[3]},
		"agentStateChanged": {
			&graph.AgentStateChange{Kind: graph.AgentStateChangeKindUpdated, AgentState: full, Version: 7},
			&graph.AgentStateChange{Kind: graph.AgentStateChangeKindDeleted},
		},
		"messageChanged": {
			messageChangeOf(&store.MessageEdit{Kind: store.MessageUpdated, ThreadID: "full", MessageID: "m", Message: messages[2], Seq: 3, Version: 9}),
			messageChangeOf(&store.MessageEdit{Kind: store.Truncated, ThreadID: "full", Seq: 3}),
		},
	}
}

func TestACompiledEventGivesWhatGqlgenGives(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	random := rand.New(rand.NewPCG(5, 6))
	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	compiled := 0
	all := p.someEvents(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		events := all[name]
		typeName := schema.Subscription.Fields.ForName(name).Type.Name()
		for i := range 60 {
			event := events[i%len(events)]
			w := &writing{random: random, schema: schema}
			document := w.document("subscription", " e: "+name+`(threadId: "full") {`+w.selection(typeName, 0)+"}")
			want, op := p.event(t, document, event)
			got := bring(t.Context(), op, p.operations.event(op), event)
			if got == nil {
				continue // it is left to gqlgen
			}
			compiled++
			assert.Empty(t, want.Errors, document)
			require.Equal(t, masked(want.Data), masked(got.Data), document)
		}
	}
	t.Log(compiled, "of 180 were compiled")
	assert.Greater(t, compiled, 90, "else this proves little")
}

// What may not be null and is has an error, which gqlgen tells: also where that is JSON, of a thread that another program wrote.
func TestANullThatMayNotBeIsLeftToGqlgen(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for document, event := range map[string]any{
		`subscription { messageAdded(threadId: "full") { toolCalls { args } } }`: &store.Message{ToolCalls: []store.MessageToolCall{{Name: "f"}}},
		`subscription { messageAdded(threadId: "full") { metadata } }`:           &store.Message{},
		`subscription { messageAdded(threadId: "full") { content } }`:            &store.Message{},
		`subscription { agentStateChanged(threadId: "full") { agentState { toolCalls { parameters } } } }`: &graph.AgentStateChange{
			AgentState: &store.AgentState{ToolCalls: []store.ToolExecution{{}}},
		},
	} {
		response, op := p.event(t, document, event)
		assert.NotEmpty(t, response.Errors, document)
		assert.Nil(t, bring(t.Context(), op, p.operations.event(op), event), document)
	}
}

// event lets gqlgen alone execute a subscription until it brings an event.
func (p *pair) event(t *testing.T, document string, event any) (*graphql.Response, *graphql.OperationContext) {
	t.Helper()
	generated := executor.New(graph.NewExecutableSchema(graph.Config{Resolvers: oneEvent{p.resolver, event}}))
	generated.SetErrorPresenter(p.resolver.Present)
	ctx := graphql.StartOperationTrace(auth.With(t.Context(), &auth.Caller{Owner: "ann", Scopes: auth.Read}))
	op, errs := generated.CreateOperationContext(ctx, &graphql.RawParams{Query: document})
	require.Empty(t, errs, document)
	handler, ctx := generated.DispatchOperation(ctx, op)
	response := handler(ctx)
	require.NotNil(t, response, document)
	return response, op
}

// endless brings the same message again and again.
type endless struct {
	events
	message *store.Message
}

func (e endless) Next() (any, error) { return e.message, nil }

// Beside more other documents than are kept, the events of a subscription are not compiled again and again.
func TestASubscriptionIsCompiledOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	x := p.resolver.Extension().(Subscriptions)
	ctx := graphql.StartOperationTrace(t.Context())
	op, errs := p.compiled.CreateOperationContext(ctx, &graphql.RawParams{Query: `subscription { messageAdded(threadId: "full") { seq } }`})
	require.Empty(t, errs)
	ctx = graphql.WithOperationContext(ctx, op)
	responses := x.InterceptOperation(ctx, func(ctx context.Context) graphql.ResponseHandler {
		*ctx.Value(sourceKey{}).(*source) = source{events: endless{message: &store.Message{Seq: 3}}}
		return func(context.Context) *graphql.Response { t.Error("gqlgen was asked"); return nil }
	})
	for range 3 {
		x.shared.made = make(map[responseKey]*graphql.Response) // else nothing is written
		assert.JSONEq(t, `{"messageAdded": {"seq": 3}}`, string(responses(ctx).Data))
		x.operations.events.Purge()
	}
	x.shared.made = make(map[responseKey]*graphql.Response)
	responses(ctx)
	assert.Zero(t, x.operations.events.Len())
}
