package httpapi

import (
	"context"
	"fmt"
	"math"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// DocumentLimits bounds the form of a document, whatever its variables are. 0 is no limit.
type DocumentLimits struct {
	// Depth is how many fields may stand below each other in an operation.
	Depth int
	// Aliases, RootFields and Directives are counted in an operation as it is executed: those of a fragment as often as it is
	// spread.
	Aliases, RootFields, Directives int
	// Fields, Repeats and Operations are counted in a document as it is written, and bound what is not linear in validation. It
	// compares fields that have one name in the answer with each other, so Repeats is how many of a name there may be; and it goes
	// through the fragments once for each operation.
	Fields, Repeats, Operations int
	// NameBytes is the length of a name of the schema's. An unknown one is compared letter by letter with those that there are, for a
	// suggestion.
	NameBytes int
}

// documentLimits is the gqlgen extension that refuses documents beyond the limits. It looks at them ahead of validation, whose rules
// are not all linear. For that it parses a document that is not known yet, as the executor, which has no place for a look at it, does
// once more: a tenth of what validation takes. What is wrong otherwise it leaves to the executor.
type documentLimits struct {
	limits    DocumentLimits
	maxTokens int
	known     *cache[*ast.QueryDocument]
	schema    *ast.Schema
}

// ExtensionName names the extension.
func (documentLimits) ExtensionName() string { return "DocumentLimits" }

// Validate has nothing to check.
func (documentLimits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters refuses a document beyond a limit, and variables. It changes nothing.
func (d documentLimits) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	doc, known := d.known.Get(ctx, params.Query)
	if !known {
		var err error
		if doc, err = parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, d.maxTokens); err != nil || doc == nil {
			return nil //nolint:nilerr // the executor finds the same, and tells it
		}
		if refused := d.limits.check(doc); refused != nil {
			return refused
		}
	}
	return checkItems(d.schema, doc, params)
}

// check gives the first limit that a parsed document exceeds. Its steps are linear in the length of the document: each fragment is
// measured once, and what its spreads add up to is calculated.
func (l DocumentLimits) check(doc *ast.QueryDocument) *gqlerror.Error {
	m := measurer{fragments: make(map[string]*fragment, len(doc.Fragments)), names: make(map[string]int)}
	for _, f := range doc.Fragments {
		m.fragments[f.Name] = &fragment{definition: f}
	}
	var largest size
	for _, op := range doc.Operations {
		s := m.directives(op.Directives)
		for _, v := range op.VariableDefinitions {
			m.value(v.DefaultValue)
			s = s.plus(m.directives(v.Directives))
		}
		largest = largest.max(s.plus(m.set(op.SelectionSet)))
	}
	for _, f := range doc.Fragments { // those too that no operation spreads: validation looks at them before it refuses them
		m.name(f.TypeCondition)
		s := m.spread(f.Name)
		s.roots = 0 // those of an operation are counted where it spreads the fragment
		largest = largest.max(s)
	}
	for _, c := range []struct {
		what          string
		limit, actual int
	}{
		{"Send a document of at most %d operations", l.Operations, len(doc.Operations)},
		{"Nest fields at most %d deep", l.Depth, largest.depth},
		{"Select at most %d fields at the root of an operation, and the others in further requests", l.RootFields, largest.roots},
		{"Use at most %d aliases in an operation", l.Aliases, largest.aliases},
		{"Use at most %d directives in an operation", l.Directives, largest.directives},
		{"Send a document of at most %d fields", l.Fields, m.fields},
		{"Select fields under one name at most %d times in a document, and share what is the same in a fragment", l.Repeats, m.repeats},
		{"Use the names of the schema: none has more than %d bytes", l.NameBytes, m.longest},
	} {
		if c.limit > 0 && c.actual > c.limit {
			return limitError(fmt.Sprintf(c.what+".", c.limit), c.limit, c.actual)
		}
	}
	return nil
}

// limitError is the error of a request that goes beyond a limit.
func limitError(message string, limit, actual int) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": codeLimitExceeded, "limit": limit, "actual": actual}}
}

// size is what there is in a set of selections when its fragments are in their places.
type size struct {
	depth, roots, aliases, directives int
}

// most is where counting ends: a fragment that spreads the next one twice reaches any number. GraphQL's Int holds it.
const most = math.MaxInt32

// sum adds two counts, and stays at most.
func sum(a, b int) int { return min(a+b, most) }

func (s size) plus(o size) size {
	return size{max(s.depth, o.depth), sum(s.roots, o.roots), sum(s.aliases, o.aliases), sum(s.directives, o.directives)}
}

func (s size) max(o size) size {
	return size{max(s.depth, o.depth), max(s.roots, o.roots), max(s.aliases, o.aliases), max(s.directives, o.directives)}
}

// measurer measures a document.
type measurer struct {
	fragments map[string]*fragment
	// names counts the fields by what they are called in the answer.
	names map[string]int
	// fields counts those that were passed, each once; repeats is the largest of names, longest the length of the longest name of the
	// schema's, and steps is for tests.
	fields, repeats, longest, steps int
}

type fragment struct {
	definition *ast.FragmentDefinition
	// begun and done tell how far the measuring is: one that is begun and not done has come to itself again.
	begun, done bool
	size        size
}

func (m *measurer) set(set ast.SelectionSet) size {
	var total size
	for _, selection := range set {
		m.steps++
		switch selection := selection.(type) {
		case *ast.Field:
			total = total.plus(m.field(selection))
		case *ast.InlineFragment:
			m.name(selection.TypeCondition)
			total = total.plus(m.directives(selection.Directives)).plus(m.set(selection.SelectionSet))
		case *ast.FragmentSpread:
			total = total.plus(m.directives(selection.Directives)).plus(m.spread(selection.Name))
		}
	}
	return total
}

func (m *measurer) field(f *ast.Field) size {
	m.fields++
	m.names[f.Alias]++
	m.repeats = max(m.repeats, m.names[f.Alias])
	m.name(f.Name)
	m.arguments(f.Arguments)
	below := m.set(f.SelectionSet)
	s := m.directives(f.Directives).plus(size{depth: 1 + below.depth, aliases: below.aliases, directives: below.directives})
	s.roots = 1
	if f.Alias != f.Name { // the parser takes the name for the alias of a field without one
		s.aliases = sum(s.aliases, 1)
	}
	return s
}

// spread gives the size of a fragment. In one that comes to itself again that counts as nothing; validation refuses it, as it does
// one that is not there.
func (m *measurer) spread(name string) size {
	f := m.fragments[name]
	if f == nil || f.begun && !f.done {
		return size{}
	}
	if !f.begun {
		f.begun = true
		f.size = m.directives(f.definition.Directives).plus(m.set(f.definition.SelectionSet))
		f.done = true
	}
	return f.size
}

func (m *measurer) directives(list ast.DirectiveList) size {
	for _, d := range list {
		m.steps++
		m.name(d.Name)
		m.arguments(d.Arguments)
	}
	return size{directives: len(list)}
}

func (m *measurer) arguments(list ast.ArgumentList) {
	for _, a := range list {
		m.name(a.Name)
		m.value(a.Value)
	}
}

// value looks at the names in a value.
func (m *measurer) value(v *ast.Value) {
	if v == nil {
		return
	}
	m.steps++
	if v.Kind == ast.EnumValue {
		m.name(v.Raw)
	}
	for _, child := range v.Children {
		m.name(child.Name)
		m.value(child.Value)
	}
}

// name looks at a name that stands for something in the schema.
func (m *measurer) name(name string) { m.longest = max(m.longest, len(name)) }
