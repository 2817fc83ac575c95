package resolver

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/auth"
)

// A kept operation has nothing of those who have asked for it before: neither their variables nor whose threads they see.
func TestAKeptOperationIsNobodys(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.compiled.SetQueryCache(lru.New[*ast.QueryDocument](100))
	run := func(e *executor.Executor, owner, document, name, given string) string {
		var variables map[string]any // of its own, as each request has: gqlparser writes to them
		require.NoError(t, json.Unmarshal([]byte(given), &variables))
		ctx := graphql.StartOperationTrace(auth.With(t.Context(), &auth.Caller{Owner: owner, Scopes: auth.Read | auth.Write}))
		op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: document, OperationName: name, Variables: variables})
		require.Empty(t, errs, document)
		handler, ctx := e.DispatchOperation(ctx, op)
		response := handler(ctx)
		errors := texts(response.Errors)
		slices.Sort(errors) // gqlgen executes fields at the same time
		return fmt.Sprint(masked(response.Data), errors)
	}
	run(p.generated, "bob", `mutation { createAgentState(input: {threadId: "full", context: "bob's", messages: [{type: AI, content: "b"}]}) { agentState { id } } }`, "", "{}")
	const document = `
		query One($id: ID! = "full", $n: Int = 2, $types: [MessageType!], $whole: Boolean! = false) { ...f }
		query Two($id: ID! = "empty", $n: Int, $types: [MessageType!] = [AI], $whole: Boolean! = true) { ...f other: agentStateExists(threadId: $id) }
		fragment f on Query {
			agentState(threadId: $id) { id context messages(last: $n, types: $types, wholeToolCalls: $whole) { totalCount nodes { id text } }
				langChainMessages(format: FLAT, first: $n) }
			recentAgentStates { threadId messages(first: $n) { pageInfo { endCursor } } }
		}`
	asked := []string{
		`{}`, `{"n": 1}`, `{"n": null}`, `{"n": 0}`, `{"types": ["HUMAN", "AI"]}`, `{"types": null, "whole": true}`, `{"id": "none"}`, `{"id": "full", "n": 3}`,
		`{"id": "", "n": 1}`,
	}
	var all sync.WaitGroup
	for i := range 8 * len(asked) {
		owner, name, variables := []string{"ann", "bob"}[i%2], []string{"One", "Two"}[i/2%2], asked[i/4%len(asked)]
		want := run(p.generated, owner, document, name, variables)
		all.Go(func() {
			assert.Equal(t, want, run(p.compiled, owner, document, name, variables), "%s %s %s", owner, name, variables)
		})
		if i < 8 { // the first ones make what is kept
			all.Wait()
		}
	}
	all.Wait()
	assert.Equal(t, 2, p.operations.known.Len(), "else this proves nothing")
}
