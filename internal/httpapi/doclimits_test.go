package httpapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func parsed(t testing.TB, document string) *ast.QueryDocument {
	t.Helper()
	doc, err := parser.ParseQuery(&ast.Source{Input: document})
	require.NoError(t, err)
	return doc
}

// doubling gives so many fragments of which each spreads the next one twice, with a field around each spread where that is given.
func doubling(n int, spread string) string {
	var b strings.Builder
	b.WriteString("{ ...f0 }")
	for i := range n {
		next := fmt.Sprintf(spread, fmt.Sprintf("...f%d", i+1))
		fmt.Fprintf(&b, " fragment f%d on T { %s %s }", i, next, next)
	}
	fmt.Fprintf(&b, " fragment f%d on T { x: y @d }", n)
	return b.String()
}

func TestDocumentLimits(t *testing.T) {
	repeat := strings.Repeat
	for name, c := range map[string]struct {
		limits        DocumentLimits
		fits, exceeds string
		actual        int
		message       string
	}{
		"depth": {
			limits: DocumentLimits{Depth: 2}, fits: `{ a { b } }`, exceeds: `{ a { b { c } } }`, actual: 3, message: "Nest fields at most 2 deep.",
		},
		"depth through fragments": {
			limits: DocumentLimits{Depth: 2}, fits: `{ ...f } fragment f on T { a { ... on T { b } } }`,
			exceeds: `{ a { ...f } } fragment f on T { a { ... on T { b } } }`, actual: 3,
		},
		"aliases": {
			limits: DocumentLimits{Aliases: 2}, fits: `{ a: x b: x { x } }`, exceeds: `{ a: x b: x { c: x } }`, actual: 3,
			message: "Use at most 2 aliases in an operation.",
		},
		"aliases of a fragment that is spread twice": {
			limits: DocumentLimits{Aliases: 3}, fits: `{ a { ...f } b: c { ...f } } fragment f on T { a: x }`,
			exceeds: `{ a { ...f } b { ...f } } fragment f on T { a: x c: x }`, actual: 4,
		},
		"aliases of one operation": {
			limits: DocumentLimits{Aliases: 1}, fits: `query a { a: x } query b { a: x }`, exceeds: `query a { a: x } query b { a: x b: x }`, actual: 2,
		},
		"root fields": {
			limits: DocumentLimits{RootFields: 2}, fits: `{ a b { c d e } }`, exceeds: `{ a a ... { a } }`, actual: 3,
			message: "Select at most 2 fields at the root of an operation, and the others in further requests.",
		},
		"root fields in fragments": {
			limits: DocumentLimits{RootFields: 2}, fits: `{ ...f } fragment f on T { a b { c d } }`,
			exceeds: `{ ...f ...f } fragment f on T { a b }`, actual: 4,
		},
		"directives": {
			limits: DocumentLimits{Directives: 2}, fits: `query @a { x @b }`, exceeds: `query($x: T @a) @b { x { x @c } }`, actual: 3,
			message: "Use at most 2 directives in an operation.",
		},
		"directives of fragments": {
			limits: DocumentLimits{Directives: 3}, fits: `{ a ...f @a } fragment f on T @b { ... @c { x } }`,
			exceeds: `{ ...f @a ...f } fragment f on T @b { ... @c { x } }`, actual: 5,
		},
		"fields": {
			limits: DocumentLimits{Fields: 3}, fits: `{ a { ...f ...f } } fragment f on T { b c }`, exceeds: `query a { a { b } } query b { b c }`, actual: 4,
			message: "Send a document of at most 3 fields.",
		},
		"repeats": {
			limits: DocumentLimits{Repeats: 2}, fits: `{ a a b: a c: a }`, exceeds: `{ a b: a { a } } fragment f on T { a: b }`, actual: 3,
			message: "Select fields under one name at most 2 times in a document, and share what is the same in a fragment.",
		},
		"operations": {
			limits: DocumentLimits{Operations: 1}, fits: `{ a }`, exceeds: `query a { a } query b { b }`, actual: 2,
			message: "Send a document of at most 1 operations.",
		},
		"names of fields": {
			limits: DocumentLimits{NameBytes: 3}, fits: `query long($long: abc) { long: def ...long } fragment long on T { a(b: $long) }`, exceeds: `{ abcd }`, actual: 4,
			message: "Use the names of the schema: none has more than 3 bytes.",
		},
		"names of types":      {limits: DocumentLimits{NameBytes: 3}, fits: `{ ... on abc { x } }`, exceeds: `{ ... on abcd { x } }`, actual: 4},
		"names of directives": {limits: DocumentLimits{NameBytes: 3}, fits: `{ x @abc(d: 1) }`, exceeds: `{ x @abcd }`, actual: 4},
		"a fragment of many fields, below the root": {
			limits: DocumentLimits{RootFields: 2}, fits: `{ a { ...f } } fragment f on T { a b c d }`, exceeds: `{ ...f } fragment f on T { a b c d }`, actual: 4,
		},
		"names in values": {
			limits: DocumentLimits{NameBytes: 3}, fits: `{ x(y: "a long text", z: 12345) }`, exceeds: `{ x @a(y: {z: [{abcde: 1}]}) }`, actual: 5,
		},
		"enum values":     {limits: DocumentLimits{NameBytes: 3}, fits: `{ x(y: ABC) }`, exceeds: `query($x: T = ABCD) { x }`, actual: 4},
		"unused fragment": {limits: DocumentLimits{Directives: 2}, fits: `{ a } fragment f on T { a @a @b }`, exceeds: `{ a } fragment f on T { a @a @b @c }`, actual: 3},
		"an exponential number of root fields": {
			limits: DocumentLimits{RootFields: 1 << 20}, fits: doubling(20, "%s"), exceeds: doubling(500, "%s"), actual: most,
		},
		"an exponential number of aliases": {
			limits: DocumentLimits{Aliases: 1<<21 - 1 + 1<<20}, fits: doubling(20, "a: b { %s }"), exceeds: doubling(500, "a: b { %s }"), actual: most,
		},
		"an exponential number of directives": {
			limits: DocumentLimits{Directives: 1<<21 + 1<<20}, fits: doubling(20, "%s @x"), exceeds: doubling(500, "%s @x"), actual: most,
		},
		"a document as deep as the parser takes it": {
			limits: DocumentLimits{Depth: 900}, fits: repeat("{ a ", 900) + repeat("}", 900), exceeds: repeat("{ a ", 990) + repeat("}", 990), actual: 990,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Nil(t, c.limits.check(parsed(t, c.fits)))
			err := c.limits.check(parsed(t, c.exceeds))
			require.NotNil(t, err)
			assert.Equal(t, codeLimitExceeded, err.Extensions["code"])
			assert.Equal(t, c.actual, err.Extensions["actual"])
			if c.message != "" {
				assert.Equal(t, c.message, err.Message)
			}
			assert.Nil(t, DocumentLimits{}.check(parsed(t, c.exceeds)), "without limits")
		})
	}
}

