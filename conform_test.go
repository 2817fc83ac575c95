package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// parsed is a valid document.
func parsed(tb testing.TB, schema *ast.Schema, document string) *ast.QueryDocument {
	tb.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
	require.Empty(tb, errs, document)
	return doc
}

// walkFields visits the fields of a selection with those in fragments.
func walkFields(set ast.SelectionSet, visit func(*ast.Field)) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			visit(s)
			walkFields(s.SelectionSet, visit)
		case *ast.FragmentSpread:
			walkFields(s.Definition.SelectionSet, visit)
		case *ast.InlineFragment:
			walkFields(s.SelectionSet, visit)
		}
	}
}

// dateTime is the one form in which the server writes a DateTime.
var dateTime = regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"$`)

// conforms checks the data of a document against the schema: what is there, null only where it may be, and the form of
// each scalar.
func conforms(tb testing.TB, schema *ast.Schema, document string, data json.RawMessage) {
	tb.Helper()
	doc := parsed(tb, schema, document)
	conformsTo(tb, schema, doc.Operations[0].SelectionSet, data, "")
}

func conformsTo(tb testing.TB, schema *ast.Schema, set ast.SelectionSet, data json.RawMessage, path string) {
	tb.Helper()
	var values map[string]json.RawMessage
	require.NoError(tb, json.Unmarshal(data, &values), path)
	fields := 0
	shallow(set, func(f *ast.Field) {
		fields++
		value, ok := values[f.Alias]
		require.True(tb, ok, "%s.%s is missing", path, f.Alias)
		isOf(tb, schema, f.Definition.Type, f.SelectionSet, value, path+"."+f.Alias)
	})
	assert.Len(tb, values, fields, "more than was asked for in %s", path)
}

// shallow visits the fields of a selection itself, with those in fragments.
func shallow(set ast.SelectionSet, visit func(*ast.Field)) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			visit(s)
		case *ast.FragmentSpread:
			shallow(s.Definition.SelectionSet, visit)
		}
	}
}

func isOf(tb testing.TB, schema *ast.Schema, of *ast.Type, set ast.SelectionSet, value json.RawMessage, path string) {
	tb.Helper()
	text := string(value)
	definition := schema.Types[of.Name()]
	switch {
	case text == "null":
		assert.False(tb, of.NonNull, "%s is null", path)
	case of.Elem != nil:
		var list []json.RawMessage
		require.NoError(tb, json.Unmarshal(value, &list), path)
		for _, element := range list {
			isOf(tb, schema, of.Elem, set, element, path+"[]")
		}
	case definition.Kind == ast.Object:
		conformsTo(tb, schema, set, value, path)
	case definition.Kind == ast.Enum:
		assert.NotNil(tb, definition.EnumValues.ForName(strings.Trim(text, `"`)), "%s is %s", path, text)
	default:
		assert.Regexp(tb, scalarForms[of.Name()], text, path)
	}
}

var scalarForms = map[string]*regexp.Regexp{
	"DateTime": dateTime, "ID": regexp.MustCompile(`^"(.|\n)+"$`), "String": regexp.MustCompile(`^"(.|\n)*"$`),
	"Int": regexp.MustCompile(`^-?\d+$`), "Float": regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d+)?$`),
	"Boolean": regexp.MustCompile(`^(true|false)$`), "JSON": regexp.MustCompile(`.`),
}
