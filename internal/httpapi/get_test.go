package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGetAnswersQueries(t *testing.T) {
	s := newServer(t)
	got := s.get(t, []string{
		"query", "query A($id: ID!) { agentStateExists(threadId: $id) } query B { agentStateCount }",
		"operationName", "A", "variables", `{"id":"there"}`, "extensions", `{}`,
	})
	assert.Equal(t, 200, got.status)
	assert.Equal(t, `{"data":{"agentStateExists":true}}`, got.body)

	got = s.get(t, []string{"query", "{ agentStateCount }", "variables", "null", "extensions", "", "other", "1"})
	assert.Equal(t, `{"data":{"agentStateCount":42}}`, got.body)
}

func TestGetChangesNothing(t *testing.T) {
	s := newServer(t)
	mutation := addTool("1")
	for _, accept := range []string{"application/json", "application/graphql-response+json", "text/event-stream"} {
		got := s.get(t, []string{"query", mutation}, "Accept", accept)
		assert.Equal(t, 405, got.status, accept)
		assert.Equal(t, "POST", got.header.Get("Allow"), accept)
		assert.Contains(t, got.body, "Send mutations with POST.", accept)
	}
	assert.Empty(t, s.stub.parameters)
}

func TestGetParametersAreStrict(t *testing.T) {
	s := newServer(t)
	const query = "query={agentStateCount}"
	for params, want := range map[string]string{
		"":                                   "Give `query` as a GraphQL document.",
		"query=":                             "Give `query` as a GraphQL document.",
		query + "&query={health{status}}":    "Give the URL parameter `query` once.",
		query + "&operationName=%ff":         "Give the URL parameter `operationName` in UTF-8.",
		query + "&x=%zz":                     "Send URL parameters that are percent-encoded",
		query + ";x=1":                       "Send URL parameters that are percent-encoded",
		query + "&variables=1":               "Give `variables` as an object or null.",
		query + "&variables={":               "Send a URL parameter `variables` that is valid JSON: it ends too early.",
		query + "&variables=%22%ff%22":       "Give the URL parameter `variables` in UTF-8.",
		query + `&variables={"a":1,"a":2}`:   `Send a URL parameter ` + "`variables`" + ` that has each object key once: \"a\" is repeated.`,
		query + `&extensions=["a"]`:          "Give `extensions` as an object or null.",
		query + `&extensions={"a":"\ud800"}`: "Send a URL parameter `extensions` that is valid JSON",
	} {
		got := s.send(t, http.MethodGet, "/graphql?"+params, "")
		assert.Equal(t, 400, got.status, params)
		assert.Contains(t, got.body, want, params)
		assert.Contains(t, got.body, `"code":"BAD_USER_INPUT"`, params)
	}
}
