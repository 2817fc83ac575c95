package httpapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// noIntrospection is the extension that refuses operations that ask for the schema, over every transport. `__typename` is no
// question about the schema: every client that caches asks it.
type noIntrospection struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = noIntrospection{}

func (noIntrospection) ExtensionName() string { return "NoIntrospection" }

func (noIntrospection) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses the operation with the codes that Apollo Server gives, which tools know.
func (noIntrospection) MutateOperationContext(_ context.Context, opCtx *graphql.OperationContext) *gqlerror.Error {
	if opCtx.Operation == nil || !asksForSchema(opCtx.Operation.SelectionSet, map[string]bool{}) {
		return nil
	}
	err := gqlerror.Errorf("Take the schema from a server that has INTROSPECTION=on: this one answers no `__schema` or `__type`.")
	errcode.Set(err, errcode.ValidationFailed)
	err.Extensions["validationErrorCode"] = "INTROSPECTION_DISABLED"
	return err
}

// asksForSchema tells whether one of the two root fields is selected. It looks into each fragment once.
func asksForSchema(set ast.SelectionSet, seen map[string]bool) bool {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field: // below the root, nothing has such a field
			if selection.Name == "__schema" || selection.Name == "__type" {
				return true
			}
		case *ast.InlineFragment:
			if asksForSchema(selection.SelectionSet, seen) {
				return true
			}
		case *ast.FragmentSpread:
			if !seen[selection.Name] && selection.Definition != nil {
				seen[selection.Name] = true
				if asksForSchema(selection.Definition.SelectionSet, seen) {
					return true
				}
			}
		}
	}
	return false
}

// withoutSuggestions has the rules of a document not tell by "Did you mean" what the schema has. gqlgen's own switch knows
// two of them.
func withoutSuggestions(set *rules.Rules) {
	for loud, silent := range map[string]core.Rule{
		rules.FieldsOnCorrectTypeRule.Name: rules.FieldsOnCorrectTypeRuleWithoutSuggestions,
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ScalarLeafsRule.Name:         rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		set.RemoveRule(loud)
		set.AddRule(silent.Name, silent.RuleFunc)
	}
}
