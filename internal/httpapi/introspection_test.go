package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/httpapi"
)

func hidden(c *httpapi.Config) { c.HideSchema = true }

const introspectionRefused = `{"errors":[{"message":"Take the schema from a server that has INTROSPECTION=on: this one answers no ` + "`__schema` or `__type`" +
	`.","extensions":{"code":"GRAPHQL_VALIDATION_FAILED","validationErrorCode":"INTROSPECTION_DISABLED"}}]}`

func TestHiddenSchema(t *testing.T) {
	s := newServer(t, hidden)
	for name, document := range map[string]string{
		"schema":              "{ __schema { queryType { name } } }",
		"type":                `{ __type(name: "AgentState") { name } }`,
		"alias":               `{ agentStateCount a: __schema { queryType { name } } }`,
		"inline fragment":     `{ ... on Query { __schema { queryType { name } } } }`,
		"fragment":            `{ ...A } fragment A on Query { ...B ...B } fragment B on Query { __schema { queryType { name } } }`,
		"mutation":            `mutation { __schema { queryType { name } } }`,
		"skipped by variable": `query($no: Boolean = false) { __schema @include(if: $no) { queryType { name } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // from the cache too
				got := s.post(t, `{"query":`+quote(document)+`}`, "Accept", "application/graphql-response+json")
				if name == "mutation" { // no such field there, as the specification has it
					assert.Contains(t, got.body, "GRAPHQL_VALIDATION_FAILED")
					continue
				}
				assert.Equal(t, 400, got.status)
				assert.JSONEq(t, introspectionRefused, got.body)
			}
		})
	}
	got := s.post(t, `{"query":"{ __typename agentStateCount }"}`)
	assert.Equal(t, `{"data":{"__typename":"Query","agentStateCount":42}}`, got.body)
	got = s.post(t, `{"query":"query A { agentStateCount } query B { __schema { queryType { name } } }","operationName":"A"}`)
	assert.Equal(t, `{"data":{"agentStateCount":42}}`, got.body, "only what is executed counts")

	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":"{ __schema { queryType { name } } }"}}`)
	assert.Contains(t, c.read(t), `"INTROSPECTION_DISABLED"`)
}

// Near misses would tell the schema word by word.
func TestSuggestions(t *testing.T) {
	open, closed := newServer(t), newServer(t, hidden)
	for name, document := range map[string]string{
		"field":       "{ agentStateCoun }",
		"argument":    `{ agentStateExists(threadI: "a", threadId: "b") }`,
		"type":        `{ ...A } fragment A on Quer { agentStateCount }`,
		"enum":        `mutation { addMessage(input: {threadId: "a", message: {type: HUMA, content: ""}}) { duplicate } }`,
		"input field": `mutation { addMessage(input: {threadI: "a", threadId: "a", message: {type: HUMAN, content: ""}}) { duplicate } }`,
		"leaf":        `{ agentState(threadId: "a") }`,
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"query":` + quote(document) + `}`
			assert.Contains(t, open.post(t, body).body, "GRAPHQL_VALIDATION_FAILED")
			if name != "input field" && name != "leaf" { // gqlparser suggests nothing for the first
				assert.Contains(t, open.post(t, body).body, "Did you mean")
			}
			got := closed.post(t, body).body
			assert.Contains(t, got, "GRAPHQL_VALIDATION_FAILED")
			assert.NotContains(t, got, "Did you mean")
		})
	}
}
