package httpapi

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"agentstate/graph"
)

var testSchema = graph.NewExecutableSchema(graph.Config{}).Schema()

// priceOf gives the price of a document's first operation, and the steps of its calculation.
func priceOf(t testing.TB, document string, variables map[string]any) (price, steps int) {
	t.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(testSchema, document, rules.NewDefaultRules())
	require.Empty(t, errs)
	op := doc.Operations[0]
	coerced, err := validator.VariableValues(testSchema, op, variables)
	require.NoError(t, err)
	c := newComplexity(testSchema, 1)
	p := pricing{complexity: c, variables: coerced}
	p.set(op.SelectionSet)
	return c.of(op, coerced), p.steps
}

func TestPrices(t *testing.T) {
	const message = `id threadId messageId seq cursor type content text name toolCalls { id name args } toolCallId status metadata
		responseMetadata usage { inputTokens outputTokens totalTokens } timestamp`
	for name, c := range map[string]struct {
		document  string
		variables map[string]any
		want      int
	}{
		"a scalar":               {document: `{ agentStateCount agentStateExists(threadId: "a") }`, want: 0},
		"an object":              {document: `{ agentState(threadId: "a") { id version } }`, want: 1},
		"an object in an object": {document: `{ agentState(threadId: "a") { messageCounts { total } } }`, want: 2},
		"a list without a size":  {document: `{ agentState(threadId: "a") { plan { planId } toolCalls { tool } } }`, want: 3},
		"a page":                 {document: `{ agentState(threadId: "a") { messages(first: 7) { nodes { text } } } }`, want: 1 + 1 + 7},
		"the default page":       {document: `{ agentState(threadId: "a") { messages { nodes { text } } } }`, want: 1 + 1 + 50},
		"null for none":          {document: `{ agentState(threadId: "a") { messages(first: null, last: 3) { nodes { text } } } }`, want: 1 + 1 + 3},
		"edges":                  {document: `{ agentState(threadId: "a") { messages(last: 7) { edges { cursor node { text } } } } }`, want: 1 + 1 + 7*2},
		"page info is not of an item": {
			document: `{ agentState(threadId: "a") { messages(last: 7) { pageInfo { hasNextPage } totalCount } } }`, want: 1 + 1 + 1,
		},
		"an argument's default": {document: `{ recentAgentStates { id } }`, want: 10},
		"a limit":               {document: `{ recentAgentStates(limit: 20) { messageCounts { total } } }`, want: 20 * 2},
		"ids":                   {document: `{ threadIds(first: 30) { nodes } }`, want: 1 + 30},
		"a count of threads":    {document: `{ threadIds(pattern: "*a") { totalCount } agentStates { totalCount } }`, want: 2 * (1 + countPrice)},
		"a variable":            {document: `query($n: Int) { agentStates(first: $n) { nodes { id } } }`, variables: map[string]any{"n": json.Number("400")}, want: 1 + 400},
		"a variable's default":  {document: `query($n: Int = 400) { agentStates(first: $n) { nodes { id } } }`, want: 1 + 400},
		"a variable that is left out": {
			document: `query($n: Int) { agentStates(first: $n) { nodes { id } } }`, want: 1 + 50,
		},
		"a variable for a default": {
			document: `query($n: Int! = 3) { recentAgentStates(limit: $n) { id } }`, want: 3,
		},
		"pending calls": {document: `{ agentStates(first: 50) { nodes { pendingToolCalls { id } } } }`, want: 1 + 50*(1+pendingPrice+1)},
		"whole calls":   {document: `{ agentState(threadId: "a") { messages(last: 7, wholeToolCalls: true) { nodes { text } } } }`, want: 1 + 1 + 1000},
		"perhaps whole calls": {
			document:  `query($w: Boolean!) { agentState(threadId: "a") { messages(last: 7, wholeToolCalls: $w) { nodes { text } } } }`,
			variables: map[string]any{"w": true}, want: 1 + 1 + 1000,
		},
		"no whole calls":          {document: `{ agentState(threadId: "a") { messages(last: 7, wholeToolCalls: false) { nodes { text } } } }`, want: 1 + 1 + 7},
		"beyond the largest page": {document: `{ agentStates(first: 2147483647) { nodes { id } } }`, want: 1 + 1000},
		"less than one":           {document: `{ agentStates(first: -5) { nodes { id } } }`, want: 1},
		"pages in pages": {
			document: `{ agentStates(first: 1000) { nodes { messages(last: 50) { nodes { text } } } } }`, want: 1 + 1000*(1+1+50),
		},
		"fragments": {
			document: `{ agentState(threadId: "a") { ...s } } fragment s on AgentState { messages(first: 7) { ...p } }
				fragment p on MessageConnection { ... { nodes { ...m } } } fragment m on Message { usage { totalTokens } }`,
			want: 1 + 1 + 7*2,
		},
		"one fragment on pages of two sizes": {
			document: `{ agentState(threadId: "a") { x: messages(first: 7) { ...p } y: messages(last: 5) { ...p } } }
				fragment p on MessageConnection { nodes { text } }`,
			want: 1 + 1 + 7 + 1 + 5,
		},
		"a mutation": {
			document: `mutation { addMessage(input: {threadId: "a", message: {type: AI, content: ""}}) { message { text } agentState { id } } }`, want: 3,
		},
		"a subscription": {document: `subscription { messageAdded(threadId: "a") { ` + message + ` } }`, want: 3},
		"a thousand messages with all of their fields": {
			document: `{ agentState(threadId: "a") { messages(last: 1000) { nodes { ` + message + ` } } } }`, want: 2 + 1000*3,
		},
		"fifty threads with fifty messages with all of their fields": {
			document: `{ agentStates(first: 50) { nodes { messages(last: 50) { nodes { ` + message + ` } } } } }`, want: 1 + 50*(2+50*3),
		},
	} {
		t.Run(name, func(t *testing.T) {
			price, _ := priceOf(t, c.document, c.variables)
			assert.Equal(t, c.want, price)
		})
	}
}

