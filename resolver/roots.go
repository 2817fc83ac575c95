package resolver

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/graph"
	"agentstate/internal/compiled"
	"agentstate/internal/scalar"
	"agentstate/store"
)

// errArguments says that arguments cannot be taken, and that nothing was done. gqlgen says it to the client.
var errArguments = errors.New("resolver: arguments that gqlgen must refuse")

// arguments are those of a field. bad is set once one of them is not what it should be.
type arguments struct {
	values map[string]any
	bad    bool
}

func (a *arguments) id(name string) string {
	id, err := graphql.UnmarshalID(a.values[name])
	a.bad = a.bad || err != nil
	return id
}

func (a *arguments) int(name string) int {
	n, err := scalar.UnmarshalInt(a.values[name])
	a.bad = a.bad || err != nil
	return n
}

func (a *arguments) optionalInt(name string) *int {
	if a.values[name] == nil {
		return nil
	}
	n := a.int(name)
	return &n
}

func (a *arguments) optionalText(name string) *string {
	if a.values[name] == nil {
		return nil
	}
	text, ok := a.values[name].(string)
	a.bad = a.bad || !ok
	return &text
}

// rootStep is a field at the root of a query.
type rootStep struct {
	field graphql.CollectedField
	// resolve does what the field asks for; errArguments where nothing was done.
	resolve func(ctx context.Context, op *graphql.OperationContext) (any, error)
	write   func(r *compiled.Run, value any)
}

// rootField compiles a field at the root of a query; nil where that cannot be done.
type rootField func(r *Resolver, c *compiled.Compiler, field graphql.CollectedField) *rootStep

// take reads the arguments of a field and gives who resolves it with them.
type take[T any] func(r *Resolver, a *arguments) func(ctx context.Context) (T, error)

// rootOf makes a root field of the writer of its values and of its resolver.
func rootOf[T any](compile func(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[T], taking take[T]) rootField {
	return rootReading(compile, func(r *Resolver, a *arguments, _ store.Read) func(context.Context) (T, error) { return taking(r, a) })
}

// rootReading is rootOf for a field whose resolver is told what to read of a thread.
func rootReading[T any](
	compile func(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[T],
	taking func(r *Resolver, a *arguments, read store.Read) func(ctx context.Context) (T, error),
) rootField {
	return func(resolver *Resolver, c *compiled.Compiler, field graphql.CollectedField) *rootStep {
		write := compile(c, field)
		if write == nil {
			return nil
		}
		read := readOf(selectionOf(c.Op, field))
		return &rootStep{
			field: field,
			resolve: func(ctx context.Context, op *graphql.OperationContext) (any, error) {
				a := &arguments{values: field.ArgumentMap(op.Variables)}
				resolve := taking(resolver, a, read(op))
				if a.bad {
					return nil, errArguments
				}
				return resolve(graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Query", Field: field, Args: a.values}))
			},
			write: func(r *compiled.Run, value any) { write(r, value.(T)) }, //nolint:forcetypeassert // resolve gave it
		}
	}
}

// threadOrNull, threads and the like compile the selection of a root field.
func threadOrNull(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[*store.AgentState] {
	return compiled.OrNull(agentStateObject.Compile(c, field.Selections))
}

func threads(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[[]*store.AgentState] {
	return compiled.Each(agentStateObject.Compile(c, field.Selections))
}

// self is a value that is written as it is.
func self[T any](value T) T { return value }

// queryRoots are the fields of Query; those that are missing are left to gqlgen.
var queryRoots = map[string]rootField{
	"agentState": rootReading(threadOrNull, func(r *Resolver, a *arguments, read store.Read) func(context.Context) (*store.AgentState, error) {
		id := a.id("threadId")
		return func(ctx context.Context) (*store.AgentState, error) { return r.agentState(ctx, id, read) }
	}),
	"agentStateExists": rootOf(compiled.Bool(self[bool]), func(r *Resolver, a *arguments) func(context.Context) (bool, error) {
		id := a.id("threadId")
		return func(ctx context.Context) (bool, error) { return r.exists(ctx, id) }
	}),
	"agentStateTtl": rootOf(compiled.Optional(ttlObject, self[*store.TTL]), func(r *Resolver, a *arguments) func(context.Context) (*store.TTL, error) {
		id := a.id("threadId")
		return func(ctx context.Context) (*store.TTL, error) { return r.ttl(ctx, id) }
	}),
	"agentStates": rootOf(compiled.Of(agentStateConnectionObject, self[*graph.AgentStateConnection]),
		func(r *Resolver, a *arguments) func(context.Context) (*graph.AgentStateConnection, error) {
			a.bad = a.values["filter"] != nil // an input object, which gqlgen decodes
			first, after, last, before := a.optionalInt("first"), a.optionalText("after"), a.optionalInt("last"), a.optionalText("before")
			return func(ctx context.Context) (*graph.AgentStateConnection, error) {
				return r.Query().AgentStates(ctx, nil, first, after, last, before)
			}
		}),
	"recentAgentStates": rootReading(threads, func(r *Resolver, a *arguments, read store.Read) func(context.Context) ([]*store.AgentState, error) {
		limit := a.int("limit")
		return func(ctx context.Context) ([]*store.AgentState, error) { return r.recent(ctx, limit, read) }
	}),
	"threadIds": rootOf(compiled.Of(threadIDConnectionObject, self[*graph.ThreadIDConnection]),
		func(r *Resolver, a *arguments) func(context.Context) (*graph.ThreadIDConnection, error) {
			pattern, first, after := *orZero(a.optionalText("pattern")), a.optionalInt("first"), a.optionalText("after")
			return func(ctx context.Context) (*graph.ThreadIDConnection, error) {
				return r.Query().ThreadIds(ctx, pattern, first, after)
			}
		}),
	"agentStateCount": rootOf(compiled.Int(self[int]), func(r *Resolver, _ *arguments) func(context.Context) (int, error) {
		return r.Query().AgentStateCount
	}),
	"message": rootOf(compiled.Optional(messageObject, self[*store.Message]), func(r *Resolver, a *arguments) func(context.Context) (*store.Message, error) {
		threadID, messageID := a.id("threadId"), a.id("messageId")
		return func(ctx context.Context) (*store.Message, error) { return r.messageByID(ctx, threadID, messageID) }
	}),
}
