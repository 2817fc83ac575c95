package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSelections asks for a thread in all the ways in which GraphQL lets one ask. What is read from Redis depends on what is
// selected, so a selection that is overlooked shows as something that is missing.
func TestSelections(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		s.Must(t, `mutation { createAgentState(input: {threadId: "a", context: "ctx", metadata: {k: 1}, messages: [
			{messageId: "m1", type: HUMAN, content: "one"} {messageId: "m2", type: AI, content: "two"} {messageId: "m3", type: HUMAN, content: "three"}
		]}) { agentState { version } } }`, nil, nil)
		for name, c := range map[string]struct {
			document  string
			variables vars
			want      string
		}{
			"two aliases of messages": {
				`{ agentState(threadId: "a") { old: messages(first: 1) { nodes { messageId } } new: messages(last: 1) { nodes { messageId } } messages { totalCount } } }`,
				nil,
				`{"agentState": {"old": {"nodes": [{"messageId": "m1"}]}, "new": {"nodes": [{"messageId": "m3"}]}, "messages": {"totalCount": 3}}}`,
			},
			"two aliases of the thread": {
				`{ x: agentState(threadId: "a") { context } y: agentState(threadId: "a") { metadata messages(types: AI) { nodes { text } } } z: agentState(threadId: "b") { context } }`,
				nil,
				`{"x": {"context": "ctx"}, "y": {"metadata": {"k": 1}, "messages": {"nodes": [{"text": "two"}]}}, "z": null}`,
			},
			"an alias of each field": {
				`{ s: agentState(threadId: "a") { c: context m: metadata n: messages(last: 1) { e: edges { o: node { t: text } } i: pageInfo { p: hasPreviousPage } } } }`,
				nil,
				`{"s": {"c": "ctx", "m": {"k": 1}, "n": {"e": [{"o": {"t": "three"}}], "i": {"p": true}}}}`,
			},
			"fragments in fragments": {
				`{ agentState(threadId: "a") { ...outer } }
				fragment outer on AgentState { ...inner messages(first: 2) { ...page } }
				fragment inner on AgentState { context messages(first: 2) { totalCount } }
				fragment page on MessageConnection { nodes { ...on Message { text } } }`,
				nil,
				`{"agentState": {"context": "ctx", "messages": {"totalCount": 3, "nodes": [{"text": "one"}, {"text": "two"}]}}}`,
			},
			"inline fragments": {
				`{ agentState(threadId: "a") { ... { context } ... on AgentState { metadata ... @include(if: true) { relevant } } } }`,
				nil,
				`{"agentState": {"context": "ctx", "metadata": {"k": 1}, "relevant": false}}`,
			},
			"included by a variable": {
				`query($yes: Boolean!, $no: Boolean!) { agentState(threadId: "a") {
					context @include(if: $yes) metadata @include(if: $no)
					messages(last: 1) @skip(if: $no) { nodes { text } } skipped: messages(first: 1) @skip(if: $yes) { nodes { text } } } }`,
				vars{"yes": true, "no": false},
				`{"agentState": {"context": "ctx", "messages": {"nodes": [{"text": "three"}]}}}`,
			},
			"a thread that is skipped": {
				`query($no: Boolean!) { agentState(threadId: "a") @include(if: $no) { context } ...more @skip(if: $no) } fragment more on Query { agentStateCount }`,
				vars{"no": false},
				`{"agentStateCount": 1}`,
			},
			"arguments in variables": {
				`query($n: Int, $types: [MessageType!], $after: String) { agentState(threadId: "a") { messages(first: $n, types: $types, after: $after) { nodes { text } } } }`,
				vars{"n": 1, "types": []string{"AI", "SYSTEM"}},
				`{"agentState": {"messages": {"nodes": [{"text": "two"}]}}}`,
			},
			"one value for a list": {
				`query($t: [MessageType!]) { agentState(threadId: "a") { messages(types: $t) { nodes { text } } } }`,
				vars{"t": "HUMAN"},
				`{"agentState": {"messages": {"nodes": [{"text": "one"}, {"text": "three"}]}}}`,
			},
			"defaults of variables": {
				`query($n: Int = 2, $t: [MessageType!] = [HUMAN]) { agentState(threadId: "a") { messages(last: $n, types: $t) { nodes { text } } } }`,
				nil,
				`{"agentState": {"messages": {"nodes": [{"text": "one"}, {"text": "three"}]}}}`,
			},
			"nulls for arguments": {
				`query($n: Int) { agentState(threadId: "a") { messages(first: $n, last: null, after: null, before: null, types: null) { totalCount nodes { seq } } } }`,
				vars{"n": nil},
				`{"agentState": {"messages": {"totalCount": 3, "nodes": [{"seq": 1}, {"seq": 2}, {"seq": 3}]}}}`,
			},
			"names of types": {
				`{ __typename agentState(threadId: "a") { __typename messages(last: 1) { __typename nodes { __typename } edges { __typename } pageInfo { __typename } } } }`,
				nil,
				`{"__typename": "Query", "agentState": {"__typename": "AgentState", "messages": {"__typename": "MessageConnection",
					"nodes": [{"__typename": "Message"}], "edges": [{"__typename": "MessageEdge"}], "pageInfo": {"__typename": "PageInfo"}}}}`,
			},
			"nothing but a name": {
				`{ agentState(threadId: "a") { __typename } agentStates { __typename } threadIds { __typename } }`,
				nil,
				`{"agentState": {"__typename": "AgentState"}, "agentStates": {"__typename": "AgentStateConnection"}, "threadIds": {"__typename": "ThreadIdConnection"}}`,
			},
			"one of nodes and edges in a list": {
				`{ agentStates { nodes { context } edges { node { metadata messages(last: 1) { nodes { text } } } } } n: agentStates { totalCount } c: agentStates { edges { node { __typename } } } }`,
				nil,
				`{"agentStates": {"nodes": [{"context": "ctx"}], "edges": [{"node": {"metadata": {"k": 1}, "messages": {"nodes": [{"text": "three"}]}}}]},
					"n": {"totalCount": 1}, "c": {"edges": [{"node": {"__typename": "AgentState"}}]}}`,
			},
			"aliases in recent": {
				`{ recentAgentStates { a: messages(first: 1) { nodes { text } } b: messages(types: [AI]) { totalCount } metadata } }`,
				nil,
				`{"recentAgentStates": [{"a": {"nodes": [{"text": "one"}]}, "b": {"totalCount": 1}, "metadata": {"k": 1}}]}`,
			},
			"a field twice": {
				`{ agentState(threadId: "a") { context context messages(last: 1) { nodes { text } } messages(last: 1) { nodes { seq } totalCount } } }`,
				nil,
				`{"agentState": {"context": "ctx", "messages": {"nodes": [{"text": "three", "seq": 3}], "totalCount": 3}}}`,
			},
		} {
			t.Run(name, func(t *testing.T) {
				var got json.RawMessage
				s.Must(t, c.document, c.variables, &got)
				assert.JSONEq(t, c.want, string(got))
			})
		}
	})
}

