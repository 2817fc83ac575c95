package resolver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/internal/compiled"
)

// execution executes most queries compiled, and leaves the others to gqlgen, with all that has an error to tell.
type execution struct {
	graphql.ExecutableSchema
	resolver   *Resolver
	operations *operations
}

// Schema gives the executable schema that answers by r what generated code parses and describes.
func (r *Resolver) Schema(generated graphql.ExecutableSchema) graphql.ExecutableSchema {
	return execution{ExecutableSchema: generated, resolver: r, operations: newOperations(r)}
}

// Exec executes an operation.
func (e execution) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	known := e.operations.of(op)
	if known.query == nil && known.mutation == nil {
		return e.ExecutableSchema.Exec(ctx)
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		if known.mutation != nil {
			return e.mutate(ctx, op, known.mutation)
		}
		results := known.query.resolve(ctx, op)
		if response := known.query.write(ctx, op, results); response != nil {
			return response
		}
		replay(op, "Query", results)
		return e.ExecutableSchema.Exec(ctx)(ctx)
	}
}

// replay lets gqlgen find what the fields of a root were resolved to already: nothing is done twice, and what went wrong is told by
// gqlgen.
func replay(op *graphql.OperationContext, root string, results map[string]result) {
	next := op.ResolverMiddleware
	op.ResolverMiddleware = func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		if field := graphql.GetFieldContext(ctx); field.Object == root {
			if known, ok := results[field.Field.Alias]; ok && !errors.Is(known.err, errArguments) {
				return known.value, known.err
			}
		}
		return next(ctx, resolve)
	}
}

// result is what a field at the root came to.
type result struct {
	value any
	err   error
}

// mostExpected bounds the bytes that are made ready for an answer before any of it is written: the next thread may be a small one.
const mostExpected = 64 << 10

// query is a compiled query.
type query struct {
	steps []*rootStep
	// size is that of the last answer, in bytes: what the next one is likely to take.
	size atomic.Int64
}

// resolve resolves all fields at the root, at the same time where there are several, and gives what they came to by their aliases.
func (q *query) resolve(ctx context.Context, op *graphql.OperationContext) map[string]result {
	results := make([]result, len(q.steps))
	if len(q.steps) == 1 {
		results[0] = q.steps[0].result(ctx, op)
	} else {
		var all sync.WaitGroup
		for i, step := range q.steps {
			all.Go(func() { results[i] = step.result(ctx, op) })
		}
		all.Wait()
	}
	byAlias := make(map[string]result, len(results))
	for i, step := range q.steps {
		byAlias[step.field.Alias] = results[i]
	}
	return byAlias
}

// result resolves the field.
func (s *rootStep) result(ctx context.Context, op *graphql.OperationContext) result {
	return resolved(ctx, op, func(ctx context.Context) (any, error) { return s.resolve(ctx, op) })
}

// resolved is what a resolver came to. A panic is its error.
func resolved(ctx context.Context, op *graphql.OperationContext, resolve func(ctx context.Context) (any, error)) (r result) {
	defer func() {
		if cause := recover(); cause != nil {
			r = result{err: op.Recover(ctx, cause)}
		}
	}()
	value, err := resolve(ctx)
	return result{value, err}
}

// write gives the answer; nil where there is an error to tell.
func (q *query) write(ctx context.Context, op *graphql.OperationContext, results map[string]result) *graphql.Response {
	for _, r := range results {
		if r.err != nil {
			return nil
		}
	}
	response := written(ctx, op, int(q.size.Load()), func(r *compiled.Run) {
		for i, step := range q.steps {
			r.Out = appendKey(r.Out, i, step.field.Alias)
			step.write(r, results[step.field.Alias].value)
		}
		r.Out = append(r.Out, '}')
	})
	if response != nil {
		q.size.Store(int64(min(len(response.Data)+len(response.Data)/16, mostExpected)))
	}
	return response
}
