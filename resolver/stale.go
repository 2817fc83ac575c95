package resolver

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// staleDirective is the directive by which a query says that what it reads may be behind.
const staleDirective = "stale"

// mayBeStale tells whether the operation of a context says so. It is asked at each read, of the document as the client wrote it, so
// that whoever executes it, and whatever was compiled of it, has no part in this. What is no operation of GraphQL never may.
func mayBeStale(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && op.Operation == ast.Query && op.Directives.ForName(staleDirective) != nil
}
