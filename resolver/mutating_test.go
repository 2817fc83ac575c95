package resolver

import (
	"regexp"
	"slices"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moments are what differs from run to run.
var moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)

const wholeThread = `threadId version context relevant metadata createdAt messageCounts { total } plan { planId subtasks } toolCalls { toolId tool }
	messages(last: 3) { totalCount nodes { messageId seq text } pageInfo { hasPreviousPage } }`

// mutations are executed one after the other on one Redis.
var mutations = map[string]string{
	"01 create":                   `mutation { createAgentState(input: {threadId: "new", context: "c"}) { agentState { ` + wholeThread + ` } } }`,
	"02 create again":             `mutation { createAgentState(input: {threadId: "new"}) { agentState { version } } }`,
	"03 add one":                  `mutation { addMessage(input: {threadId: "new", message: {messageId: "a", type: HUMAN, content: "x"}}) { __typename duplicate message { id seq text } agentState { ` + wholeThread + ` } } }`,
	"04 the same":                 `mutation { addMessage(input: {threadId: "new", message: {messageId: "a", type: HUMAN, content: "x"}}) { duplicate message { seq } } }`,
	"05 another of that id":       `mutation { addMessage(input: {threadId: "new", message: {messageId: "a", type: HUMAN, content: "y"}}) { duplicate message { seq } } }`,
	"06 add many":                 `mutation { addMessages(input: {threadId: "new", messages: [{type: AI, content: "1"}, {messageId: "a", type: HUMAN, content: "x"}]}) { duplicates duplicate messages { messageId seq toolCalls { name } } } }`,
	"07 a conflict":               `mutation { setContext(input: {threadId: "new", context: "d", expectedVersion: 1}) { agentState { version } } }`,
	"08 context":                  `mutation { setContext(input: {threadId: "new", context: "d"}) { agentState { version context } } }`,
	"09 relevance":                `mutation { setRelevance(input: {threadId: "new", relevant: true}) { agentState { relevant } } }`,
	"10 update":                   `mutation { updateAgentState(input: {threadId: "new", metadata: {a: 1.50}, plan: [{subtasks: ["a"]}]}) { agentState { ` + wholeThread + ` } } }`,
	"11 plan":                     `mutation { addPlan(input: {threadId: "new", subtasks: ["b"]}) { plan { planId subtasks } agentState { plan { planId } } } }`,
	"13 tool again":               `mutation { addToolCall(input: {threadId: "new", tool: "t", parameters: [1]}) { toolCall { toolId tool parameters toolResponse planId } } }`,
	"14 a page that there is not": `mutation { setContext(input: {threadId: "new", context: "e"}) { agentState { messages(first: 0) { totalCount } } } }`,
	"15 several, one of them fails": `mutation { a: addPlan(input: {threadId: "new", subtasks: ["c"]}) { agentState { version plan { planId } } }
		b: addMessage(input: {threadId: "none", message: {type: HUMAN, content: "x"}}) { duplicate }
		c: addPlan(input: {threadId: "new", subtasks: ["d"]}) { agentState { version plan { planId } } } }`,
	"16 what that came to":         `mutation { setRelevance(input: {threadId: "new", relevant: false}) { agentState { ` + wholeThread + ` } } }`,
	"17 several":                   `mutation { a: setRelevance(input: {threadId: "new", relevant: true}) { ...f } b: setRelevance(input: {threadId: "new", relevant: false}) { ...f } } fragment f on SetRelevancePayload { agentState { relevant version } }`,
	"18 ttl":                       `mutation { extendTtl(input: {threadId: "new", ttlSeconds: 100}) { ttl { ttlSeconds } } }`,
	"19 an argument":               `mutation { extendTtl(input: {threadId: "new", ttlSeconds: 0}) { ttl { ttlSeconds } } }`,
	"20 clean":                     `mutation { cleanupExpired(input: {maxAgeDays: 0, dryRun: true}) { deletedCount maxAgeDays dryRun } }`,
	"20a a message":                `mutation { updateMessage(input: {threadId: "new", messageId: "a", content: ["z"], name: "n"}) { message { messageId seq text name } agentState { version pendingToolCalls { id } } } }`,
	"20b one that there is not":    `mutation { deleteMessage(input: {threadId: "new", messageId: "none"}) { deletedMessageId } }`,
	"20c fork":                     `mutation { forkAgentState(input: {threadId: "new", newThreadId: "fork", upToSeq: 1}) { agentState { ` + wholeThread + ` } } }`,
	"20d truncate":                 `mutation { truncateMessages(input: {threadId: "new", afterSeq: 1}) { deletedCount agentState { messages(last: 1, wholeToolCalls: true) { nodes { seq } } } } }`,
	"20e delete one":               `mutation { deleteMessage(input: {threadId: "new", messageId: "a"}) { deletedMessageId agentState { messageCounts { total } } } }`,
	"21 with a variable directive": `mutation($x: Boolean = true) { deleteAgentState(input: {threadId: "new"}) { deletedThreadId @skip(if: $x) __typename } }`,
	"22 delete":                    `mutation { deleteAgentState(input: {threadId: "full"}) { deletedThreadId } }`,
}

func TestACompiledMutationDoesWhatGqlgenDoes(t *testing.T) {
	t.Parallel()
	a, b := newPair(t), newPair(t)
	names := make([]string, 0, len(mutations))
	for name := range mutations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		want, got := a.do(t, a.generated, mutations[name], nil), b.do(t, b.compiled, mutations[name], nil)
		mask := func(response *graphql.Response) string { return moments.ReplaceAllString(string(response.Data), "T") }
		assert.Equal(t, mask(want), mask(got), name)
		assert.Equal(t, texts(want.Errors), texts(got.Errors), name)
	}
	for _, name := range names {
		op, errs := b.compiled.CreateOperationContext(graphql.StartOperationTrace(t.Context()), &graphql.RawParams{Query: mutations[name]})
		require.Empty(t, errs)
		assert.Equal(t, name != "21 with a variable directive", b.operations.of(op).mutation != nil, name)
	}
}

// A mutation that fails in the middle of itself is not done again.
func TestAMutationThatPanicsIsDoneOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	runs := 0
	p.resolver.NewID = func() string { runs++; panic("no ids") }
	response := p.do(t, p.compiled, `mutation { addPlan(input: {threadId: "full", subtasks: ["a"]}) { plan { planId } } }`, nil)
	require.Len(t, response.Errors, 1)
	assert.Equal(t, CodeInternal, response.Errors[0].Extensions["code"])
	assert.Equal(t, 1, runs)
	assert.EqualValues(t, 1, p.resolver.Panics.Load())
}
