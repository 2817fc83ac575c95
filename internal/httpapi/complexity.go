package httpapi

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The sizes of pages, as the resolvers have them: that of a list whose request gives neither first nor last, and the largest. What is
// beyond it they refuse, with a better error than this one's.
const (
	defaultPage = 50
	largestPage = 1000
)

// pendingPrice is what the pending tool calls of a thread count: they are looked for among its last 1000 messages.
const pendingPrice = 25

// countPrice is what the totalCount of a list of threads counts: with a pattern it looks at very many.
const countPrice = 1000

// complexity is the gqlgen extension that refuses an operation which may read more than limit objects.
//
// The model is one that can be done by hand: an object counts 1, each item of a page counts 1, and so often as first, last or limit
// say what is selected of it is read. Scalars come with their object. Lists without such an argument (plans, tool runs, the messages
// of a mutation) are bounded in bytes where they are written, and count as one item; pending tool calls count pendingPrice more. A page that
// cuts no tool call from its answers may be of the largest size, whatever was asked for. Objects of introspection count
// introspectionPrice. A selection that @skip leaves out counts, and so
// does each of two that GraphQL merges: the price can be read off the text and the variables.
type complexity struct {
	schema *ast.Schema
	sizes  introspectionSizes
	limit  int // 0 is none
}

func newComplexity(schema *ast.Schema, limit int) complexity {
	return complexity{schema: schema, sizes: sizesOf(schema), limit: limit}
}

// ExtensionName names the extension.
func (complexity) ExtensionName() string { return "Complexity" }

// Validate has nothing to check.
func (complexity) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation that may read too much. It changes nothing. A subscription is priced by what one event
// brings.
func (c complexity) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if c.limit == 0 {
		return nil
	}
	if actual := c.of(op.Operation, op.Variables); actual > c.limit {
		return limitError(fmt.Sprintf("Ask for fewer by `first`, `last` or `limit`, or in several requests: "+
			"this operation may read %d objects, and the most is %d.", actual, c.limit), c.limit, actual)
	}
	return nil
}

// of gives the price of a valid operation. Its steps are linear in the length of the document.
func (c complexity) of(op *ast.OperationDefinition, variables map[string]any) int {
	p := pricing{complexity: c, variables: variables}
	return int(min(p.set(op.SelectionSet).total(), most))
}

// price is what a set of selections counts: once, and for each item of the page that the set belongs to, if it does to one. A float64
// cannot overflow, and is exact as far as a limit goes.
type price struct{ once, each float64 }

// total is the price of a set that belongs to no page.
func (p price) total() float64 { return p.once + p.each }

func (p price) plus(o price) price { return price{p.once + o.once, p.each + o.each} }

// pricing is the calculation of one price.
type pricing struct {
	complexity
	variables map[string]any
	// fragments are the prices of those that were met; a fragment is of one type, so it has one.
	fragments map[*ast.FragmentDefinition]price
	steps     int // for tests
}

func (p *pricing) set(set ast.SelectionSet) price {
	var total price
	for _, selection := range set {
		p.steps++
		switch selection := selection.(type) {
		case *ast.Field:
			total = total.plus(p.field(selection))
		case *ast.InlineFragment:
			total = total.plus(p.set(selection.SelectionSet))
		case *ast.FragmentSpread:
			total = total.plus(p.fragment(selection.Definition))
		}
	}
	return total
}

func (p *pricing) fragment(f *ast.FragmentDefinition) price {
	if known, ok := p.fragments[f]; ok {
		return known
	}
	if p.fragments == nil {
		p.fragments = make(map[*ast.FragmentDefinition]price)
	}
	price := p.set(f.SelectionSet) // validation has let through no cycles
	p.fragments[f] = price
	return price
}

func (p *pricing) field(f *ast.Field) price {
	below := p.set(f.SelectionSet)
	list := f.Definition.Type.Elem != nil
	if items, ok := p.sizes.of(f); ok {
		return price{once: items * (introspectionPrice + below.total())}
	}
	switch items, paged := p.items(f); {
	case paged && list:
		return price{once: items * (1 + below.total())}
	case paged:
		return price{once: 1 + below.once + items*below.each}
	case list && f.Name == "pendingToolCalls":
		return price{each: pendingPrice + 1 + below.total()}
	case list:
		return price{each: 1 + below.total()}
	case f.SelectionSet != nil:
		return price{once: 1 + below.total()}
	case f.Name == "totalCount" && f.ObjectDefinition.Fields.ForName("nodes") != nil && p.ofThreads(f.ObjectDefinition):
		return price{once: countPrice}
	}
	return price{}
}

// ofThreads tells whether a connection is a list of threads or of their ids: those can be had by a pattern, and messages cannot.
func (p *pricing) ofThreads(connection *ast.Definition) bool {
	return connection.Name == "AgentStateConnection" || connection.Name == "ThreadIdConnection"
}

// items gives how many items a field asks for; paged is false where it has no argument that says so.
func (p *pricing) items(f *ast.Field) (items float64, paged bool) {
	given := false
	for _, def := range f.Definition.Arguments {
		switch def.Name {
		case "first", "last", "limit":
		case "wholeToolCalls":
			if p.isTrue(f.Arguments.ForName(def.Name)) {
				return largestPage, true
			}
			continue
		default:
			continue
		}
		paged = true
		value := def.DefaultValue
		if argument := f.Arguments.ForName(def.Name); argument != nil {
			value = argument.Value
		}
		if n, ok := p.number(value); ok {
			items, given = max(items, min(n, largestPage)), true
		}
	}
	if !given {
		items = defaultPage
	}
	return items, paged
}

// isTrue tells whether an argument is true, or may be.
func (p *pricing) isTrue(argument *ast.Argument) bool {
	if argument == nil {
		return false
	}
	value, err := argument.Value.Value(p.variables)
	given, ok := value.(bool)
	return err != nil || ok && given
}

// number gives the value of an argument, a literal or a variable; null and none have no number.
func (p *pricing) number(v *ast.Value) (float64, bool) {
	if v == nil {
		return 0, false
	}
	value, err := v.Value(p.variables)
	if err != nil {
		return largestPage, true // one that the resolver will not read either
	}
	switch n := value.(type) {
	case nil:
		return 0, false
	case int64:
		return float64(n), true
	case json.Number:
		if n, err := n.Float64(); err == nil {
			return n, true
		}
	}
	return largestPage, true
}
