package resolver

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/compiled"
)

// mutation is a compiled mutation: gqlgen executes it, and what is selected of its payloads is written compiled.
type mutation struct{ steps []payloadStep }

// payloadStep is a field at the root of a mutation.
type payloadStep struct {
	alias string
	write compiled.Writer[any]
}

// errTaken tells gqlgen that it has nothing to write.
var errTaken = errors.New("resolver: the payload is written elsewhere")

// mutate executes a mutation compiled. Its fields are executed one after another, by gqlgen, which decodes their inputs; what it
// would write of each is its own error, which nobody sees. Where a field has failed, gqlgen tells it in a second run, in which it
// finds what was done already: nothing is done twice, whatever happens.
func (e execution) mutate(ctx context.Context, op *graphql.OperationContext, m *mutation) *graphql.Response {
	results := make(map[string]result, len(m.steps))
	next := op.ResolverMiddleware
	op.ResolverMiddleware = func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		field := graphql.GetFieldContext(ctx)
		if field.Object != "Mutation" {
			return next(ctx, resolve)
		}
		results[field.Field.Alias] = resolved(ctx, op, func(ctx context.Context) (any, error) { return next(ctx, resolve) })
		return nil, errTaken
	}
	e.ExecutableSchema.Exec(unheard(ctx))(unheard(ctx))
	op.ResolverMiddleware = next
	if response := m.write(ctx, op, results); response != nil {
		return response
	}
	replay(op, "Mutation", results)
	return e.ExecutableSchema.Exec(ctx)(ctx)
}

// unheard gives a context whose errors nobody sees.
func unheard(ctx context.Context) context.Context {
	return graphql.WithResponseContext(ctx,
		func(context.Context, error) *gqlerror.Error { return &gqlerror.Error{} },
		func(_ context.Context, cause any) error { panic(cause) }) // resolved has caught those of resolvers
}

// write gives the answer; nil where there is an error to tell.
func (m *mutation) write(ctx context.Context, op *graphql.OperationContext, results map[string]result) *graphql.Response {
	for _, step := range m.steps {
		if r, ok := results[step.alias]; !ok || r.err != nil {
			return nil
		}
	}
	return written(ctx, op, 0, func(r *compiled.Run) {
		for i, step := range m.steps {
			r.Out = appendKey(r.Out, i, step.alias)
			step.write(r, results[step.alias].value)
		}
		r.Out = append(r.Out, '}')
	})
}

// appendKey begins the field of that place of an object.
func appendKey(out []byte, place int, name string) []byte {
	lead := byte(',')
	if place == 0 {
		lead = '{'
	}
	return append(compiled.AppendString(append(out, lead), name), ':')
}
