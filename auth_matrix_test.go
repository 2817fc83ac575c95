package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/graph"
	"agentstate/internal/gqltest"
)

// requestFor makes an operation that asks for one field of a root, with what its arguments need; ids of threads are id.
func requestFor(schema *ast.Schema, kind ast.Operation, field *ast.FieldDefinition, id string) string {
	selection := ""
	if schema.Types[field.Type.Name()].IsCompositeType() {
		selection = " { __typename }"
	}
	if field.Name == "agentState" {
		selection = " { threadId context messages { nodes { text } } }"
	}
	arguments := ""
	if required := requiredOf(schema, field.Arguments, id); required != "" {
		arguments = "(" + required + ")"
	}
	return fmt.Sprintf("%s { %s%s%s }", kind, field.Name, arguments, selection)
}

func requiredOf(schema *ast.Schema, arguments ast.ArgumentDefinitionList, id string) string {
	var given []string
	for _, a := range arguments {
		if a.Type.NonNull && a.DefaultValue == nil {
			given = append(given, a.Name+": "+literalFor(schema, a.Name, a.Type, id))
		}
	}
	return strings.Join(given, ", ")
}

// literalFor makes a value of a type that is in its bounds.
func literalFor(schema *ast.Schema, name string, t *ast.Type, id string) string {
	if t.Elem != nil && t.Elem.NamedType == "JSON" {
		return `[{role: "user", content: "x"}]` // the only list of JSON is one of messages
	}
	if t.Elem != nil {
		return "[" + literalFor(schema, name, t.Elem, id) + "]"
	}
	def := schema.Types[t.NamedType]
	switch {
	case name == "threadId":
		return fmt.Sprintf("%q", id)
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Kind == ast.InputObject:
		var given []string
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil || def.Name == "CreateAgentStateInput" && f.Name == "threadId" {
				given = append(given, f.Name+": "+literalFor(schema, f.Name, f.Type, id))
			}
		}
		return "{" + strings.Join(given, ", ") + "}"
	case t.NamedType == "Int":
		return "60"
	case t.NamedType == "Boolean":
		return "true"
	}
	return `"x"`
}

// scopeOf is what a field needs, by the words of the API. It is not the server's own table: a new field has to be put here too.
func scopeOf(tb testing.TB, kind ast.Operation, field string) string {
	tb.Helper()
	switch {
	case field == "health":
		return "any"
	case field == "cleanupExpired":
		return "admin"
	case kind == ast.Mutation:
		return "write"
	}
	return "read"
}

// ask sends an operation and gives its first answer.
func ask(tb testing.TB, s *server, kind ast.Operation, query string) (data json.RawMessage, errs []gqltest.Error) {
	tb.Helper()
	if kind != ast.Subscription {
		data, errs, _ = s.Do(patient(tb), query, nil)
		return data, errs
	}
	stream, err := gqltest.Transports[0].Open(s.Client, query, nil)
	require.NoError(tb, err)
	defer stream.Close()
	e, ok := stream.Within(probe)
	if ok {
		return e.Data, e.Errors
	}
	return nil, nil // it listens
}

// TestEveryFieldAsksWhoCalls walks over the schema: whoever is nobody, lacks the scope, or is another owner gets nothing of each field.
func TestEveryFieldAsksWhoCalls(t *testing.T) {
	everything := []string{"read", "write", "admin"}
	lines := [][4]string{{"ann", "read,write,admin", "never", "ann"}, {"bob", "read,write,admin", "never", "bob"}, {"late", "read,write,admin", "2020-01-01T00:00:00Z", "ann"}}
	for _, scope := range everything {
		others := slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return s == scope })
		lines = append(lines, [4]string{"only " + scope, scope, "never", "ann"}, [4]string{"not " + scope, strings.Join(others, ","), "never", "ann"})
	}
	for i := range lines { // a token has no blanks
		lines[i][0] = strings.ReplaceAll(lines[i][0], " ", "-")
	}
	s := start(t, append(at(sharedRedis(t).Addr()), "AUTH_MODE=tokens", "AUTH_TOKENS_FILE="+tokensFile(t, lines...))...)
	create(t, s.as("ann"), "ann's", human("ann's own words"))
	before := read(t, s.as("ann"), "ann's", "version")
	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	for kind, root := range map[ast.Operation]*ast.Definition{
		ast.Query: schema.Query, ast.Mutation: schema.Mutation, ast.Subscription: schema.Subscription,
	} {
		for _, field := range root.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			t.Run(string(kind)+" "+field.Name, func(t *testing.T) {
				scope := scopeOf(t, kind, field.Name)
				query := requestFor(schema, kind, field, "ann's")
				for _, token := range []string{"", "nobody", "late"} {
					body, err := json.Marshal(map[string]string{"query": query})
					require.NoError(t, err)
					answer := s.Send(t, http.MethodPost, "/graphql", string(body), "Content-Type", "application/json", "Authorization", header(token))
					assert.Equal(t, http.StatusUnauthorized, answer.Status, "%q", token)
					assert.Contains(t, answer.Header.Get("WWW-Authenticate"), "Bearer", "%q", token)
					require.Len(t, answer.Errors(t), 1)
					assert.Equal(t, "UNAUTHENTICATED", answer.Errors(t)[0].Code(), "%q", token)
				}
				if scope != "any" {
					data, errs := ask(t, s.as("not-"+scope), kind, query)
					require.Len(t, errs, 1, "%s %s", query, data)
					assert.Equal(t, "FORBIDDEN", errs[0].Code())
					assert.Equal(t, fmt.Sprintf("Send a token with the scope `%s`: %s needs it.", scope, field.Name), errs[0].Message)
				}
				// Another owner sees what he would if there were no such thread.
				data, errs := ask(t, s.as("bob"), kind, query)
				assert.NotContains(t, string(data), "own words")
				absent, errsOfAbsent := ask(t, s.as("bob"), kind, requestFor(schema, kind, field, "none's"))
				if field.Name != "health" {
					assert.Equal(t, strings.ReplaceAll(string(absent), "none's", "ann's"), string(data), query)
				}
				require.Len(t, errs, len(errsOfAbsent), query)
				for i := range errs {
					assert.Equal(t, errsOfAbsent[i].Code(), errs[i].Code())
					assert.Equal(t, errsOfAbsent[i].Message, errs[i].Message)
				}
				if kind == ast.Query && scope == "read" { // writes come below, to other threads
					data, errs := ask(t, s.as("only-read"), kind, query)
					require.Empty(t, errs, query)
					assert.NotEmpty(t, data)
				}
			})
		}
	}
	assert.Equal(t, before.Version, read(t, s.as("ann"), "ann's", "version").Version, "nobody has written into it")
	// Each scope is enough for what it is for.
	for _, field := range schema.Mutation.Fields {
		id := "for " + field.Name
		if field.Name != "createAgentState" {
			create(t, s.as("ann"), id, human("x"))
		}
		scope := scopeOf(t, ast.Mutation, field.Name)
		_, errs := ask(t, s.as("only-"+scope), ast.Mutation, requestFor(schema, ast.Mutation, field, id))
		require.Empty(t, errs, field.Name)
	}
	for _, transport := range gqltest.Transports {
		stream := transport.Subscribe(t, s.as("only-read").Client, messageAdded, vars{"id": "ann's", "after": nil})
		_, ok := stream.Within(probe)
		assert.False(t, ok, "it listens")
	}
}
