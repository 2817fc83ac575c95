package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const badUser = "BAD_USER_INPUT"

// badInputs are requests that are refused, by the argument that is named.
var badInputs = []struct {
	name, document string
	value          any
	argument       string
}{
	// Pages.
	{"first negative", `($x: Int) { agentState(threadId: "a") { messages(first: $x) { totalCount } } }`, -1, "first"},
	{"first zero", `($x: Int) { agentState(threadId: "a") { messages(first: $x) { totalCount } } }`, 0, "first"},
	{"first too large", `($x: Int) { agentState(threadId: "a") { messages(first: $x) { nodes { seq } } } }`, 1001, "first"},
	{"last negative", `($x: Int) { agentState(threadId: "a") { messages(last: $x) { nodes { seq } } } }`, -1, "last"},
	{"last zero", `($x: Int) { agentState(threadId: "a") { messages(last: $x) { nodes { seq } } } }`, 0, "last"},
	{"last too large", `($x: Int) { agentStates(last: $x) { nodes { version } } }`, 1001, "last"},
	{"first and last", `($x: Int) { agentState(threadId: "a") { messages(first: $x, last: $x) { nodes { seq } } } }`, 1, "last"},
	{"first and last of a list", `($x: Int) { agentStates(first: $x, last: $x) { totalCount } }`, 1, "last"},
	{"limit zero", `($x: Int!) { recentAgentStates(limit: $x) { version } }`, 0, "limit"},
	{"limit too large", `($x: Int!) { recentAgentStates(limit: $x) { version } }`, 1001, "limit"},
	{"ids first", `($x: Int) { threadIds(first: $x) { nodes } }`, 1001, "first"},
	{"cursor of no kind", `($x: String) { agentState(threadId: "a") { messages(after: $x) { nodes { seq } } } }`, "nonsense", "after"},
	{"cursor of nothing", `($x: String) { agentState(threadId: "a") { messages(after: $x) { nodes { seq } } } }`, "", "after"},
	{"cursor padded", `($x: String) { agentState(threadId: "a") { messages(before: $x) { nodes { seq } } } }`, "AQ==", "before"},
	{"cursor of zeros", `($x: String) { agentState(threadId: "a") { messages(before: $x) { nodes { seq } } } }`, "AAAAAAAAAAAAAAAA", "before"},
	{"cursor too long", `($x: String) { agentStates(after: $x) { nodes { version } } }`, strings.Repeat("A", 5000), "after"},
	{"cursor of a list", `($x: String) { agentStates(before: $x) { nodes { version } } }`, "nonsense", "before"},
	{"cursor of a count", `($x: String) { agentStates(after: $x) { totalCount } }`, "nonsense", "after"},
	{"cursor of a count of ids", `($x: String) { threadIds(after: $x) { totalCount } }`, "nonsense", "after"},
	{"cursor of a count of messages", `($x: String) { agentState(threadId: "a") { messages(before: $x) { totalCount } } }`, "nonsense", "before"},
	{"cursor of ids", `($x: String) { threadIds(after: $x) { nodes } }`, "nonsense", "after"},
	{"no types", `($x: [MessageType!]) { agentState(threadId: "a") { messages(types: $x) { nodes { seq } } } }`, []string{}, "types"},
	{"pattern empty", `($x: String!) { threadIds(pattern: $x) { nodes } }`, "", "pattern"},
	{"pattern too long", `($x: String!) { threadIds(pattern: $x) { totalCount } }`, strings.Repeat("*", 256), "pattern"},
	{"pattern of a filter", `($x: String!) { agentStates(filter: {threadIdPattern: $x}) { totalCount } }`, "", "filter.threadIdPattern"},
	{"time of a filter", `($x: DateTime) { agentStates(filter: {lastUpdatedAfter: $x}) { totalCount } }`, "yesterday", "filter.lastUpdatedAfter"},

	// Null, where either the variable or the argument has a default.
	{"null for a limit", `($x: Int) { recentAgentStates(limit: $x) { version } }`, nil, "limit"},
	{"null for a pattern", `($x: String) { threadIds(pattern: $x) { nodes } }`, nil, "pattern"},
	{"null for a type", `($x: MessageType = AI) { agentState(threadId: "a") { messages(types: [$x]) { totalCount } } }`, nil, "types[0]"},
	{"null for a format", `($x: MessageFormat = FLAT) { agentState(threadId: "a") { langChainMessages(format: $x) } }`, nil, "format"},
	{"null for a condition", `($x: Boolean = true) { agentState(threadId: "a") { version @include(if: $x) } }`, nil, "if"},
	{"null for a context", `m($x: String = "y") { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`, nil, "input.context"},
	{"null for a message", `m($x: MessageInput = {type: AI, content: ""}) { addMessage(input: {threadId: "a", message: $x}) { duplicate } }`, nil, "input.message"},
	{"null for an input", `m($x: SetContextInput = {threadId: "a", context: ""}) { setContext(input: $x) { agentState { version } } }`, nil, "input"},
	{"null for a switch", `m($x: Boolean) { addMessage(input: {threadId: "a", createIfMissing: $x, message: {type: AI, content: ""}}) { duplicate } }`, nil, "input.createIfMissing"},

	// Bounds of inputs.
	{"ttl zero", `m($x: Int) { createAgentState(input: {ttlSeconds: $x}) { agentState { version } } }`, 0, "input.ttlSeconds"},
	{"ttl too large", `m($x: Int) { updateAgentState(input: {threadId: "a", ttlSeconds: $x}) { agentState { version } } }`, 31_536_001, "input.ttlSeconds"},
	{"ttl negative", `m($x: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $x}) { ttl { ttlSeconds } } }`, -1, "input.ttlSeconds"},
	{"ttl beyond the maximum", `m($x: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $x}) { ttl { ttlSeconds } } }`, 31_536_001, "input.ttlSeconds"},
	{"version negative", `m($x: Int) { setContext(input: {threadId: "a", context: "x", expectedVersion: $x}) { agentState { version } } }`, -1, "input.expectedVersion"},
	{"version of a deletion", `m($x: Int) { deleteAgentState(input: {threadId: "a", expectedVersion: $x}) { deletedThreadId } }`, -1, "input.expectedVersion"},
	{"age negative", `m($x: Int!) { cleanupExpired(input: {maxAgeDays: $x}) { deletedCount } }`, -1, "input.maxAgeDays"},
	{"age too large", `m($x: Int!) { cleanupExpired(input: {maxAgeDays: $x}) { deletedCount } }`, 36_501, "input.maxAgeDays"},
	{"metadata a list", `m($x: JSON) { updateAgentState(input: {threadId: "a", metadata: $x}) { agentState { version } } }`, []int{1}, "input.metadata"},
	{"metadata a string", `m($x: JSON) { createAgentState(input: {metadata: $x}) { agentState { version } } }`, "{}", "input.metadata"},
	{"too many subtasks", `m($x: [String!]!) { addPlan(input: {threadId: "a", subtasks: $x}) { plan { planId } } }`, make([]string, 101), "input.subtasks"},
	{"no subtasks", `m($x: [String!]!) { addPlan(input: {threadId: "a", subtasks: $x}) { plan { planId } } }`, []string{}, "input.subtasks"},
	{"subtask empty", `m($x: [String!]!) { addPlan(input: {threadId: "a", subtasks: $x}) { plan { planId } } }`, []string{"x", ""}, "input.subtasks[1]"},
	{"subtask too long", `m($x: [String!]!) { addPlan(input: {threadId: "a", subtasks: $x}) { plan { planId } } }`, []string{strings.Repeat("x", 16<<10+1)}, "input.subtasks[0]"},
	{"subtasks of a plan", `m($x: [PlanInput!]) { updateAgentState(input: {threadId: "a", plan: $x}) { agentState { version } } }`, []object{{"subtasks": []string{}}}, "input.plan[0].subtasks"},
	{"plan ids twice", `m($x: [PlanInput!]) { updateAgentState(input: {threadId: "a", plan: $x}) { agentState { version } } }`, []object{{"planId": "p", "subtasks": []string{"x"}}, {"planId": "p", "subtasks": []string{"x"}}}, "input.plan[1].planId"},
	{"too many plans", `m($x: [PlanInput!]) { updateAgentState(input: {threadId: "a", plan: $x}) { agentState { version } } }`, many(1001, object{"subtasks": []string{"x"}}), "input.plan"},
	{"too many tool runs", `m($x: [ToolExecutionInput!]) { updateAgentState(input: {threadId: "a", toolCalls: $x}) { agentState { version } } }`, many(1001, object{"tool": "t", "parameters": 1}), "input.toolCalls"},
	{"tool without a name", `m($x: String!) { addToolCall(input: {threadId: "a", tool: $x, parameters: 1}) { toolCall { toolId } } }`, "", "input.tool"},
	{"no messages", `m($x: [MessageInput!]!) { addMessages(input: {threadId: "a", messages: $x}) { duplicate } }`, []object{}, "input.messages"},
	{"time of a plan", `m($x: [PlanInput!]) { updateAgentState(input: {threadId: "a", plan: $x}) { agentState { version } } }`, []object{{"subtasks": []string{"x"}, "createdAt": "2024-01-01"}}, "input.plan[0].createdAt"},

	// Types.
	{"enum unknown", `m($x: MessageType!) { addMessage(input: {threadId: "a", message: {type: $x, content: ""}}) { duplicate } }`, "ROBOT", "input.message.type"},
	{"enum in small letters", `m($x: MessageType!) { addMessage(input: {threadId: "a", message: {type: $x, content: ""}}) { duplicate } }`, "human", "input.message.type"},
	{"status in small letters", `m($x: ToolStatus) { addMessage(input: {threadId: "a", message: {type: TOOL, content: "", status: $x}}) { message { status } } }`, "success", "input.message.status"},
	{"types in small letters", `($x: [MessageType!]) { agentState(threadId: "a") { messages(types: $x) { nodes { seq } } } }`, []string{"human"}, "types[0]"},
	{"string for an Int", `m($x: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $x}) { ttl { ttlSeconds } } }`, "5", "input.ttlSeconds"},
	{"string for a Boolean", `m($x: Boolean!) { setRelevance(input: {threadId: "a", relevant: $x}) { agentState { version } } }`, "true", "input.relevant"},
	{"number for a Boolean", `m($x: Boolean!) { setRelevance(input: {threadId: "a", relevant: $x}) { agentState { version } } }`, 1, "input.relevant"},
	{"number for a String", `m($x: String!) { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`, 1, "input.context"},
	{"object for a String", `m($x: String!) { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`, object{}, "input.context"},
	{"null for what must be given", `m($x: String!) { setContext(input: {threadId: "a", context: $x}) { agentState { version } } }`, nil, "input.context"},
	{"null for JSON that must be given", `m($x: JSON!) { addToolCall(input: {threadId: "a", tool: "t", parameters: $x}) { toolCall { toolId } } }`, nil, "input.parameters"},
	{"field unknown", `m($x: SetContextInput!) { setContext(input: $x) { agentState { version } } }`, object{"threadId": "a", "context": "x", "contxt": "y"}, "input.contxt"},
	{"field missing", `m($x: SetContextInput!) { setContext(input: $x) { agentState { version } } }`, object{"threadId": "a"}, "input.context"},
	{"list for an object", `m($x: SetContextInput!) { setContext(input: $x) { agentState { version } } }`, []int{}, "input"},
	{"enum in a list", `m($x: MessageType!) { addMessages(input: {threadId: "a", messages: [{type: AI, content: ""}, {type: $x, content: ""}]}) { duplicate } }`, "human", "input.messages[1].type"},
	{"variable in a fragment", `($x: [MessageType!]) { agentState(threadId: "a") { ... { ...f } } } fragment f on AgentState { messages(types: $x) { nodes { seq } } }`, []string{"AI", "ai"}, "types[1]"},
	{"Int too large", `m($x: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $x}) { ttl { ttlSeconds } } }`, 1 << 31, "input.ttlSeconds"},
	{"Int with a fraction", `m($x: Int!) { extendTtl(input: {threadId: "a", ttlSeconds: $x}) { ttl { ttlSeconds } } }`, 1.5, "input.ttlSeconds"},
}

