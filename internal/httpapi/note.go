package httpapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/operation"
)

// note is where a request keeps which operation it brought, for the log of a panic: there the operation is known to those that have
// ended. One goroutine after the other writes and reads it.
type note struct{ label string }

type noteKey struct{}

// noted gives a context with an empty note.
func noted(ctx context.Context) context.Context { return context.WithValue(ctx, noteKey{}, new(note)) }

// labelIn gives what the note in a context says; "" where there is no operation yet, or no note.
func labelIn(ctx context.Context) string {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n.label
	}
	return ""
}

// noteIn writes into the note in a context, if there is one.
func noteIn(ctx context.Context, op *ast.OperationDefinition) {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		n.label = operation.Label(op)
	}
}

// noting is a gqlgen extension that writes the note. It must be the first that looks at operations.
type noting struct{}

// ExtensionName names the extension.
func (noting) ExtensionName() string { return "Noting" }

// Validate has nothing to check.
func (noting) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext changes nothing, and refuses nothing.
func (noting) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	noteIn(ctx, op.Operation)
	return nil
}
