package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

var strictSchema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	enum Color { RED GREEN }
	scalar JSON
	input In { color: Color, colors: [Color!], text: String, on: Boolean, n: Int, id: ID, any: JSON, nested: In }
	type Query { f(in: In, texts: [String!]): Int }`})

func TestVariablesAreOfTheirTypes(t *testing.T) {
	doc := gqlparser.MustLoadQueryWithRules(strictSchema, `query($in: In, $texts: [String!]) { f(in: $in, texts: $texts) }`, nil)
	for variables, message := range map[string]string{
		`{}`:                          "",
		`{"in": null, "texts": null}`: "",
		`{"in": {"color": "RED", "colors": ["GREEN"], "text": "1", "on": true, "n": -2147483648, "id": "x"}}`: "",
		`{"in": {"id": 7, "any": {"a": 1.5}, "nested": {"n": 2147483647}}}`:                                   "",
		`{"in": {"colors": "GREEN"}}`:        "",
		`{"texts": "one"}`:                   "",
		`{"in": {"color": "red"}}`:           `variable.in.color: give it one of the values of Color, not "red"`,
		`{"in": {"color": 1}}`:               `variable.in.color: give it one of the values of Color, not 1`,
		`{"in": {"colors": ["RED", "Red"]}}`: `variable.in.colors[1]: give it one of the values of Color, not "Red"`,
		`{"in": {"text": 1}}`:                `variable.in.text: give it a value of type String, not 1`,
		`{"texts": ["a", 2]}`:                `variable.texts[1]: give it a value of type String, not 2`,
		`{"in": {"on": "true"}}`:             `variable.in.on: give it a value of type Boolean, not "true"`,
		`{"in": {"n": 1.5}}`:                 `variable.in.n: give it a value of type Int, not 1.5`,
		`{"in": {"n": 2147483648}}`:          `variable.in.n: give it a value of type Int, not 2147483648`,
		`{"in": {"n": "1"}}`:                 `variable.in.n: give it a value of type Int, not "1"`,
		`{"in": {"id": 1.5}}`:                `variable.in.id: give it a value of type ID, not 1.5`,
		`{"in": {"nested": {"id": true}}}`:   `variable.in.nested.id: give it a value of type ID, not true`,
	} {
		values, err := decodeObjectText(variables)
		require.NoError(t, err, variables)
		op := &graphql.OperationContext{Operation: doc.Operations[0], Variables: values}
		got := strictVariables{strictSchema}.MutateOperationContext(t.Context(), op)
		if message == "" {
			assert.Nil(t, got, variables)
			continue
		}
		require.NotNil(t, got, variables)
		assert.Equal(t, message, got.Path.String()+": "+got.Message)
		assert.Equal(t, "GRAPHQL_VALIDATION_FAILED", got.Extensions["code"])
	}
}

// A variable that may be null may stand where null may not, if either has a default: a null then is an error, or it would become an
// empty text, false, or what a resolver makes of nothing.
func TestANullIsRefusedWhereItsUseTakesNone(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: `
		input In { text: String!, on: Boolean! = true, list: [String!] }
		type Query { f(text: String!, on: Boolean! = true, in: In, some: String): Int }`})
	for document, message := range map[string]string{
		`query($v: String = "x") { f(text: $v) }`:                                                       "variable.v: give it a value of type String!, not null",
		`query($v: Boolean) { f(text: "", on: $v) }`:                                                    "variable.v: give it a value of type Boolean!, not null",
		`query($v: String = "x") { f(text: "", in: {text: $v}) }`:                                       "variable.v: give it a value of type String!, not null",
		`query($v: Boolean) { f(text: "", in: {text: "", on: $v}) }`:                                    "variable.v: give it a value of type Boolean!, not null",
		`query($v: String = "x") { f(text: "", in: {text: "", list: ["a", $v]}) }`:                      "variable.v: give it a value of type String!, not null",
		`query($v: Boolean = true) { f(text: "") @skip(if: $v) }`:                                       "variable.v: give it a value of type Boolean!, not null",
		`query($v: Boolean = true) { ... @include(if: $v) { f(text: "") } }`:                            "variable.v: give it a value of type Boolean!, not null",
		`query($v: Boolean = true) { ...q @include(if: $v) } fragment q on Query { f(text: "") }`:       "variable.v: give it a value of type Boolean!, not null",
		`query($v: String = "x") { f(text: "", some: $v) ...q } fragment q on Query { g: f(text: $v) }`: "variable.v: give it a value of type String!, not null",
		`query($v: String = "x") { f(text: "", some: $v) }`:                                             "",
		`query($v: [String!] = ["x"]) { f(text: "", in: {text: "", list: $v}) }`:                        "",
	} {
		doc := gqlparser.MustLoadQueryWithRules(schema, document, nil)
		for _, given := range []bool{true, false} {
			op := &graphql.OperationContext{Operation: doc.Operations[0], Variables: map[string]any{}}
			if given {
				op.Variables["v"] = nil
			}
			got := strictVariables{schema}.MutateOperationContext(t.Context(), op)
			if message == "" || !given {
				assert.Nil(t, got, document)
				continue
			}
			require.NotNil(t, got, document)
			assert.Equal(t, message, got.Path.String()+": "+got.Message, document)
		}
	}
}

// decodeObjectText reads JSON as requests are read.
func decodeObjectText(text string) (values map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&values)
	return values, err
}
