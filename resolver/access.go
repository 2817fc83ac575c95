package resolver

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/auth"
)

// access says which scope each field at the root of an operation needs. What is not in it nobody may ask for: a new field is refused
// until somebody has thought about it, and a test walks over the schema. What a mutation gives back belongs to it.
var access = map[ast.Operation]map[string]auth.Scope{
	ast.Query: {
		"agentState": auth.Read, "agentStateExists": auth.Read, "agentStateTtl": auth.Read, "agentStates": auth.Read,
		"recentAgentStates": auth.Read, "threadIds": auth.Read, "agentStateCount": auth.Read, "message": auth.Read,
		"health": 0, // its details need Admin, see Health
	},
	ast.Mutation: {
		"createAgentState": auth.Write, "updateAgentState": auth.Write, "deleteAgentState": auth.Write, "addMessage": auth.Write,
		"addMessages": auth.Write, "setContext": auth.Write, "setRelevance": auth.Write, "addPlan": auth.Write, "addToolCall": auth.Write,
		"extendTtl": auth.Write, "addLangChainMessages": auth.Write, "updateMessage": auth.Write, "deleteMessage": auth.Write, "truncateMessages": auth.Write, "forkAgentState": auth.Write,
		// It is no part of a conversation. It clears away threads of the caller's alone, as everything here.
		"cleanupExpired": auth.Admin,
	},
	ast.Subscription: {"messageAdded": auth.Read, "agentStateChanged": auth.Read, "messageChanged": auth.Read},
}

// described are the fields that GraphQL itself has at every root: whoever is known may see what there is.
var described = map[string]bool{"__typename": true, "__schema": true, "__type": true}

// Access is the gqlgen extension that refuses operations whose caller lacks a scope, ahead of their execution: of a mutation nothing is
// done then.
type Access struct{}

// ExtensionName names the extension.
func (Access) ExtensionName() string { return "Access" }

// Validate has nothing to check.
func (Access) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation, or changes nothing.
func (Access) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	caller := auth.From(ctx)
	if !caller.Known() {
		return &gqlerror.Error{Message: "Send a token.", Extensions: map[string]any{"code": CodeUnauthenticated}}
	}
	return permitted{caller, op.Operation.Operation, make(map[string]bool)}.within(op.Operation.SelectionSet)
}

// permitted looks at the fields of a root, at each fragment once.
type permitted struct {
	caller *auth.Caller
	kind   ast.Operation
	seen   map[string]bool
}

func (p permitted) within(set ast.SelectionSet) (refused *gqlerror.Error) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			refused = p.field(selection)
		case *ast.InlineFragment:
			refused = p.within(selection.SelectionSet)
		case *ast.FragmentSpread:
			if !p.seen[selection.Name] {
				p.seen[selection.Name] = true
				refused = p.within(selection.Definition.SelectionSet)
			}
		}
		if refused != nil {
			return refused
		}
	}
	return nil
}

func (p permitted) field(field *ast.Field) *gqlerror.Error {
	scope, ok := access[p.kind][field.Name]
	switch {
	case described[field.Name], ok && p.caller.May(scope):
		return nil
	case !ok:
		return p.refuse(field, fmt.Sprintf("Leave %s out: nobody may ask for it.", field.Name))
	}
	return p.refuse(field, fmt.Sprintf("Send a token with the scope `%s`: %s needs it.", scope, field.Name))
}

func (permitted) refuse(field *ast.Field, message string) *gqlerror.Error {
	return &gqlerror.Error{
		Message: message, Extensions: map[string]any{"code": CodeForbidden},
		Locations: []gqlerror.Location{{Line: field.Position.Line, Column: field.Position.Column}},
	}
}
