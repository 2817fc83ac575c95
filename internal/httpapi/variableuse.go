package httpapi

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// checkNull checks a variable that is null. It may be so although an argument that it is given to takes no null, where either has a
// default. gqlgen then takes an empty text for a String, false for a Boolean, and more of the kind, as if the client had said so.
// https://spec.graphql.org/October2021/#sec-All-Variable-Usages-are-Allowed.Allowing-optional-variables-when-default-values-exist
func checkNull(op *ast.OperationDefinition, variable string) *badValue {
	var taken *ast.Type
	find := variableUse{variable: variable, seen: make(map[string]bool), wanted: func(v *ast.Value) bool {
		if v.ExpectedType == nil || !v.ExpectedType.NonNull {
			return false
		}
		taken = v.ExpectedType
		return true
	}}
	if find.within(op.SelectionSet) == nil {
		return nil
	}
	return bad("give it a value of type %s, not %s", taken.String(), nil)
}

// useOf gives the path of the first argument, or part of one, that an operation gives a variable to; that of the variable itself
// where there is none.
func useOf(op *ast.OperationDefinition, variable string) ast.Path {
	if op != nil {
		first := variableUse{variable: variable, seen: make(map[string]bool), wanted: func(*ast.Value) bool { return true }}
		if path := first.within(op.SelectionSet); path != nil {
			return path
		}
	}
	return ast.Path{ast.PathName(variable)}
}

// variableUse looks for a use of a variable that is wanted. It looks into each fragment once, however often it is spread.
type variableUse struct {
	variable string
	wanted   func(*ast.Value) bool
	seen     map[string]bool
}

// within gives the path of the argument that has the variable; nil where none has.
func (u variableUse) within(set ast.SelectionSet) ast.Path {
	for _, selection := range set {
		var arguments ast.ArgumentList
		var directives ast.DirectiveList
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			arguments, directives, below = selection.Arguments, selection.Directives, selection.SelectionSet
		case *ast.InlineFragment:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.FragmentSpread: // validation has looked it up
			directives = selection.Directives
			if !u.seen[selection.Name] {
				u.seen[selection.Name] = true
				below = selection.Definition.SelectionSet
			}
		}
		path := u.in(arguments)
		for _, directive := range directives {
			if path == nil {
				path = u.in(directive.Arguments)
			}
		}
		if path == nil {
			path = u.within(below)
		}
		if path != nil {
			return path
		}
	}
	return nil
}

func (u variableUse) in(arguments ast.ArgumentList) ast.Path {
	for _, argument := range arguments {
		if path := u.at(ast.Path{ast.PathName(argument.Name)}, argument.Value); path != nil {
			return path
		}
	}
	return nil
}

func (u variableUse) at(path ast.Path, value *ast.Value) ast.Path {
	if value.Kind == ast.Variable && value.Raw == u.variable && u.wanted(value) {
		return path
	}
	for i, child := range value.Children {
		var next ast.PathElement = ast.PathName(child.Name)
		if value.Kind == ast.ListValue {
			next = ast.PathIndex(i)
		}
		if path := u.at(slices.Concat(path, ast.Path{next}), child.Value); path != nil {
			return path
		}
	}
	return nil
}
