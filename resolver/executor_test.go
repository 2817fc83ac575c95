package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/graph"
	"agentstate/internal/auth"
	"agentstate/store"
)

// pair executes operations on the same threads by gqlgen alone, and compiled.
type pair struct {
	generated, compiled *executor.Executor
	operations          *operations
	resolver            *Resolver
}

func newPair(t *testing.T) *pair {
	t.Helper()
	n := 0
	options := store.DefaultOptions()
	options.NewEpoch = func() store.Epoch { n++; return store.Epoch(fmt.Sprintf("%08d", n)) }
	st, err := store.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Close()) })
	r := &Resolver{
		Store: st, Log: slog.New(slog.DiscardHandler), Limits: Limits{MessageBytes: 1 << 20, ContextBytes: 1 << 20, MetadataBytes: 1 << 20, BatchMessages: 500},
		Now: time.Now, NewID: func() string { n++; return fmt.Sprintf("id-%d", n) },
	}
	generated := graph.NewExecutableSchema(graph.Config{Resolvers: r})
	es := r.Schema(generated)
	p := &pair{generated: executor.New(generated), compiled: executor.New(es), operations: es.(execution).operations, resolver: r}
	for _, e := range []*executor.Executor{p.generated, p.compiled} {
		e.SetErrorPresenter(r.Present)
		e.SetRecoverFunc(r.Recover)
	}
	p.fill(t)
	return p
}

// fill makes threads that have everything that a thread can have.
func (p *pair) fill(t *testing.T) {
	t.Helper()
	for _, document := range []string{
		`mutation { createAgentState(input: {threadId: "full", context: "\"c\"\n", relevant: true, metadata: {a: [1.50, null]}, messages: [
			{type: SYSTEM, content: "be \u0001 \\ kind"}, {type: HUMAN, content: [{type: "text", text: "é"}, "x"], name: "ann"},
			{type: AI, content: "", toolCalls: [{id: "1", name: "f", args: {x: 1}}, {name: "g", args: {}}], usage: {inputTokens: 1, outputTokens: 2, totalTokens: 3},
				responseMetadata: {model: "m"}, timestamp: "2024-01-01T00:00:00.5Z"},
			{type: TOOL, content: "4", toolCallId: "1", status: ERROR}, {type: OTHER, content: []}, {type: CHAT, content: "5", messageId: "known"}]}) { agentState { version } } }`,
		`mutation { addPlan(input: {threadId: "full", subtasks: ["a", "\"b\""]}) { plan { planId } } }`,
		`mutation { addToolCall(input: {threadId: "full", tool: "f", parameters: {a: 1}, toolResponse: "x"}) { toolCall { toolId } } }`,
		`mutation { addToolCall(input: {threadId: "full", planId: "p", tool: "g", parameters: 7}) { toolCall { toolId } } }`,
		`mutation { createAgentState(input: {threadId: "empty"}) { agentState { version } } }`,
	} {
		response := p.do(t, p.generated, document, nil)
		require.Empty(t, response.Errors)
	}
}

func (p *pair) do(tb testing.TB, e *executor.Executor, document string, variables map[string]any) *graphql.Response {
	tb.Helper()
	ctx := graphql.StartOperationTrace(auth.With(tb.Context(), &auth.Caller{Owner: "ann", Scopes: auth.Read | auth.Write | auth.Admin}))
	op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: document, Variables: variables})
	require.Empty(tb, errs, document)
	handler, ctx := e.DispatchOperation(ctx, op)
	response := handler(ctx)
	require.NotNil(tb, response, document)
	require.Nil(tb, handler(ctx), "a query has one response")
	return response
}

// remaining are the seconds that a thread has still to live, which grow less between two looks.
var remaining = regexp.MustCompile(`\b259(2000|1\d\d\d)\b`)

// compare wants both to give the same bytes, and the same errors.
func (p *pair) compare(t *testing.T, document string, variables map[string]any) {
	t.Helper()
	want, got := p.do(t, p.generated, document, variables), p.do(t, p.compiled, document, variables)
	mask := func(data []byte) string { return remaining.ReplaceAllString(string(data), "30 days") }
	require.Equal(t, mask(want.Data), mask(got.Data), document)
	require.Len(t, got.Errors, len(want.Errors), document)
	assert.ElementsMatch(t, texts(want.Errors), texts(got.Errors), document)
}

// texts gives errors without the ids under which they are logged.
func texts(errs gqlerror.List) (all []string) {
	for _, err := range errs {
		delete(err.Extensions, "errorId")
		raw, _ := json.Marshal(err)
		all = append(all, string(raw))
	}
	return all
}

