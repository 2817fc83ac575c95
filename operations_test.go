package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"agentstate/internal/gqltest"
)

const (
	messageFragment = ` fragment message on Message {
		id threadId messageId seq cursor type content text name toolCalls { id name args } toolCallId status metadata
		responseMetadata usage { inputTokens outputTokens totalTokens } timestamp
	} `
	pageInfoFragment = ` fragment info on PageInfo { hasNextPage hasPreviousPage startCursor endCursor } `
	stateFragment    = ` fragment state on AgentState {
		id threadId version
		messages { edges { cursor node { ...message } } nodes { ...message } pageInfo { ...info } totalCount }
		pendingToolCalls { id name args messageId seq } messageCursor changeCursor
		messageCounts { total human ai system tool other }
		context relevant plan { planId subtasks createdAt }
		toolCalls { toolId planId tool parameters toolResponse createdAt }
		metadata createdAt lastUpdated ttlSeconds expiresAt
	} ` + messageFragment + pageInfoFragment
)

// operation is a root field, with a document that asks for all that it can give.
type operation struct {
	field, document string
	variables       vars
}

// mutation is an operation by the rule of all mutations: one input in, a payload out.
func mutation(field, payload string, input object) operation {
	document := `mutation($input: ` + strings.ToUpper(field[:1]) + field[1:] + `Input!) { ` + field + `(input: $input) { ` + payload + ` } }`
	if strings.Contains(payload, "...state") {
		document += stateFragment
	}
	return operation{field, document, vars{"input": input}}
}

