package resolver

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A mutation whose payload cannot be given is refused, and says of the page what a query says.
func TestAPageOfAPayloadIsRefusedAsThatOfAQuery(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for arguments, argument := range map[string]string{
		"first: 9999999999":                   "first",
		"last: 9999999999, first: 9999999999": "first",
		`before: "x", after: "x"`:             "after",
		`last: 0, after: "x"`:                 "last",
		`types: [$null]`:                      "types",
	} {
		page := `{ messages(` + arguments + `) { totalCount } }`
		variables := map[string]any{"null": nil}
		for range 10 { // where several are wrong it is always the same that is told
			query := p.do(t, p.compiled, `query($null: MessageType = AI) { agentState(threadId: "full") `+page+` used: agentState(threadId: "none") { messages(types: [$null]) { totalCount } } }`, variables)
			mutation := p.do(t, p.compiled, `mutation($null: MessageType = AI) { setContext(input: {threadId: "full", context: "lost"}) { agentState `+page+
				` agentState { used: messages(types: [$null]) @skip(if: true) { totalCount } } } }`, variables)
			require.Len(t, mutation.Errors, 1, arguments)
			require.Len(t, query.Errors, 1, arguments)
			assert.Equal(t, argument, mutation.Errors[0].Extensions["argument"], arguments)
			assert.Equal(t, query.Errors[0].Message, mutation.Errors[0].Message, arguments)
			assert.Equal(t, query.Errors[0].Extensions, mutation.Errors[0].Extensions, arguments)
		}
	}
	after := p.do(t, p.compiled, `{ agentState(threadId: "full") { context } }`, nil)
	assert.JSONEq(t, `{"agentState": {"context": "\"c\"\n"}}`, string(after.Data), "nothing was written")
}

// The messages of a thread in two forms, or under nodes and edges, are one page.
func TestAPageIsReadOnceWhateverItsNames(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for document, want := range map[string]int{
		`{ agentState(threadId: "full") { a: messages(last: 3) { nodes { seq } } b: messages(last: 3) { nodes { text } } } }`:                            1,
		`{ agentState(threadId: "full") { messages(last: 3) { nodes { seq } } langChainMessages(format: FLAT, last: 3) } }`:                              1,
		`{ agentState(threadId: "full") { messages(last: 3) { nodes { seq } } langChainMessages(format: FLAT, last: 4) } }`:                              2,
		`query($n: Int = 3) { agentState(threadId: "full") { a: messages(last: 3) { nodes { seq } } b: messages(last: $n) { nodes { text } } } }`:        1,
		`query($n: Int = 3) { agentState(threadId: "full") { a: messages(last: 3) { nodes { seq } } b: messages(last: $n) { totalCount } c: version } }`: 2,
	} {
		op, errs := p.compiled.CreateOperationContext(graphql.StartOperationTrace(t.Context()), &graphql.RawParams{Query: document})
		require.Empty(t, errs, document)
		root := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"})[0]
		assert.Len(t, selectionOf(op, root).read().Pages, want, document)
		assert.Len(t, readOf(selectionOf(op, root))(op).Pages, want, document)
		p.compare(t, document, nil)
	}
}