func many(n int, o object) []object {
	all := make([]object, n)
	for i := range all {
		all[i] = o
	}
	return all
}

// badMessages are refused by the field of MessageInput that is named.
var badMessages = map[string]struct {
	field string
	value any
	at    string
}{
	"content a number":              {"content", 5, "content"},
	"content an object":             {"content", object{"type": "text"}, "content"},
	"content a boolean":             {"content", true, "content"},
	"a number in the content":       {"content", []any{"x", 5}, "content[1]"},
	"a list in the content":         {"content", []any{[]any{}}, "content[0]"},
	"null in the content":           {"content", []any{nil}, "content[0]"},
	"metadata a list":               {"metadata", []any{}, "metadata"},
	"response metadata a number":    {"responseMetadata", 1, "responseMetadata"},
	"message id empty":              {"messageId", "", "messageId"},
	"message id too long":           {"messageId", strings.Repeat("x", 256), "messageId"},
	"message id with a line end":    {"messageId", "a\nb", "messageId"},
	"name empty":                    {"name", "", "name"},
	"tool call id empty":            {"toolCallId", "", "toolCallId"},
	"tokens negative":               {"usage", object{"inputTokens": -1, "outputTokens": 0, "totalTokens": 0}, "usage.inputTokens"},
	"too many tool calls":           {"toolCalls", many(129, object{"name": "n", "args": 1}), "toolCalls"},
	"tool call without a name":      {"toolCalls", []object{{"name": "", "args": 1}}, "toolCalls[0].name"},
	"tool call with an id too long": {"toolCalls", []object{{"name": "n", "args": 1, "id": strings.Repeat("x", 256)}}, "toolCalls[0].id"},
	"time without an offset":        {"timestamp", "2024-01-01T00:00:00", "timestamp"},
	"time that is none":             {"timestamp", "2024-02-30T00:00:00Z", "timestamp"},
	"time of the year 0":            {"timestamp", "0000-01-01T00:00:00Z", "timestamp"},
	"time that many take for none":  {"timestamp", "0001-01-01T00:00:00Z", "timestamp"},
	"time that is empty":            {"timestamp", "", "timestamp"},
	"content nested too deep":       {"content", []any{object{"x": nested(99)}}, "content"},
	"metadata nested too deep":      {"metadata", object{"x": nested(100)}, "metadata"},
}

