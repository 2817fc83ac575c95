package httpapi

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// A JSON argument may hold any number, also as a literal: 12345678901234567890 or 1e400. gqlparser checks an input object
// by reading all of it, numbers as int64 and float64, and would refuse these two. So during the validation they pass for
// enum values, which are read as text, look the same in messages, and can never begin with a digit otherwise.

// validationRules are gqlparser's, and the disguise of large numbers. The executor changes the set that it gets, so each
// document has its own.
func validationRules(suggest bool) *rules.Rules {
	set := rules.NewDefaultRules()
	if !suggest {
		withoutSuggestions(set)
	}
	set.AddRule("LargeNumbersInJSON", func(observers *core.Events, _ core.AddErrFunc) {
		// The walker comes to a value after those in it, so a JSON value is done before the input object around it is checked.
		observers.OnValue(func(_ *core.Walker, v *ast.Value) {
			if v.Definition != nil && v.Definition.Name == "JSON" {
				disguiseLargeNumbers(v)
			}
		})
	})
	return set
}

func disguiseLargeNumbers(v *ast.Value) {
	var err error
	switch v.Kind {
	case ast.IntValue:
		_, err = strconv.ParseInt(v.Raw, 10, 64)
	case ast.FloatValue:
		_, err = strconv.ParseFloat(v.Raw, 64)
	default:
	}
	if err != nil {
		v.Kind = ast.EnumValue
	}
	for _, child := range v.Children {
		disguiseLargeNumbers(child.Value)
	}
}

// revealLargeNumbers makes numbers of the disguised ones in a validated document.
func revealLargeNumbers(schema *ast.Schema, doc *ast.QueryDocument) {
	observers := &core.Events{}
	observers.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Kind == ast.EnumValue && strings.IndexAny(v.Raw, "-0123456789") == 0 {
			v.Kind = ast.FloatValue
		}
	})
	core.Walk(schema, doc, observers)
}
