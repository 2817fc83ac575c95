package compiled

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func gqlgens(text string) string {
	var out strings.Builder
	graphql.MarshalString(text).MarshalGQL(&out)
	return out.String()
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for _, text := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c), byte(c)}) + "b", string(rune(c)) + "\\"} {
			assert.Equal(t, "x"+gqlgens(text), string(AppendString([]byte("x"), text)), "%q", text)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("")
	f.Add("a\"\\\n\u2028é\xff")
	f.Fuzz(func(t *testing.T, text string) {
		assert.Equal(t, gqlgens(text), string(AppendString(nil, text)))
	})
}

var schema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	input In { a: [Int], in: In }
	type Query { f(n: Int, in: In): Query, leaf: Int }`})

func TestDependsOnVariables(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]bool{
		`query($x: Boolean!) { leaf @skip(if: $x) }`:                                                                           true,
		`query($x: Boolean!) { f { f { leaf @include(if: $x) } } }`:                                                            true,
		`query($x: Boolean!) { ... @include(if: $x) { leaf } }`:                                                                true,
		`query($x: Boolean!) { ...a @skip(if: $x) } fragment a on Query { leaf }`:                                              true,
		`query($x: Boolean!) { ...a } fragment a on Query { f { ...b } } fragment b on Query { leaf @skip(if: $x) }`:           true,
		`query($x: Boolean!) { ...b ...a } fragment a on Query { ...b f { leaf @skip(if: $x) } } fragment b on Query { leaf }`: true,
		`query($x: Int) { f(n: $x) { leaf @skip(if: true) } ...a } fragment a on Query { leaf @include(if: false) }`:           false,
		`query($x: Int) { f(in: {in: {a: [1, $x]}}) { leaf } }`:                                                                false,
	} {
		doc := gqlparser.MustLoadQueryWithRules(schema, document, nil)
		assert.Equal(t, want, DependsOnVariables(doc.Operations[0]), document)
	}
}

func TestTakesVariables(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]bool{
		`query($x: Int) { f(n: $x) { leaf } }`:                  true,
		`query($x: Int) { f(in: {in: {a: [1, $x]}}) { leaf } }`: true,
		`query { f(in: {in: {a: [1, 2]}}, n: 1) { leaf } }`:     false,
		`query { f { leaf } }`:                                  false,
	} {
		doc := gqlparser.MustLoadQueryWithRules(schema, document, nil)
		assert.Equal(t, want, TakesVariables(doc.Operations[0].SelectionSet[0].(*ast.Field).Arguments), document)
	}
}