// nested are so many lists, one in the other.
func nested(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat("[", depth) + strings.Repeat("]", depth))
}

// badIDs are refused wherever an id is given.
var badIDs = map[string]string{
	"empty": "", "256 bytes": strings.Repeat("x", 256), "256 bytes in runes": strings.Repeat("é", 128), "line end": "a\nb", "carriage return": "a\r",
	"tab": "\t", "NUL": "a\x00b", "escape": "\x1b[0m", "delete": "\x7f", "C1": "\u0085", "line separator": "a\u2028b", "paragraph separator": "\u2029",
}

// TestBadInput: each is refused by its code, names the argument, and has written nothing.
func TestBadInput(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", human("m1"))
		before := dump(t, s)
		refused := func(name, document string, variables vars, argument string) {
			data, errs, _ := s.Do(patient(t), document, variables)
			if !assert.NotEmpty(t, errs, "%s: %s", name, data) {
				return
			}
			assert.Equal(t, badUser, errs[0].Code(), "%s: %s", name, errs[0].Message)
			assert.Equal(t, argument, errs[0].Extensions["argument"], "%s: %s", name, errs[0].Message)
		}
		for _, c := range badInputs {
			document := strings.Replace("query"+c.document, "querym(", "mutation(", 1)
			refused(c.name, document, vars{"x": c.value}, c.argument)
		}
		for name, c := range badMessages {
			message := object{"type": "AI", "content": "x"}
			message[c.field] = c.value
			refused(name, `mutation($m: MessageInput!) { addMessage(input: {threadId: "a", message: $m}) { duplicate } }`,
				vars{"m": message}, "input.message."+c.at)
			refused(name, addMessages, vars{"input": object{"threadId": "a", "messages": []object{human("good"), message}}}, "input.messages[1]."+c.at)
			refused(name, `mutation($m: [MessageInput!]) { createAgentState(input: {messages: $m}) { agentState { version } } }`,
				vars{"m": []object{message}}, "input.messages[0]."+c.at)
		}
		for name, id := range badIDs {
			for document, argument := range map[string]string{
				`query($id: ID!) { agentState(threadId: $id) { version } }`:                                                                                        "threadId",
				`query($id: ID!) { agentStateExists(threadId: $id) }`:                                                                                              "threadId",
				`query($id: ID!) { agentStateTtl(threadId: $id) { ttlSeconds } }`:                                                                                  "threadId",
				`query($id: ID!) { message(threadId: $id, messageId: "m") { seq } }`:                                                                               "threadId",
				`query($id: ID!) { message(threadId: "a", messageId: $id) { seq } }`:                                                                               "messageId",
				`mutation($id: ID!) { createAgentState(input: {threadId: $id}) { agentState { version } } }`:                                                       "input.threadId",
				`mutation($id: ID!) { updateAgentState(input: {threadId: $id}) { agentState { version } } }`:                                                       "input.threadId",
				`mutation($id: ID!) { deleteAgentState(input: {threadId: $id}) { deletedThreadId } }`:                                                              "input.threadId",
				`mutation($id: ID!) { addMessage(input: {threadId: $id, createIfMissing: true, message: {type: AI, content: ""}}) { duplicate } }`:                 "input.threadId",
				`mutation($id: ID!) { addMessages(input: {threadId: $id, createIfMissing: true, messages: {type: AI, content: ""}}) { duplicate } }`:               "input.threadId",
				`mutation($id: ID!) { setContext(input: {threadId: $id, context: ""}) { agentState { version } } }`:                                                "input.threadId",
				`mutation($id: ID!) { setRelevance(input: {threadId: $id, relevant: true}) { agentState { version } } }`:                                           "input.threadId",
				`mutation($id: ID!) { addPlan(input: {threadId: $id, subtasks: ["x"]}) { plan { planId } } }`:                                                      "input.threadId",
				`mutation($id: ID!) { addToolCall(input: {threadId: $id, tool: "t", parameters: 1}) { toolCall { toolId } } }`:                                     "input.threadId",
				`mutation($id: ID!) { addToolCall(input: {threadId: "a", planId: $id, tool: "t", parameters: 1}) { toolCall { toolId } } }`:                        "input.planId",
				`mutation($id: ID!) { extendTtl(input: {threadId: $id, ttlSeconds: 1}) { ttl { ttlSeconds } } }`:                                                   "input.threadId",
				`mutation($id: ID!) { updateAgentState(input: {threadId: "a", plan: [{planId: $id, subtasks: ["x"]}]}) { agentState { version } } }`:               "input.plan[0].planId",
				`mutation($id: ID!) { updateAgentState(input: {threadId: "a", toolCalls: [{toolId: $id, tool: "t", parameters: 1}]}) { agentState { version } } }`: "input.toolCalls[0].toolId",
			} {
				refused(name+": "+document, document, vars{"id": id}, argument)
			}
		}
		unchanged(t, s, before, "refused")
	})
}

