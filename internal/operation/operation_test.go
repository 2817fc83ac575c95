package operation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestLabel(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`query Read($id: ID!) { agentState(threadId: $id) { id } }`: "query Read",
		`{ secret: agentState(threadId: "secret") { id } }`:         "query {agentState}",
		`mutation { addMessage(input: {}) { duplicate } }`:          "mutation {addMessage}",
		`{ a b c }`:   "query {a b c}",
		`{ a b c d }`: "query {a b c …}",
		`subscription { ...f } fragment f on Subscription { a }`: "subscription {…}",
		`query ` + strings.Repeat("n", 64) + ` { a }`:            "query " + strings.Repeat("n", 64),
		`query ` + strings.Repeat("n", 65) + ` { a }`:            "query " + strings.Repeat("n", 64) + "…",
	} {
		doc, err := parser.ParseQuery(&ast.Source{Input: document})
		require.NoError(t, err)
		assert.Equal(t, want, Label(doc.Operations[0]), document)
	}
	assert.Empty(t, Label(nil))
}