// What validation refuses must not stop the measuring ahead of it.
func TestDocumentLimitsOfInvalidDocuments(t *testing.T) {
	for name, document := range map[string]string{
		"a fragment that spreads itself":        `{ ...f } fragment f on T { ...f }`,
		"fragments that spread each other":      `{ ...a ...b } fragment a on T { x { ...b } ...c } fragment b on T { ...a y } fragment c on T { ...b }`,
		"a fragment that is not there":          `{ ...f }`,
		"a fragment of a name that is used":     `{ ...f } fragment f on T { a } fragment f on T { ...f }`,
		"fragments alone":                       `fragment f on T { a }`,
		"no selection":                          `{ a(b: {}) @c }`,
		"a cycle that doubles on its every lap": `{ ...a } fragment a on T { x: b { ...c ...c } } fragment c on T { y: b { ...a ...a } }`,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Nil(t, DocumentLimits{Depth: 10, Aliases: 10, RootFields: 10, Directives: 10, Fields: 10, Repeats: 10, Operations: 1, NameBytes: 10}.
				check(parsed(t, document)))
		})
	}
}

// stepsOf counts what the measuring of a document goes through.
func stepsOf(doc *ast.QueryDocument) int {
	m := measurer{fragments: map[string]*fragment{}, names: map[string]int{}}
	for _, f := range doc.Fragments {
		m.fragments[f.Name] = &fragment{definition: f}
	}
	for _, op := range doc.Operations {
		m.directives(op.Directives)
		m.set(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		m.spread(f.Name)
	}
	return m.steps
}

func TestMeasuringIsLinear(t *testing.T) {
	for _, spread := range []string{"%s", "a: b { %s }", "%s @x", "... on T { a(b: [1 2 {c: 3}]) { %s } }"} {
		small, large := stepsOf(parsed(t, doubling(50, spread))), stepsOf(parsed(t, doubling(500, spread)))
		assert.LessOrEqual(t, large, 10*small, spread)
	}
}

// A document that is known is not looked at again: it has passed.
func TestDocumentLimitsLookAtANewDocumentOnly(t *testing.T) {
	known := newCache[*ast.QueryDocument](10, 1000, 100)
	limits := documentLimits{DocumentLimits{Depth: 1}, 100, known, &ast.Schema{}}
	deep := &graphql.RawParams{Query: `{ a { b } }`}
	assert.NotNil(t, limits.MutateOperationParameters(t.Context(), deep))
	known.Add(t.Context(), deep.Query, parsed(t, deep.Query))
	assert.Nil(t, limits.MutateOperationParameters(t.Context(), deep))
	for name, document := range map[string]string{
		"no document": "", "a broken one": "{ a { b ", "one with too many tokens": "{ a { b } " + strings.Repeat("c ", 200) + "}",
	} {
		assert.Nil(t, limits.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: document}), "%s is the executor's", name)
	}
}

// FuzzDocumentLimits: whatever parses is measured without a panic, in steps that its length bounds.
func FuzzDocumentLimits(f *testing.F) {
	for _, seed := range []string{
		doubling(5, "%s"), doubling(5, "a: b { %s } @c(d: [1, {e: $f}])"), `{ ...f } fragment f on T { ...f }`,
		`query a($b: [C!] = [D] @e) @f { g: h(i: "j") { ... on K { l } ...m } } fragment m on N @o { p }`, `mutation { a }`, `{`, ``,
	} {
		f.Add(seed)
	}
	limits := DocumentLimits{Depth: 20, Aliases: 50, RootFields: 20, Directives: 50, Fields: 500, Repeats: 100, Operations: 20, NameBytes: 100}
	f.Fuzz(func(t *testing.T, document string) {
		doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: document}, 2000)
		if err != nil || doc == nil {
			return
		}
		if err := limits.check(doc); err != nil {
			assert.Greater(t, err.Extensions["actual"], err.Extensions["limit"])
		}
		assert.LessOrEqual(t, stepsOf(doc), len(document), "each step is of a word of its own")
	})
}
