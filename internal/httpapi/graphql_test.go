package httpapi_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/graph"
	"agentstate/internal/httpapi"
)

// cancelled is an extension by which no operation has an answer.
type cancelled struct{}

func (cancelled) ExtensionName() string                   { return "Cancelled" }
func (cancelled) Validate(graphql.ExecutableSchema) error { return nil }
func (cancelled) InterceptResponse(context.Context, graphql.ResponseHandler) *graphql.Response {
	return nil
}

// intercepting is an extension that does something ahead of each operation.
type intercepting func(ctx context.Context) *graphql.Response

func (intercepting) ExtensionName() string                   { return "Intercepting" }
func (intercepting) Validate(graphql.ExecutableSchema) error { return nil }
func (f intercepting) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if resp := f(ctx); resp != nil {
		return graphql.OneShot(resp)
	}
	return next(ctx)
}

func intercept(f intercepting) func(*httpapi.Config) {
	return func(c *httpapi.Config) { c.Extensions = append(c.Extensions, f) }
}

// gqlgen and encoding/json would read these numbers through float64 or int64.
func TestNumbersKeepTheirDigits(t *testing.T) {
	s := newServer(t)
	const sent = `{"a":12345678901234567890.123,"b":[1e400,-0,1.10],"c":{"d":123456789012345678901234567890}}`
	const literal = `{a: 12345678901234567890.123, b: [1e400, -0, 1.10], c: {d: 123456789012345678901234567890}}`
	const want = `{"data":{"addToolCall":{"toolCall":{"parameters":` + sent + `}}}}`
	body := func(signature, value string) string {
		return `{"query":` + quote(strings.Replace(addTool(value), "mutation", "mutation"+signature, 1))
	}
	for name, body := range map[string]string{
		"variable":      body(`($p: JSON!)`, `$p`) + `,"variables":{"p":` + sent + `}}`,
		"literal":       body(``, literal) + `}`,
		"default value": body(`($p: JSON! = `+literal+`)`, `$p`) + `}`,
		"not cached":    body(``, literal+strings.Repeat(" ", 100_000)) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 { // from the cache too
				require.Equal(t, want, s.post(t, body).body)
				assert.Equal(t, sent, receive(t, s.stub.parameters, "parameters"))
			}
		})
	}
}

func TestLargeNumberInABadInput(t *testing.T) {
	s := newServer(t)
	got := s.post(t, `{"query":`+quote(`mutation { addToolCall(input: {threadId: "a", parameters: [1e400]}) { __typename } }`)+`}`)
	assert.Contains(t, got.body, `required type \"String!\" was not provided`)
	got = s.post(t, `{"query":`+quote(`mutation { addToolCall(input: {tool: 12345678901234567890, parameters: [1e400]}) { __typename } }`)+`}`)
	assert.Contains(t, got.body, `found {tool:12345678901234567890,parameters:[1e400]}`)
	assert.Contains(t, got.body, "String cannot represent a non string value")
	got = s.post(t, `{"query":"{ recentAgentStates(limit: 12345678901234567890) { id } }"}`)
	assert.Contains(t, got.body, "Int cannot represent non 32-bit signed integer value")
}

// The answer is written by hand; the strings in it must come as JSON strings all the same.
func TestStringsComeBackAsTheyWere(t *testing.T) {
	s := newServer(t)
	const value = `"a\"b\\c\n\u0001\u2028 <&> é 𝄞"`
	document := strings.Replace(addTool("$p"), "mutation", "mutation($p: JSON!)", 1)
	got := s.post(t, `{"query":`+quote(document)+`,"variables":{"p":`+value+`}}`)
	assert.JSONEq(t, `{"data":{"addToolCall":{"toolCall":{"parameters":`+value+`}}}}`, got.body)
}

func TestErrorsDataAndExtensionsStandTogether(t *testing.T) {
	s := newServer(t, intercept(func(ctx context.Context) *graphql.Response {
		return &graphql.Response{
			Data: []byte(`{"a":1}`), Errors: gqlerror.List{{Message: "<half>"}}, Extensions: map[string]any{"cost": 7},
		}
	}))
	got := s.post(t, `{"query":"{ agentStateCount }"}`, "Accept", "application/graphql-response+json")
	assert.Equal(t, 200, got.status)
	assert.JSONEq(t, `{"errors":[{"message":"<half>"}],"data":{"a":1},"extensions":{"cost":7}}`, got.body)
	assert.True(t, strings.HasPrefix(got.body, `{"errors":`), got.body)
}

