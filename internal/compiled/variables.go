package compiled

import "github.com/vektah/gqlparser/v2/ast"

// DependsOnVariables tells whether @skip or @include of an operation take variables: what it selects is not the same each time then.
// Each fragment is looked at once, however often it is spread.
func DependsOnVariables(op *ast.OperationDefinition) bool {
	return conditional{seen: make(map[string]bool)}.within(op.SelectionSet)
}

type conditional struct{ seen map[string]bool }

func (c conditional) within(set ast.SelectionSet) bool {
	for _, selection := range set {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.InlineFragment:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.FragmentSpread:
			directives = selection.Directives
			if !c.seen[selection.Name] {
				c.seen[selection.Name] = true
				below = selection.Definition.SelectionSet
			}
		}
		for _, directive := range directives {
			if TakesVariables(directive.Arguments) {
				return true
			}
		}
		if c.within(below) {
			return true
		}
	}
	return false
}

// TakesVariables tells whether there are variables in arguments.
func TakesVariables(arguments ast.ArgumentList) bool {
	for _, argument := range arguments {
		if isVariable(argument.Value) {
			return true
		}
	}
	return false
}

func isVariable(value *ast.Value) bool {
	if value.Kind == ast.Variable {
		return true
	}
	for _, child := range value.Children {
		if isVariable(child.Value) {
			return true
		}
	}
	return false
}