// TestSelectionsOfPayloads does the same for the thread that a mutation gives: it is read together with the write.
func TestSelectionsOfPayloads(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		var got json.RawMessage
		s.Must(t, `mutation($yes: Boolean!) {
			c: createAgentState(input: {threadId: "a", context: "ctx", metadata: {k: 1}, messages: [{messageId: "m1", type: AI, content: "one"}]}) {
				agentState { context } again: agentState { metadata messages { nodes { text } } }
			}
			m: addMessage(input: {threadId: "a", message: {messageId: "m2", type: HUMAN, content: "two"}}) {
				agentState { ...pages } duplicate @skip(if: $yes) message @include(if: $yes) { text }
			}
			u: updateAgentState(input: {threadId: "a", relevant: true}) { agentState { relevant context @skip(if: $yes) ...pages } }
			p: addPlan(input: {threadId: "a", subtasks: ["x"]}) { plan { subtasks } }
			d: addMessage(input: {threadId: "a", message: {messageId: "m2", type: HUMAN, content: "two"}}) {
				duplicate message { seq } agentState { plan { subtasks } ...pages }
			}
		}
		fragment pages on AgentState { first: messages(first: 1) { nodes { text } } humans: messages(types: HUMAN) { nodes { text } totalCount } }`,
			vars{"yes": true}, &got)
		pages := `"first": {"nodes": [{"text": "one"}]}, "humans": {"nodes": [{"text": "two"}], "totalCount": 1}`
		assert.JSONEq(t, `{
			"c": {"agentState": {"context": "ctx"}, "again": {"metadata": {"k": 1}, "messages": {"nodes": [{"text": "one"}]}}},
			"m": {"agentState": {`+pages+`}, "message": {"text": "two"}},
			"u": {"agentState": {"relevant": true, `+pages+`}},
			"p": {"plan": {"subtasks": ["x"]}},
			"d": {"duplicate": true, "message": {"seq": 2}, "agentState": {"plan": [{"subtasks": ["x"]}], `+pages+`}}
		}`, string(got))
	})
}
