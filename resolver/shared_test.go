package resolver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"agentstate/graph"
	"agentstate/store"
)

func TestAResponseIsMadeOnce(t *testing.T) {
	t.Parallel()
	r := newResponses()
	one, two := &store.Message{Seq: 1}, &store.Message{Seq: 1}
	operations := []*ast.OperationDefinition{{}, {}}
	runs := 0
	buffer := []byte("_")
	of := func(event *store.Message, op *ast.OperationDefinition) string {
		return string(r.of(event, op, func() *graphql.Response {
			runs++
			buffer[0] = byte('a' + runs)
			return &graphql.Response{Data: buffer} // as gqlgen does, which uses one buffer for all responses
		}).Data)
	}
	assert.Equal(t, "b", of(one, operations[0]))
	assert.Equal(t, "c", of(two, operations[0]), "another event, though it looks the same")
	assert.Equal(t, "d", of(one, operations[1]), "another operation")
	assert.Equal(t, "b", of(one, operations[0]))
	assert.Equal(t, "c", of(two, operations[0]))
	assert.Equal(t, 3, runs)
	for range keptResponses {
		of(&store.Message{}, operations[0])
	}
	assert.Len(t, r.made, keptResponses, "they are bounded")
	assert.NotEqual(t, "b", of(one, operations[0]), "and the oldest have gone")
}

func TestKeptResponsesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	r := newResponses()
	op := &ast.OperationDefinition{}
	keep := func(size int) *store.Message {
		message := &store.Message{}
		r.of(message, op, func() *graphql.Response { return &graphql.Response{Data: make(json.RawMessage, size)} })
		return message
	}
	first := keep(mostShared)
	for range keptBytes/mostShared - 1 {
		keep(mostShared)
	}
	assert.NotNil(t, r.made[responseKey{first, op}], "as much as fits")
	keep(1)
	assert.Nil(t, r.made[responseKey{first, op}], "and the oldest goes where it does not")
	assert.Len(t, r.made, keptBytes/mostShared)
	assert.Equal(t, keptBytes-mostShared+1, r.size)
}

func TestWhatIsNotShared(t *testing.T) {
	t.Parallel()
	r := newResponses()
	event, op := &store.Message{}, &ast.OperationDefinition{}
	for name, response := range map[string]*graphql.Response{
		"an error": {Data: json.RawMessage(`{}`), Errors: gqlerror.List{{}}}, "none": nil,
		"a large one": {Data: json.RawMessage(strings.Repeat("x", mostShared+1))},
	} {
		for range 2 {
			ran := false
			got := r.of(event, op, func() *graphql.Response { ran = true; return response })
			assert.True(t, ran, name)
			assert.Same(t, response, got, name)
		}
	}
}

// Fragments that spread the next one twice are a small document and a huge tree.
func TestToLookForVariablesTakesNoTime(t *testing.T) {
	t.Parallel()
	var document strings.Builder
	document.WriteString(`subscription($id: ID!) { messageAdded(threadId: $id) { ...f0 } }`)
	for i := range 100 {
		fmt.Fprintf(&document, " fragment f%d on Message { ...f%d ...f%d }", i, i+1, i+1)
	}
	document.WriteString(" fragment f100 on Message { seq }")
	doc, err := gqlparser.LoadQueryWithRules(graph.NewExecutableSchema(graph.Config{}).Schema(), document.String(), rules.NewDefaultRules())
	require.Nil(t, err)
	assert.True(t, isShareable(doc.Operations[0]))
}

func TestWhatIsShareable(t *testing.T) {
	t.Parallel()
	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	for document, want := range map[string]bool{
		`subscription { messageAdded(threadId: "a") { seq } }`:                                                                        true,
		`subscription($id: ID!, $a: String) { messageAdded(threadId: $id, after: $a) { seq } }`:                                       true,
		`subscription($id: ID!) { ...f } fragment f on Subscription { messageAdded(threadId: $id) { seq } }`:                          true,
		`subscription($id: ID!, $x: Boolean!) { messageAdded(threadId: $id) { seq text @include(if: $x) } }`:                          false,
		`subscription($id: ID!, $x: Boolean!) { messageAdded(threadId: $id) { ... @skip(if: $x) { seq } } }`:                          false,
		`subscription($id: ID!, $x: Boolean!) { messageAdded(threadId: $id) { ...f } } fragment f on Message { seq @skip(if: $x) }`:   false,
		`subscription($x: Int) { agentStateChanged(threadId: "a") { agentState { messages(last: $x) { nodes { seq } } } } }`:          false,
		`subscription($x: MessageType!) { agentStateChanged(threadId: "a") { agentState { messages(types: [$x]) { totalCount } } } }`: false,
		`subscription { agentStateChanged(threadId: "a") { agentState { messages(last: 5) { nodes { seq } } } } }`:                    true,
	} {
		doc, err := gqlparser.LoadQueryWithRules(schema, document, rules.NewDefaultRules())
		require.Nil(t, err, document)
		assert.Equal(t, want, isShareable(doc.Operations[0]), document)
	}
}