// fullMessage has a value in every field.
var fullMessage = object{
	"messageId": "m1", "type": "TOOL", "content": []any{"a", object{"type": "text", "text": "b"}}, "name": "n",
	"toolCalls":  []object{{"id": "c1", "name": "search", "args": object{"q": 1}}, {"name": "idless", "args": []any{nil, []any{}}}},
	"toolCallId": "c0", "status": "SUCCESS", "metadata": object{"k": 1}, "responseMetadata": object{"r": true},
	"usage":     object{"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
	"timestamp": "2024-02-29T23:59:59.1234567+01:00",
}

const someTime = "2024-01-01T00:00:00Z"

// operations are all queries and mutations. They run in this order.
var operations = []operation{
	mutation("createAgentState", `agentState { ...state }`, object{
		"threadId": "all", "ttlSeconds": 1000, "context": "c", "relevant": true, "metadata": object{"title": "t"},
		"messages": []object{fullMessage},
	}),
	mutation("updateAgentState", `agentState { ...state }`, object{
		"threadId": "all", "expectedVersion": 1, "context": "d", "relevant": false, "metadata": object{"n": 1}, "ttlSeconds": 900,
		"plan": []object{{"planId": "p", "subtasks": []string{"x", "y"}, "createdAt": someTime}},
		"toolCalls": []object{
			{"toolId": "r", "planId": "p", "tool": "t", "parameters": 1, "toolResponse": "ok", "createdAt": someTime},
		},
	}),
	mutation("addMessage", `message { ...message } duplicate agentState { ...state }`, object{
		"threadId": "all", "message": human("m2"), "createIfMissing": true, "expectedVersion": 2,
	}),
	mutation("addMessages", `messages { ...message } duplicate duplicates agentState { ...state }`, object{
		"threadId": "all", "messages": numbered(3, 2), "createIfMissing": false, "expectedVersion": 3,
	}),
	mutation("setContext", `agentState { ...state }`, object{"threadId": "all", "context": "e", "expectedVersion": 4}),
	mutation("setRelevance", `agentState { ...state }`, object{"threadId": "all", "relevant": true, "expectedVersion": 5}),
	mutation("addPlan", `plan { planId subtasks createdAt } agentState { ...state }`, object{
		"threadId": "all", "subtasks": []string{"z"}, "expectedVersion": 6,
	}),
	mutation("addToolCall", `toolCall { toolId planId tool parameters toolResponse createdAt } agentState { ...state }`, object{
		"threadId": "all", "planId": "p", "tool": "t", "parameters": object{}, "toolResponse": []int{1}, "expectedVersion": 7,
	}),
	mutation("addLangChainMessages", `messages { ...message } duplicates agentState { ...state langChainMessages(format: FLAT, first: 1) }`, object{
		"threadId": "all", "messages": []any{object{"role": "user", "content": "hi"}}, "createIfMissing": true, "expectedVersion": 8,
		"reducer": "ADD_MESSAGES",
	}),
	mutation("updateMessage", `message { ...message } agentState { ...state }`, object{
		"threadId": "all", "messageId": "m1", "expectedVersion": 9, "content": "new", "name": "x", "toolCallId": "c", "status": "ERROR",
		"toolCalls": []object{{"id": "c2", "name": "search", "args": object{}}}, "metadata": object{}, "responseMetadata": object{"a": 1},
		"usage": object{"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
	}),
	mutation("deleteMessage", `deletedMessageId agentState { ...state }`, object{"threadId": "all", "messageId": "m2", "expectedVersion": 10}),
	mutation("truncateMessages", `deletedCount agentState { ...state }`, object{"threadId": "all", "afterSeq": 3, "expectedVersion": 11}),
	mutation("forkAgentState", `agentState { ...state }`, object{
		"threadId": "all", "upToSeq": 2, "newThreadId": "fork", "ttlSeconds": 60, "metadata": object{"a": 1},
	}),
	mutation("extendTtl", `ttl { ttlSeconds expiresAt }`, object{"threadId": "all", "ttlSeconds": 5000}),
	{"agentState", `query($id: ID!) { agentState(threadId: $id) { ...state } }` + stateFragment, vars{"id": "all"}},
	{"agentStateExists", `query($id: ID!) { agentStateExists(threadId: $id) }`, vars{"id": "all"}},
	{"agentStateTtl", `query($id: ID!) { agentStateTtl(threadId: $id) { ttlSeconds expiresAt } }`, vars{"id": "all"}},
	{"agentStates", agentStatesQuery, vars{"filter": object{
		"threadIdPattern": "a*", "lastUpdatedAfter": someTime, "lastUpdatedBefore": "9999-01-01T00:00:00Z",
	}}},
	{"recentAgentStates", `{ recentAgentStates { ...state } }` + stateFragment, nil},
	{"threadIds", `{ threadIds { edges { cursor node } nodes pageInfo { ...info } totalCount } }` + pageInfoFragment, nil},
	{"agentStateCount", `{ agentStateCount }`, nil},
	{"message", `query($id: ID!) { message(threadId: $id, messageId: "m1") { ...message } }` + messageFragment, vars{"id": "all"}},
	{"health", `{ health { status service version environment hostname uptime timestamp redis {
		status mode redisVersion connectedClients usedMemoryHuman keyspace latencyMs error warnings
	} } }`, nil},
	mutation("cleanupExpired", `deletedCount threadIds maxAgeDays dryRun`, object{"maxAgeDays": 0, "dryRun": true}),
	mutation("deleteAgentState", `deletedThreadId`, object{"threadId": "all", "expectedVersion": 12}),
}

const agentStatesQuery = `query($filter: AgentStateFilter) { agentStates(filter: $filter) {
	edges { cursor node { ...state } } nodes { ...state } pageInfo { ...info } totalCount
} }` + stateFragment

// subscriptions are the fields of Subscription.
var subscriptions = []operation{
	{"messageAdded", `subscription($id: ID!, $after: String) { messageAdded(threadId: $id, after: $after) { ...message } }` + messageFragment, nil},
	{"messageChanged", `subscription($id: ID!, $after: String) { messageChanged(threadId: $id, after: $after) {
		kind threadId messageId seq throughSeq message { ...message } version timestamp cursor
	} }` + messageFragment, nil},
	{"agentStateChanged", `subscription($id: ID!) { agentStateChanged(threadId: $id) { kind version agentState { ...state } } }` + stateFragment, nil},
}

func loadSchema(tb testing.TB) *ast.Schema {
	tb.Helper()
	text, err := os.ReadFile("schema.graphqls")
	require.NoError(tb, err)
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	require.NoError(tb, err)
	return schema
}

// TestEveryOperation sends each query and mutation once, and looks at the form of every value that comes back.
func TestEveryOperation(t *testing.T) {
	schema := loadSchema(t)
	onEngines(t, func(t *testing.T, s *server) {
		for _, o := range operations {
			var data json.RawMessage
			s.Must(t, o.document, o.variables, &data)
			conforms(t, schema, o.document, data)
		}
	})
}

func TestEverySubscription(t *testing.T) {
	schema := loadSchema(t)
	onEngines(t, func(t *testing.T, s *server) {
		for _, transport := range gqltest.Transports {
			created := create(t, s, transport.Name, human("m0"), human("m1"))
			for _, o := range subscriptions {
				after := created.Messages.Nodes[0].Cursor
				if o.field == "messageChanged" {
					after = created.ChangeCursor
				}
				stream := transport.Subscribe(t, s.Client, o.document, vars{"id": transport.Name, "after": after})
				e, ok := stream.Within(0)
				for !ok { // until the server listens, a change makes no event
					s.Must(t, `mutation($id: ID!) { updateMessage(input: {threadId: $id, messageId: "m0", content: "x"}) { message { seq } }
						setContext(input: {threadId: $id, context: ""}) { agentState { version } } }`, vars{"id": transport.Name}, nil)
					e, ok = stream.Within(probe)
				}
				require.Empty(t, e.Errors)
				conforms(t, schema, o.document, e.Data)
				stream.Close()
			}
		}
	})
}

// TestOperationsAreComplete holds the lists above against the schema: every root field, and every field of every type.
func TestOperationsAreComplete(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	named, selected := []string{}, map[string]bool{}
	for _, o := range slices.Concat(operations, subscriptions) {
		named = append(named, o.field)
		doc := parsed(t, schema, o.document)
		root := doc.Operations[0].SelectionSet[0].(*ast.Field)
		assert.Equal(t, o.field, root.Name)
		walkFields(doc.Operations[0].SelectionSet, func(f *ast.Field) { selected[f.ObjectDefinition.Name+"."+f.Name] = true })
	}
	for name, definition := range schema.Types {
		if definition.BuiltIn || definition.Kind != ast.Object {
			continue
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			assert.True(t, selected[name+"."+field.Name], "no operation of the tests selects %s.%s", name, field.Name)
			if definition == schema.Query || definition == schema.Mutation || definition == schema.Subscription {
				assert.Contains(t, named, field.Name, "the tests do not send %s.%s", name, field.Name)
			}
		}
	}
}

// TestInputsAreComplete holds what the operations give against the schema: every field of every input type.
func TestInputsAreComplete(t *testing.T) {
	t.Parallel()
	schema := loadSchema(t)
	given := map[string]bool{}
	for _, o := range operations {
		field := schema.Mutation.Fields.ForName(o.field)
		if field == nil {
			field = schema.Query.Fields.ForName(o.field)
		}
		for _, argument := range field.Arguments {
			noteInputs(schema, argument.Type, o.variables[argument.Name], given)
		}
	}
	for name, definition := range schema.Types {
		for _, field := range definition.Fields {
			assert.True(t, definition.Kind != ast.InputObject || given[name+"."+field.Name], "the tests do not give %s.%s", name, field.Name)
		}
	}
}

// noteInputs notes the input fields that a value gives.
func noteInputs(schema *ast.Schema, of *ast.Type, value any, given map[string]bool) {
	definition := schema.Types[of.Name()]
	switch value := value.(type) {
	case object:
		for _, field := range definition.Fields {
			if v, ok := value[field.Name]; ok {
				given[definition.Name+"."+field.Name] = true
				noteInputs(schema, field.Type, v, given)
			}
		}
	case []object:
		for _, v := range value {
			noteInputs(schema, of, v, given)
		}
	}
}