func TestStatusOfAnErrorAheadOfTheExecution(t *testing.T) {
	var code string
	s := newServer(t, intercept(func(context.Context) *graphql.Response {
		return &graphql.Response{Errors: gqlerror.List{{Message: "no", Extensions: map[string]any{"code": code}}}}
	}))
	for given, status := range map[string]int{
		"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "UNAVAILABLE": 503, "INTERNAL_SERVER_ERROR": 500, "LIMIT_EXCEEDED": 400,
	} {
		code = given
		const body = `{"query":"{ agentStateCount }"}`
		assert.Equal(t, status, s.post(t, body, "Accept", "application/graphql-response+json").status, code)
		assert.Equal(t, 200, s.post(t, body, "Accept", "application/json").status, code)
	}
}

func TestPanicInAnExtension(t *testing.T) {
	s := newServer(t, intercept(func(context.Context) *graphql.Response { panic("secret") }))
	got := s.post(t, `{"query":"{ agentStateCount }"}`)
	assert.Equal(t, 500, got.status)
	assert.Equal(t, jsonType, got.header.Get("Content-Type"))
	assert.Contains(t, got.body, `"code":"INTERNAL_SERVER_ERROR"`)
	assert.NotContains(t, got.body, "secret")
	assert.Contains(t, s.log.String(), "secret")
}

func TestPanicInAResolverIsAnErrorOfItsField(t *testing.T) {
	s := newServer(t)
	got := s.post(t, `{"query":"{ agentStateExists(threadId: \"panic\") }"}`)
	assert.Equal(t, 200, got.status)
	assert.JSONEq(t, `{"errors":[{"message":"a resolver has panicked","path":["agentStateExists"],
		"extensions":{"code":"PRESENTED"}}],"data":null}`, got.body)
}

func TestTokenLimit(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxQueryTokens = 10 })
	fields := func(n int) string { return `{"query":"{` + strings.Repeat(" agentStateCount", n) + `}"}` }
	assert.Contains(t, s.post(t, fields(5)).body, `{"data":`)

	got := s.post(t, fields(50), "Accept", "application/graphql-response+json")
	assert.Equal(t, 400, got.status)
	assert.JSONEq(t, `{"errors":[{"message":"Send a document of at most 10 tokens.",
		"extensions":{"code":"LIMIT_EXCEEDED","limit":10,"actual":11}}]}`, got.body)

	// All other parse errors keep their code, whatever they say.
	for _, text := range []string{"{", "exceeded token limit of 10", `{ a(b: "`, "{ a(b: 0x) }", "}", "\\u0000"} {
		assert.Contains(t, s.post(t, `{"query":`+quote(text)+`}`).body, `"code":"GRAPHQL_PARSE_FAILED"`, text)
	}
}

func TestSchemaShowsNoDirectivesOfTheGenerator(t *testing.T) {
	s := newServer(t)
	got := s.post(t, `{"query":"{ __schema { directives { name } } }"}`)
	for _, name := range []string{"skip", "include", "deprecated", "specifiedBy"} {
		assert.Contains(t, got.body, `"`+name+`"`)
	}
	assert.NotContains(t, got.body, `"defer"`)
	assert.NotContains(t, got.body, `"go`)
	assert.Contains(t, s.post(t, `{"query":"{ ... @defer { agentStateCount } }"}`).body, `Unknown directive`)
	assert.NotContains(t, graph.NewExecutableSchema(graph.Config{}).Schema().Directives, "defer")
}

func TestUnknownFieldsAreSuggested(t *testing.T) {
	s := newServer(t)
	assert.Contains(t, s.post(t, `{"query":"{ agentStateCont }"}`).body, "Did you mean")
}

func TestRequestsAtTheSameTime(t *testing.T) {
	s := newServer(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 10 {
				// A few documents, each of them met for the first time by several requests at once.
				body := `{"query":` + quote(addTool(fmt.Sprintf("[1.50, %d]", j))) + `}`
				want := fmt.Sprintf(`{"data":{"addToolCall":{"toolCall":{"parameters":[1.50,%d]}}}}`, j)
				assert.Equal(t, want, s.post(t, body).body, i)
			}
		})
	}
	group.Wait()
}