// isCompiled tells whether a query is executed compiled.
func (p *pair) isCompiled(t *testing.T, document string) bool {
	t.Helper()
	op, errs := p.compiled.CreateOperationContext(graphql.StartOperationTrace(t.Context()), &graphql.RawParams{Query: document})
	require.Empty(t, errs)
	return p.operations.of(op).query != nil
}

func TestACompiledQueryGivesWhatGqlgenGives(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	random := rand.New(rand.NewPCG(1, 2))
	count := 0
	for range 400 {
		w := &writing{random: random, schema: graph.NewExecutableSchema(graph.Config{}).Schema()}
		yes, skip := "", "false"
		if random.IntN(5) == 0 {
			yes, skip = ", $yes: Boolean = true", "$yes"
		}
		document := "query($n: Int = 2, $after: String" + yes + ") { used: agentState(threadId: \"empty\") {" +
			" messages(last: $n, after: $after) { totalCount @skip(if: " + skip + ") } }" + w.selection("Query", 0) + " }" + w.fragments.String()
		p.compare(t, document, nil)
		if p.isCompiled(t, document) {
			count++
		}
	}
	t.Log(count, "of 400 were compiled")
	assert.Greater(t, count, 150, "else this proves little")
}

// writing writes random documents that are valid.
type writing struct {
	random    *rand.Rand
	schema    *ast.Schema
	names     int
	fragments strings.Builder
}

// document writes an operation of these fields, with the fragments that they spread and the variables that they use.
func (w *writing) document(operation, fields string) string {
	body := " {" + fields + " }" + w.fragments.String()
	var variables []string
	for _, definition := range []string{"$n: Int = 2", "$after: String"} {
		if name, _, _ := strings.Cut(definition, ":"); strings.Contains(body, name) {
			variables = append(variables, definition)
		}
	}
	if len(variables) > 0 {
		operation += "(" + strings.Join(variables, ", ") + ")"
	}
	return operation + body
}

func (w *writing) pick(from ...string) string { return from[w.random.IntN(len(from))] }

// selection writes a selection set without its braces, of fields each under a name of its own.
func (w *writing) selection(typeName string, depth int) string {
	var text strings.Builder
	fields := w.schema.Types[typeName].Fields
	for range 1 + w.random.IntN(4) {
		field := fields[w.random.IntN(len(fields))]
		if strings.HasPrefix(field.Name, "__") || field.Name == "health" || field.Name == "totalCount" && typeName != "MessageConnection" && w.random.IntN(8) > 0 {
			field = nil
		}
		w.names++
		alias := fmt.Sprintf(" a%d: ", w.names)
		switch {
		case field == nil:
			text.WriteString(alias + "__typename")
			continue
		case w.random.IntN(10) == 0 && depth > 0:
			name := fmt.Sprintf("f%d", w.names)
			inner := w.selection(typeName, depth+1)
			w.fragments.WriteString(" fragment " + name + " on " + typeName + " {" + inner + "}")
			text.WriteString(" ..." + name + w.pick("", " @include(if: true)", " @skip(if: true)") + " ..." + name)
			continue
		case w.random.IntN(10) == 0:
			text.WriteString(" ..." + w.pick("", " on "+typeName) + " {" + w.selection(typeName, depth+1) + "}")
			continue
		}
		head := alias + field.Name + w.arguments(field)
		for range 1 + w.random.IntN(5)/4 { // twice under one name: what is selected of it is merged
			text.WriteString(head + w.pick("", "", "", " @include(if: true)"))
			if def := w.schema.Types[field.Type.Name()]; def.Kind == ast.Object {
				text.WriteString(" {" + w.selection(def.Name, depth+1) + "}")
			}
		}
	}
	return text.String()
}