// manifold gives a document in which each fragment asks so many times for the next one.
func manifold(fragments int) string {
	var b strings.Builder
	b.WriteString(`{ __schema { types { ...f0 } } }`)
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on __Type { a: ofType { ...f%d } b: ofType { ...f%d } }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on __Type { name }", fragments)
	return b.String()
}

func TestPricingIsLinearAndSaturates(t *testing.T) {
	_, small := priceOf(t, manifold(20), nil)
	price, large := priceOf(t, manifold(200), nil)
	assert.LessOrEqual(t, large, 10*small)
	assert.Positive(t, price)
	var b strings.Builder
	b.WriteString(`{ agentStates(first: 1000) { nodes { ...f0 } } }`)
	for i := range 200 {
		fmt.Fprintf(&b, " fragment f%d on AgentState { ...f%d ...f%d }", i, i+1, i+1)
	}
	b.WriteString(" fragment f200 on AgentState { messages(last: 1000) { nodes { id } } }")
	price, steps := priceOf(t, b.String(), nil)
	assert.Equal(t, most, price)
	assert.Less(t, steps, 1000)
}

// The query by which GraphiQL and code generators read the schema, as npm graphql 16 makes it.
func TestIntrospectionHasAPrice(t *testing.T) {
	text, err := os.ReadFile("testdata/introspection.graphql")
	require.NoError(t, err)
	price, _ := priceOf(t, string(text), nil)
	t.Logf("the price of the standard introspection is %d", price)
	assert.Less(t, price, 5000, "it must pass, and with something beside it")
	assert.Greater(t, 3*price, 10_000, "a few of it are as much as an operation may read")
	none := DocumentLimits{Depth: 20, Aliases: 50, RootFields: 20, Directives: 50, Fields: 500, Repeats: 100, Operations: 20, NameBytes: 100}
	assert.Nil(t, none.check(parsed(t, string(text))))

	bomb := "name"
	for range 3 {
		bomb = "a: fields { type { " + bomb + " } } b: fields { type { " + bomb + " } } c: fields { type { " + bomb + " } }"
	}
	doc := parsed(t, "{ __schema { types { "+bomb+" } } }")
	validator.ValidateWithRules(testSchema, doc, nil) // fills in the definitions; that lists nest too deep is another rule's
	assert.Greater(t, newComplexity(testSchema, 1).of(doc.Operations[0], nil), 10_000)
}

// The sizes are those of introspection as it is: its fields are named in the schema, and objects.
func TestIntrospectionSizesAreWhole(t *testing.T) {
	sizes := sizesOf(testSchema)
	for _, def := range testSchema.Types {
		if !strings.HasPrefix(def.Name, "__") {
			continue
		}
		for _, f := range def.Fields {
			if of := testSchema.Types[f.Type.Name()]; f.Type.Elem != nil && of.Kind == ast.Object {
				assert.Contains(t, sizes, def.Name+"."+f.Name)
			}
		}
	}
	for name, size := range sizes {
		typeName, field, _ := strings.Cut(name, ".")
		assert.NotNil(t, testSchema.Types[typeName].Fields.ForName(field), name)
		assert.GreaterOrEqual(t, size, 0.0, name)
	}
}