// TestBadBodies sends what is no request at all.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a", human("m1"))
	before := dump(t, s)
	mutation := func(value string) string {
		return `{"query": "mutation($x: JSON!) { addToolCall(input: {threadId: \"a\", tool: \"t\", parameters: $x}) { toolCall { toolId } } }", "variables": {"x": ` + value + `}}`
	}
	for name, body := range map[string]string{
		"invalid UTF-8":           mutation("\"\xff\""),
		"UTF-8 cut short":         mutation("\"\xe2\x82\""),
		"UTF-8 of a surrogate":    mutation("\"\xed\xa0\x80\""),
		"half a surrogate pair":   mutation(`"\ud83d"`),
		"nested 5000 deep":        mutation(string(nested(5000))),
		"nested 101 deep":         mutation(string(nested(101))),
		"a key twice":             mutation(`{"k": 1, "k": 2}`),
		"not JSON":                `query`,
		"cut off":                 mutation(`1`)[:40],
		"something behind":        mutation(`1`) + `{}`,
		"a batch":                 `[` + mutation(`1`) + `]`,
		"empty":                   ``,
		"no query":                `{}`,
		"query a number":          `{"query": 1}`,
		"variables a list":        `{"query": "{ agentStateCount }", "variables": []}`,
		"a number with a plus":    mutation(`+1`),
		"a number with no digits": mutation(`1.`),
	} {
		got := s.Send(t, http.MethodPost, "/graphql", body, "Content-Type", "application/json")
		errs := got.Errors(t)
		if assert.Len(t, errs, 1, "%s: %s", name, got.Body) {
			assert.Equal(t, badUser, errs[0].Code(), name)
		}
		assert.Less(t, got.Status, 500, name)
	}
	unchanged(t, s, before, "refused")
	// What is just within the bounds is taken.
	got := s.Send(t, http.MethodPost, "/graphql", mutation(string(nested(100))), "Content-Type", "application/json")
	assert.Empty(t, got.Errors(t))
	got = s.Send(t, http.MethodPost, "/graphql", fmt.Sprintf(`{"query": %q}`, `mutation { addToolCall(input: {threadId: "a", tool: "t", parameters: `+string(nested(101))+`}) { toolCall { toolId } } }`), "Content-Type", "application/json")
	if assert.Len(t, got.Errors(t), 1, "a literal nested 101 deep") {
		assert.Equal(t, badUser, got.Errors(t)[0].Code())
	}
}
