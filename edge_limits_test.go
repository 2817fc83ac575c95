package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/config"
	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// byDefault is the environment of a server with the limits of a query as they are unless configured.
func byDefault() []string {
	var environ []string
	for _, v := range config.Describe() {
		if strings.HasPrefix(v.Name, "MAX_QUERY_") {
			environ = append(environ, v.Name+"="+v.Default)
		}
	}
	return environ
}

// several joins what make gives for 0 to n-1.
func several(n int, make func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(make(i) + " ")
	}
	return b.String()
}

// introspection is the query by which tools read the schema.
func introspection(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("internal/httpapi/testdata/introspection.graphql")
	require.NoError(tb, err)
	return string(text)
}

// TestAttacksAreCheap sends small requests that mean much work, and bounds the memory that each takes, which a busy machine does not
// change. The time is only shown. It is alone: what runs beside it would be counted.
func TestAttacksAreCheap(t *testing.T) {
	s := start(t, byDefault()...)
	const mostBytes = 10 << 20
	repeat := strings.Repeat
	long := func(i int) string { return fmt.Sprintf("x%d%s", i, repeat("y", 50)) }
	chain := func(n int, spread string) string {
		return several(n, func(i int) string {
			next := fmt.Sprintf("...f%d", i+1)
			return fmt.Sprintf("fragment f%d on __Type { "+spread+" }", i, next, next)
		}) + fmt.Sprintf("fragment f%d on __Type { name }", n)
	}
	for _, c := range []struct {
		name, document string
		variables      any
		code           string
	}{
		{"what does nothing", `{ __typename }`, nil, ""},
		{"fragments that spread the next one twice", `{ __schema { types { ...f0 } } } ` + chain(100, "%s %s"), nil, ""},
		{"fragments that spread the next one twice, on few objects", strings.NewReplacer("__schema { types", "agentState(threadId: \"a\")",
			"on __Type", "on AgentState", "} } }", "} }", "{ name", "{ context").Replace(`{ __schema { types { ...f0 } } } ` + chain(100, "%s %s")), nil, ""},
		{"fragments that ask for the next one twice", `{ __schema { types { ...f0 } } } ` + chain(18, "a: ofType { %s } b: ofType { %s }"), nil, "LIMIT_EXCEEDED"},
		{"root fields that double", `{ ...f0 } ` + strings.ReplaceAll(chain(100, "%s %s"), "__Type { name", "Query { agentStateCount"), nil, "LIMIT_EXCEEDED"},
		{"3,700 repeats of a field", `{ agentState(threadId: "a") { ` + repeat("context ", 3700) + `} }`, nil, "LIMIT_EXCEEDED"},
		{"1,900 repeats of a field", `{ agentState(threadId: "a") { ` + repeat("context ", 1900) + `} }`, nil, "LIMIT_EXCEEDED"},
		{"as many repeats as there may be", `{ agentState(threadId: "a") { ` + repeat("context id version relevant ", 100) + `} }`, nil, ""},
		{"repeats of a field with fields", `{ agentState(threadId: "a") { ` + repeat("messages { nodes { text } } ", 100) + `} }`, nil, ""},
		{"100 aliases of __schema", `{ ` + several(100, func(i int) string { return fmt.Sprintf("a%d: __schema { types { name fields { name } } }", i) }) + `}`, nil, "LIMIT_EXCEEDED"},
		{"20 aliases of __schema", `{ ` + several(20, func(i int) string {
			return fmt.Sprintf("a%d: __schema { types { name fields { name args { name } } } }", i)
		}) + `}`, nil, "LIMIT_EXCEEDED"},
		{"one introspection", introspection(t), nil, ""},
		{"five introspections", strings.Replace(introspection(t), "types { ...FullType }", several(5, func(i int) string { return fmt.Sprintf("t%d: types { ...FullType }", i) }), 1), nil, "LIMIT_EXCEEDED"},
		{"fields of the types of the fields", `{ __schema { types { ` + repeat("fields { type { ", 2) + several(15, func(i int) string { return fmt.Sprintf("a%d: fields { name }", i) }) + repeat("} } ", 2) + `} } }`, nil, ""},
		{"pages in pages", `{ agentStates(first: 1000) { nodes { messages(last: 50) { nodes { text } } } } }`, nil, "LIMIT_EXCEEDED"},
		{"pages by variables", `query($n: Int) { agentStates(first: $n) { nodes { messages(last: $n) { nodes { text } } } } }`, vars{"n": 1000}, "LIMIT_EXCEEDED"},
		{"operations that share fragments", several(20, func(i int) string { return fmt.Sprintf("query q%d { ...f0 }", i) }) +
			several(140, func(i int) string { return fmt.Sprintf("fragment f%d on Health { a%d: status ...f%d }", i, i, i+1) }) + "fragment f140 on Health { status }", nil, "LIMIT_EXCEEDED"},
		{"operations that share fragments, without aliases", several(20, func(i int) string { return fmt.Sprintf("query q%d { health { ...f0 } }", i) }) +
			several(80, func(i int) string {
				return fmt.Sprintf("fragment f%d on Health { status uptime version ...f%d }", i, i+1)
			}) + "fragment f80 on Health { status }", nil, ""},
		{"fragments on the same fields", `{ ` + several(200, func(i int) string { return fmt.Sprintf("...f%d", i) }) + `} ` +
			several(200, func(i int) string { return fmt.Sprintf("fragment f%d on Query { agentStateCount }", i) }), nil, "LIMIT_EXCEEDED"},
		{"many variables", `query(` + several(480, func(i int) string { return fmt.Sprintf("$v%d: Int", i) }) + `) { agentStateCount }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"unknown fields of long names", `{ agentState(threadId: "a") { ` + several(490, long) + `} }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"a field of a name of 58 KB", `{ ` + repeat("y", 58_000) + ` }`, nil, "LIMIT_EXCEEDED"},
		{"unknown arguments", `{ agentState(` + several(600, func(i int) string { return long(i) + ": 1" }) + `) { id } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"the same argument", `{ agentState(` + repeat(`threadId: "a" `, 600) + `) { id } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"a directive many times", `{ agentStateCount ` + repeat("@include(if: true) ", 200) + `}`, nil, "LIMIT_EXCEEDED"},
		{"an unknown directive many times", `{ agentStateCount ` + repeat("@x ", 900) + `}`, nil, "LIMIT_EXCEEDED"},
		{"a list of wrong values", `{ agentState(threadId: "a") { messages(types: [` + repeat("HUMAM ", 1900) + `]) { totalCount } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"a deep literal", `mutation { setContext(input: {threadId: "a", context: ` + repeat("[", 900) + repeat("]", 900) + `}) { agentState { id } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"a deep document", repeat("{ a ", 600) + repeat("}", 600), nil, "LIMIT_EXCEEDED"},
		{
			"a deep list in a variable", `query($t: [MessageType!]) { agentState(threadId: "a") { messages(types: $t) { totalCount } } }`,
			vars{"t": json.RawMessage(repeat("[", 90) + repeat("]", 90))},
			"BAD_USER_INPUT",
		},
		{
			"a list of 50,000 items in a variable", `query($t: [MessageType!]) { agentState(threadId: "a") { messages(types: $t) { totalCount } } }`,
			vars{"t": json.RawMessage("[" + repeat(`"AI",`, 49_999) + `"AI"]`)},
			"LIMIT_EXCEEDED",
		},
		{
			"lists of a variable that add up", `mutation($i: UpdateAgentStateInput!) { updateAgentState(input: $i) { agentState { id } } }`,
			vars{"i": json.RawMessage(`{"threadId": "a", "plan": [` + repeat(`{"subtasks": [`+repeat(`"s",`, 500)+`"s"]},`, 20) + `{"subtasks": ["s"]}]}`)},
			"LIMIT_EXCEEDED",
		},
		{
			"as many items as there may be", `query($t: [MessageType!]) { agentState(threadId: "a") { messages(types: $t) { totalCount } } }`,
			vars{"t": json.RawMessage("[" + repeat(`"AI",`, 9_999) + `"AI"]`)},
			"",
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, errs, status := s.Do(patient(t), c.document, c.variables)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-45s %6d bytes sent: %8v %6d KiB, %d %.100s", c.name, len(c.document), took.Round(10*time.Microsecond), allocated>>10, status, fmt.Sprint(errs))
		assert.Equal(t, http.StatusOK, status, c.name)
		assert.Less(t, allocated, uint64(mostBytes), c.name)
		if c.code != "" && assert.NotEmpty(t, errs, c.name) {
			assert.Equal(t, c.code, errs[0].Code(), c.name)
		}
		assert.LessOrEqual(t, len(errs), 20, c.name)
	}
}

// TestRefusedDocumentsAreNotKept: a thousand documents of 58 KB, each another, leave nothing behind. It is alone, as the one above.
func TestRefusedDocumentsAreNotKept(t *testing.T) {
	s := start(t, byDefault()...)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for name, document := range map[string]func(i int) string{
		"refused by a limit":    func(i int) string { return fmt.Sprintf("{ a%d ", i) + strings.Repeat("y", 58_000) + " }" },
		"refused by validation": func(i int) string { return fmt.Sprintf("{ a%d(b: %q) }", i, strings.Repeat("y", 58_000)) },
		"refused by its price": func(i int) string {
			return fmt.Sprintf("{ agentStates(first: 1000) { nodes { messages(after: %q, first: 1000) { nodes { a%d: text } } } } }", strings.Repeat("y", 800), i)
		},
		"refused by its brackets": func(i int) string { return fmt.Sprintf("{ a%d(b: %q) ", i, strings.Repeat("y", 58_000)) },
	} {
		s.Fail(t, document(0), nil)
		before := heap()
		for i := range 300 { // of 58 kB: 17 MiB, were they kept
			_, errs, _ := s.Do(patient(t), document(i), nil)
			require.NotEmpty(t, errs)
		}
		after := heap()
		t.Logf("%s: %d KiB before, %d KiB after", name, before>>10, after>>10)
		// What its price refuses is kept, since it is valid with other variables: 15 times its text, which is short.
		assert.Less(t, after, before+10<<20, name)
	}
}

// TestOrdinaryRequestsFit into the limits as they are unless configured.
func TestOrdinaryRequestsFit(t *testing.T) {
	t.Parallel()
	s := start(t, byDefault()...)
	create(t, s, "a", human("m"))
	_, messageFragments, ok := strings.Cut(stateFragment, "fragment message")
	require.True(t, ok)
	for name, document := range map[string]string{
		"introspection":                     introspection(t),
		"all of a thread":                   `{ agentState(threadId: "a") { ...state } }` + stateFragment,
		"a page of threads with all":        `{ agentStates(first: 25) { nodes { ...state } } }` + stateFragment,
		"a thousand messages with all":      `{ agentState(threadId: "a") { messages(last: 1000) { nodes { ...message } pageInfo { ...info } totalCount } } }` + "fragment message" + messageFragments,
		"fifty threads with fifty messages": `{ agentStates(first: 50) { totalCount nodes { threadId messages(last: 50) { nodes { messageId text usage { totalTokens } toolCalls { name } } } } } }`,
		"a thousand threads":                `{ agentStates(first: 1000) { edges { cursor node { threadId lastUpdated messageCounts { total } } } pageInfo { endCursor } } }`,
		"twenty threads by their ids": `{ ` + several(20, func(i int) string {
			return fmt.Sprintf(`t%d: agentState(threadId: "%d") { context plan { subtasks } }`, i, i)
		}) + `}`,
	} {
		_, errs, _ := s.Do(patient(t), document, nil)
		assert.Empty(t, errs, name)
	}
}

// TestMutationThatTakesTooLong: the answer says that it may have been done, and so it was; sent again, it is stored once.
func TestMutationThatTakesTooLong(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	proxy := redistest.NewProxy(t, own.Addr())
	s := start(t, append(at(proxy.Addr()), "OPERATION_TIMEOUT=1s", "REDIS_TIMEOUT=20s")...)
	create(t, s, "a")
	input := vars{"input": object{"threadId": "a", "messages": []object{human("m1")}}}
	proxy.DropReplies(true)
	err := s.Fail(t, addMessages, input)
	unavailable(t, err)
	assert.Equal(t, "Read whether it was done, or send it again: the mutation took longer than 1s and may have been done; "+
		"a message with its messageId is stored once however often it is sent.", err.Message)
	err = s.Fail(t, `{ agentState(threadId: "a") { version } }`, nil)
	unavailable(t, err)
	assert.Equal(t, "Try again, or ask for less: the query took longer than 1s.", err.Message)
	proxy.DropReplies(false)
	proxy.CutAll()
	addWhenever(t, s, "a", "m1")
	assert.Equal(t, 1, read(t, s, "a", "messageCounts { total }").MessageCounts["total"])
}

// TestEdgeIsConfigured sees that each variable reaches what it is for.
func TestEdgeIsConfigured(t *testing.T) {
	t.Parallel()
	const body = `{"query": "{ agentStateCount }"}`
	post := func(s *server, header ...string) gqltest.Answer {
		return s.Send(t, http.MethodPost, "/graphql", body, append([]string{"Content-Type", "application/json"}, header...)...)
	}
	t.Run("documents", func(t *testing.T) {
		t.Parallel()
		s := start(t, "MAX_QUERY_DEPTH=3", "MAX_QUERY_ALIASES=2", "MAX_QUERY_ROOT_FIELDS=4", "MAX_QUERY_DIRECTIVES=1", "MAX_QUERY_FIELDS=6",
			"MAX_QUERY_REPEATS=3", "MAX_QUERY_OPERATIONS=5", "MAX_QUERY_NAME_BYTES=30", "MAX_QUERY_COMPLEXITY=100")
		for document, limit := range map[string]int{
			`{ agentState(threadId: "a") { messages { nodes { usage { totalTokens } } } } }`:                                                            3,
			`{ a: agentStateCount b: agentStateCount c: agentStateCount }`:                                                                              2,
			`{ agentStateCount ...{ health { status } message(threadId: "a", messageId: "b") { id } threadIds { nodes } __typename } }`:                 4,
			`{ agentStateCount @skip(if: true) @skip(if: true) }`:                                                                                       1,
			`{ agentState(threadId: "a") { id version context metadata relevant createdAt } }`:                                                          6,
			`{ agentState(threadId: "a") { id id id id } }`:                                                                                             3,
			`query a { __typename } query b { __typename } query c { __typename } query d { __typename } query e { __typename } query f { __typename }`: 5,
			`{ ` + strings.Repeat("x", 31) + ` }`:                                                                                                       30,
			`{ agentStates(first: 100) { nodes { threadId } } }`:                                                                                        100,
		} {
			err := s.Fail(t, document, nil)
			assert.Equal(t, "LIMIT_EXCEEDED", err.Code(), document)
			assert.EqualValues(t, limit, err.Extensions["limit"], document)
			assert.Greater(t, err.Extensions["actual"], float64(limit), document)
		}
	})
	t.Run("requests", func(t *testing.T) {
		t.Parallel()
		s := start(t, "MAX_REQUESTS_PER_SECOND=1", "MAX_REQUEST_BURST=2", "TRUSTED_PROXIES=127.0.0.0/8")
		eventually(t, "too many requests", func() bool {
			return post(s, "X-Forwarded-For", "192.0.2.1").Status == http.StatusTooManyRequests
		})
		assert.Equal(t, http.StatusOK, post(s, "X-Forwarded-For", "192.0.2.2").Status, "the proxy is believed")
	})
	t.Run("proxies", func(t *testing.T) {
		t.Parallel()
		s := start(t, "MAX_REQUESTS_PER_SECOND=1", "MAX_REQUEST_BURST=2")
		n := 0
		eventually(t, "too many requests", func() bool {
			n++
			return post(s, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", n%250)).Status == http.StatusTooManyRequests
		})
	})
	for name, environ := range map[string]string{"connections": "MAX_CONNECTIONS=1", "connections of a caller": "MAX_CONNECTIONS_PER_CALLER=1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, environ)
			create(t, s, "a")
			gqltest.Transports[0].Subscribe(t, s.Client, `subscription { messageAdded(threadId: "a") { seq } }`, nil)
			got := s.Send(t, http.MethodPost, "/graphql", `{"query": "subscription { messageAdded(threadId: \"a\") { seq } }"}`,
				"Content-Type", "application/json", "Accept", "text/event-stream")
			assert.Contains(t, []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, got.Status)
			assert.Equal(t, "LIMIT_EXCEEDED", got.Errors(t)[0].Code())
		})
	}
}
