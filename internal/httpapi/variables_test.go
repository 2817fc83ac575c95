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

// decodeObjectText reads JSON as requests are read.
func decodeObjectText(text string) (values map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&values)
	return values, err
}
