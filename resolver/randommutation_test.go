package resolver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/graph"
)

// changes are mutations whose payload is selected at random, and the types of these payloads.
var changes = []struct{ field, payload string }{
	{`createAgentState(input: {context: "c", messages: [{type: HUMAN, content: "x"}]})`, "CreateAgentStatePayload"},
	{`createAgentState(input: {threadId: "full"})`, "CreateAgentStatePayload"},
	{`updateAgentState(input: {threadId: "full", metadata: {b: 1.50}, plan: [{subtasks: ["a"]}], ttlSeconds: 2592000})`, "UpdateAgentStatePayload"},
	{`updateAgentState(input: {threadId: "full", plan: [], toolCalls: [], metadata: null})`, "UpdateAgentStatePayload"},
	{`addMessage(input: {threadId: "full", message: {type: AI, content: "x", toolCalls: [{name: "f", args: [null]}]}})`, "AddMessagePayload"},
	{`addMessage(input: {threadId: "none", message: {type: AI, content: "x"}})`, "AddMessagePayload"},
	{`addMessages(input: {threadId: "full", messages: [{type: AI, content: "x"}, {messageId: "known", type: CHAT, content: "5"}]})`, "AddMessagesPayload"},
	{`addLangChainMessages(input: {threadId: "full", messages: [{role: "user", content: "x"}, {type: "remove", id: "none"}]})`, "AddLangChainMessagesPayload"},
	{`addLangChainMessages(input: {threadId: "full", messages: [{role: "user", content: "x"}, {type: "ai", content: [], id: "l"}], reducer: ADD_MESSAGES})`, "AddLangChainMessagesPayload"},
	{`updateMessage(input: {threadId: "full", messageId: "known", metadata: {}, name: "n", toolCalls: [{name: "f", args: {}}]})`, "UpdateMessagePayload"},
	{`updateMessage(input: {threadId: "full", messageId: "known", metadata: null, responseMetadata: null, name: null, toolCalls: null})`, "UpdateMessagePayload"},
	{`deleteMessage(input: {threadId: "full", messageId: "l"})`, "DeleteMessagePayload"},
	{`truncateMessages(input: {threadId: "full", afterSeq: 9})`, "TruncateMessagesPayload"},
	{`forkAgentState(input: {threadId: "full"})`, "ForkAgentStatePayload"},
	{`setContext(input: {threadId: "full", context: "d"})`, "SetContextPayload"},
	{`setContext(input: {threadId: "full", context: "d", expectedVersion: 1})`, "SetContextPayload"},
	{`setRelevance(input: {threadId: "full", relevant: false})`, "SetRelevancePayload"},
	{`addPlan(input: {threadId: "full", subtasks: ["a"]})`, "AddPlanPayload"},
	{`addToolCall(input: {threadId: "full", tool: "t", parameters: [null], toolResponse: null})`, "AddToolCallPayload"},
	{`extendTtl(input: {threadId: "empty", ttlSeconds: 2592000})`, "ExtendTtlPayload"},
	{`cleanupExpired(input: {dryRun: true})`, "CleanupExpiredPayload"},
}

// A mutation is done once whatever is selected of it, and tells of it what gqlgen tells.
func TestACompiledMutationGivesWhatGqlgenGives(t *testing.T) {
	t.Parallel()
	generated, compiled := newPair(t), newPair(t)
	random := rand.New(rand.NewPCG(3, 4))
	for range 120 {
		document := randomMutation(random)
		want, got := generated.do(t, generated.generated, document, nil), compiled.do(t, compiled.compiled, document, nil)
		require.Equal(t, masked(want.Data), masked(got.Data), document)
		assert.ElementsMatch(t, texts(want.Errors), texts(got.Errors), document)
	}
}

// masked is data without what differs from run to run.
func masked(data []byte) string {
	return remaining.ReplaceAllString(moments.ReplaceAllString(string(data), "T"), "30 days")
}

// randomMutation writes a document of one to three changes.
func randomMutation(random *rand.Rand) string {
	w := &writing{random: random, schema: graph.NewExecutableSchema(graph.Config{}).Schema()}
	var fields strings.Builder
	for i := range 1 + random.IntN(3) {
		change := changes[random.IntN(len(changes))]
		fmt.Fprintf(&fields, " m%d: %s {%s}", i, change.field, w.selection(change.payload, 0))
	}
	return w.document("mutation", fields.String())
}