func (w *writing) arguments(field *ast.FieldDefinition) string {
	if len(field.Arguments) == 0 {
		return ""
	}
	switch field.Name {
	case "agentState", "agentStateTtl", "agentStateExists":
		return w.pick(`(threadId: "full")`, `(threadId: "full")`, `(threadId: "full")`, `(threadId: "empty")`, `(threadId: "none")`, `(threadId: "")`, `(threadId: 5)`)
	case "message":
		return w.pick(`(threadId: "full", messageId: "known")`, `(threadId: "full", messageId: "none")`)
	case "messages":
		return w.pick("", "(first: 3)", "(last: 2)", "(last: $n)", "(types: [AI, TOOL])", "(types: HUMAN)", "(types: [])", "(first: 0)", "(first: 1, last: 1)",
			`(after: "x")`, "(after: $after)", "(first: $n, types: [SYSTEM])")
	case "langChainMessages":
		return w.pick("(format: FLAT)", "(format: PYTHON, last: 2)", "(format: JAVASCRIPT, first: $n)", "(format: OPENAI)", "(format: FLAT, first: 0)", "(format: FLAT, after: $after)")
	case "recentAgentStates":
		return w.pick("", "(limit: 1)", "(limit: $n)", "(limit: 0)")
	case "agentStates":
		return w.pick("", "(first: 1)", "(last: 1)", `(filter: {threadIdPattern: "f*"})`, `(before: "x")`)
	case "threadIds":
		return w.pick("", `(pattern: "e*")`, "(first: 1)", `(pattern: "")`)
	}
	return ""
}

func TestWhatIsLeftToGqlgen(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for document, want := range map[string]bool{
		`{ agentStateCount __typename }`:                                                                                    true,
		`{ agentState(threadId: "a") { messages { nodes { id } } } }`:                                                       true,
		`query($x: Boolean = true) { agentStateCount @skip(if: $x) }`:                                                       false,
		`query($x: Boolean = true) { agentState(threadId: "a") { ...f } } fragment f on AgentState { id @include(if: $x) }`: false,
		`{ health { status } }`:                                                              false,
		`{ __schema { queryType { name } } }`:                                                false,
		`{ agentStates { totalCount } }`:                                                     false,
		`{ agentStateCount @skip(if: true) }`:                                                false,
		`{ agentStateCount } #` + strings.Repeat("x", mostCompiled):                          false,
		`{ agentState(threadId: "a") {` + strings.Repeat(" ...f", 1) + ` } }` + doubling(10): false,
	} {
		assert.Equal(t, want, p.isCompiled(t, document), document)
	}
}

// doubling is a fragment f on AgentState of 2^n fields.
func doubling(n int) string {
	var text strings.Builder
	text.WriteString(" fragment f on AgentState {")
	for i := range n {
		fmt.Fprintf(&text, " m%d: messages { ...g }", i)
	}
	text.WriteString(" } fragment g on MessageConnection {")
	for i := range n {
		fmt.Fprintf(&text, " n%d: nodes { ...h }", i)
	}
	text.WriteString(" } fragment h on Message {")
	for i := range n {
		fmt.Fprintf(&text, " s%d: seq", i)
	}
	return text.String() + " }"
}

// What never comes again is not kept: it would keep its document, and cost every collection of garbage.
func TestAnOperationIsKeptFromTheSecondTimeOn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ctx := graphql.StartOperationTrace(t.Context())
	op, errs := p.compiled.CreateOperationContext(ctx, &graphql.RawParams{Query: `{ agentStateCount }`})
	require.Empty(t, errs)
	first := p.operations.of(op).query
	assert.Zero(t, p.operations.known.Len())
	second := p.operations.of(op).query
	assert.NotSame(t, first, second)
	assert.Same(t, second, p.operations.of(op).query)
}

// Where something fails, gqlgen tells it of what was done already: nothing is done twice.
func TestNothingIsResolvedTwice(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value any
		err   error
	}{"an error": {nil, errors.New("x")}, "an answer": {5, nil}, "Redis is away": {nil, store.ErrUnavailable}} {
		op := &graphql.OperationContext{ResolverMiddleware: func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) }}
		replay(op, "Query", map[string]result{"a": {test.value, test.err}, "b": {nil, errArguments}})
		ask := func(object, alias string) (any, error) {
			field := graphql.CollectedField{Field: &ast.Field{Alias: alias}}
			ctx := graphql.WithFieldContext(t.Context(), &graphql.FieldContext{Object: object, Field: field})
			return op.ResolverMiddleware(ctx, func(context.Context) (any, error) { return "asked", io.EOF })
		}
		value, err := ask("Query", "a")
		assert.Equal(t, test.value, value, name)
		assert.Equal(t, test.err, err, name)
		for _, other := range [][2]string{{"Query", "b"}, {"AgentState", "a"}} {
			value, err = ask(other[0], other[1])
			assert.Equal(t, "asked", value, other)
			assert.Equal(t, io.EOF, err, other)
		}
	}
}

func TestAPanicIsToldOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.resolver.Store = nil
	response := p.do(t, p.compiled, `{ agentStateCount }`, nil)
	require.Len(t, response.Errors, 1)
	assert.Equal(t, CodeInternal, response.Errors[0].Extensions["code"])
	assert.EqualValues(t, 1, p.resolver.Panics.Load())
}
