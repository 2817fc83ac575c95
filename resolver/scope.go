package resolver

import (
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/auth"
)

// ScopeOf gives the scope that an operation needs, by the name of its field at the root: what access says, for doors other than
// GraphQL. ok is false where there is no such field, which nobody may ask for.
func ScopeOf(operation string) (scope auth.Scope, ok bool) {
	for _, kind := range []ast.Operation{ast.Query, ast.Mutation} {
		if scope, ok = access[kind][operation]; ok {
			return scope, true
		}
	}
	return 0, false
}
