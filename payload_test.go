package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBadPayloadArgumentsWriteNothing: a mutation whose answer cannot be given must not happen.
func TestBadPayloadArgumentsWriteNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a")
	for _, messages := range []string{"first: 0", `after: "zz"`, `before: "zz"`, "first: 1, last: 1"} {
		for _, mutation := range []string{
			`addMessage(input: {threadId: "a", message: {type: AI, content: "x"}})`, `setContext(input: {threadId: "a", context: "x"})`,
			`createAgentState(input: {threadId: "b"})`,
		} {
			_, errs, _ := s.Do(patient(t), `mutation { `+mutation+` { agentState { messages(`+messages+`) { totalCount } } } }`, nil)
			require.Len(t, errs, 1, mutation)
			assert.Equal(t, badUser, errs[0].Code())
		}
	}
	assert.Equal(t, 1, read(t, s, "a", `version`).Version)
	assert.Len(t, idsOf(t, s, "").Nodes, 1)
}

// TestAnEmptyObjectIsNoOtherContent than none.
func TestAnEmptyObjectIsNoOtherContent(t *testing.T) {
	t.Parallel()
	s := start(t)
	create(t, s, "a")
	for _, more := range []string{"", ", metadata: {}", ", responseMetadata: {}"} {
		s.Must(t, `mutation { addMessage(input: {threadId: "a", message: {messageId: "m", type: AI, content: "x"`+more+`}}) { duplicate } }`, nil, nil)
	}
	assert.Equal(t, 2, read(t, s, "a", `version`).Version)
}
