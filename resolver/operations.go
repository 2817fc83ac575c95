package resolver

import (
	"context"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/compiled"
)

const (
	// keptOperations bounds the compiled operations that are kept, and mostCompiled the documents that are compiled, in bytes: an
	// operation keeps its document from being freed, some 15 times as much.
	keptOperations = 500
	mostCompiled   = 8 << 10
)

// operations compiles operations and keeps them. They are known by their addresses: the cache of documents gives the same for the
// same text.
type operations struct {
	resolver *Resolver
	known    *lru.Cache[*ast.OperationDefinition, compiledOperation]
	events   *lru.Cache[*ast.OperationDefinition, compiled.Writer[any]]
	// seen are the operations that have come once. They are not kept yet, since a document that is not kept never comes again.
	seen *lru.Cache[weak.Pointer[ast.OperationDefinition], struct{}]
}

func newOperations(r *Resolver) *operations {
	return &operations{
		resolver: r,
		known:    keep[*ast.OperationDefinition, compiledOperation](), events: keep[*ast.OperationDefinition, compiled.Writer[any]](),
		seen: keep[weak.Pointer[ast.OperationDefinition], struct{}](),
	}
}

func keep[K comparable, T any]() *lru.Cache[K, T] {
	kept, err := lru.New[K, T](keptOperations)
	if err != nil {
		panic(err) // of a size below 1
	}
	return kept
}

// compiledOperation is a compiled query or mutation; neither where it is left to gqlgen.
type compiledOperation struct {
	query    *query
	mutation *mutation
}

// of gives the compiled operation.
func (o *operations) of(op *graphql.OperationContext) compiledOperation {
	if len(op.RawQuery) > mostCompiled {
		return compiledOperation{}
	}
	known, ok := o.known.Get(op.Operation)
	if !ok {
		known = o.compile(op)
		if before, _ := o.seen.ContainsOrAdd(weak.Make(op.Operation), struct{}{}); before {
			o.known.Add(op.Operation, known)
		}
	}
	return known
}

func (o *operations) compile(op *graphql.OperationContext) compiledOperation {
	switch {
	case compiled.DependsOnVariables(op.Operation):
	case op.Operation.Operation == ast.Query:
		return compiledOperation{query: o.compileQuery(op)}
	case op.Operation.Operation == ast.Mutation:
		return compiledOperation{mutation: compileMutation(op)}
	}
	return compiledOperation{}
}

func compileMutation(op *graphql.OperationContext) *mutation {
	m, c := &mutation{}, &compiled.Compiler{Op: op}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Mutation"}) {
		payload := mutationPayloads[field.Name]
		if payload == nil {
			return nil
		}
		write := payload(c, field)
		if write == nil {
			return nil
		}
		m.steps = append(m.steps, payloadStep{field.Alias, write})
	}
	if len(m.steps) == 0 {
		return nil
	}
	return m
}

func (o *operations) compileQuery(op *graphql.OperationContext) *query {
	q, c := &query{}, &compiled.Compiler{Op: op}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "__typename" {
			q.steps = append(q.steps, typeName(field))
			continue
		}
		root := queryRoots[field.Name]
		if root == nil {
			return nil
		}
		step := root(o.resolver, c, field)
		if step == nil {
			return nil
		}
		q.steps = append(q.steps, step)
	}
	if len(q.steps) == 0 {
		return nil
	}
	return q
}

func typeName(field graphql.CollectedField) *rootStep {
	return &rootStep{
		field:   field,
		resolve: func(context.Context, *graphql.OperationContext) (any, error) { return "Query", nil },
		write:   func(r *compiled.Run, value any) { r.Out = compiled.AppendString(r.Out, value.(string)) }, //nolint:forcetypeassert // as above
	}
}

// event gives the writer of what a subscription selects of an event; nil where that is left to gqlgen.
func (o *operations) event(op *graphql.OperationContext) compiled.Writer[any] {
	if len(op.RawQuery) > mostCompiled {
		return nil
	}
	known, ok := o.events.Get(op.Operation)
	if !ok {
		known = compileEvent(op)
		o.events.Add(op.Operation, known)
	}
	return known
}

// bring gives the response that brings an event, as write writes it; nil where that is left to gqlgen, as without a writer.
func bring(ctx context.Context, op *graphql.OperationContext, write compiled.Writer[any], event any) *graphql.Response {
	if write == nil {
		return nil
	}
	return written(ctx, op, 0, func(r *compiled.Run) { write(r, event) })
}

// written gives what write has written, into some size bytes at first; nil where gqlgen must do it.
func written(ctx context.Context, op *graphql.OperationContext, size int, write func(r *compiled.Run)) (response *graphql.Response) {
	defer func() {
		if recover() != nil {
			response = nil // gqlgen will meet it too, and say where
		}
	}()
	r := &compiled.Run{Ctx: ctx, Op: op, Out: make([]byte, 0, size)}
	write(r)
	if r.Failed() {
		return nil
	}
	return &graphql.Response{Data: r.Out}
}

func compileEvent(op *graphql.OperationContext) compiled.Writer[any] {
	if compiled.DependsOnVariables(op.Operation) {
		return nil
	}
	fields := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 {
		return nil
	}
	field, c := fields[0], &compiled.Compiler{Op: op}
	switch field.Name {
	case "messageAdded":
		return eventOf(field, messageObject.Compile(c, field.Selections))
	case "agentStateChanged":
		return eventOf(field, agentStateChangeObject.Compile(c, field.Selections))
	case "messageChanged":
		return eventOf(field, messageChangeObject.Compile(c, field.Selections))
	}
	return nil
}

// eventOf writes the data of an event; nil where write is.
func eventOf[T any](field graphql.CollectedField, write compiled.Writer[T]) compiled.Writer[any] {
	if write == nil {
		return nil
	}
	head := append(compiled.AppendString([]byte{'{'}, field.Alias), ':')
	return func(r *compiled.Run, event any) {
		r.Out = append(r.Out, head...)
		write(r, event.(T)) //nolint:forcetypeassert // the source of the subscription gives no other
		r.Out = append(r.Out, '}')
	}
}
