package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const pageSelection = `{ nodes { seq } edges { cursor node { seq } } pageInfo { ...info } totalCount }`

// TestPagesOfMessages asks a thread of six messages for every page that there is, and compares with what the list itself says.
func TestPagesOfMessages(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const n = 6
		stored := create(t, s, "a", numbered(1, n)...).Messages.Nodes
		var asked []asking
		for after := range n + 1 { // 0 is none
			for before := range n + 1 {
				for size := range n + 2 {
					asked = append(asked, asking{after: after, before: before, first: size}, asking{after: after, before: before, last: size})
				}
			}
		}
		const perDocument = 30 // a document has a limit
		for len(asked) > 0 {
			some := asked[:min(perDocument, len(asked))]
			asked = asked[len(some):]
			var document strings.Builder
			for i, a := range some {
				fmt.Fprintf(&document, "p%d: messages(%s) %s ", i, a.arguments(stored), pageSelection)
			}
			var got struct{ AgentState map[string]page }
			s.Must(t, `{ agentState(threadId: "a") { `+document.String()+` } }`+pageInfoFragment, nil, &got)
			for i, a := range some {
				a.check(t, n, got.AgentState[fmt.Sprintf("p%d", i)], stored)
			}
		}
	})
}

// asking is what a page is asked for by; 0 is left out.
type asking struct{ after, before, first, last int }

func (a asking) arguments(stored []message) string {
	text := "types: null"
	if a.after > 0 {
		text += fmt.Sprintf(", after: %q", stored[a.after-1].Cursor)
	}
	if a.before > 0 {
		text += fmt.Sprintf(", before: %q", stored[a.before-1].Cursor)
	}
	if a.first > 0 {
		text += fmt.Sprintf(", first: %d", a.first)
	}
	if a.last > 0 {
		text += fmt.Sprintf(", last: %d", a.last)
	}
	return text
}

// check compares a page with the one that the list of 1 to n gives. The flags tell whether the list goes on on either side.
func (a asking) check(tb testing.TB, n int, got page, stored []message) {
	tb.Helper()
	low, high := a.after+1, n
	if a.before > 0 {
		high = a.before - 1
	}
	if a.first > 0 {
		high = min(high, low+a.first-1)
	}
	if a.last > 0 {
		low = max(low, high-a.last+1)
	}
	want := upTo(low, high)
	require.Equal(tb, want, seqs(got.Nodes), "%+v", a)
	assert.Equal(tb, n, got.TotalCount)
	require.Len(tb, got.Edges, len(want))
	for i, edge := range got.Edges {
		assert.Equal(tb, want[i], edge.Node.Seq)
		assert.Equal(tb, stored[want[i]-1].Cursor, edge.Cursor)
	}
	if len(want) == 0 {
		assert.Nil(tb, got.PageInfo.StartCursor, "%+v", a)
		assert.Nil(tb, got.PageInfo.EndCursor, "%+v", a)
		return
	}
	assert.Equal(tb, pageInfo{
		HasPreviousPage: low > 1, HasNextPage: high < n,
		StartCursor: &stored[low-1].Cursor, EndCursor: &stored[high-1].Cursor,
	}, got.PageInfo, "%+v", a)
}

// TestDefaultPageIsTheLast50 also walks a thread in both directions by the cursors of its pages.
func TestDefaultPageIsTheLast50(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a", numbered(1, 120)...)
		got := read(t, s, "a", `messages { nodes { seq } pageInfo { hasPreviousPage hasNextPage startCursor } totalCount }`).Messages
		assert.Equal(t, upTo(71, 120), seqs(got.Nodes))
		assert.True(t, got.PageInfo.HasPreviousPage)
		assert.False(t, got.PageInfo.HasNextPage)
		assert.Equal(t, 120, got.TotalCount)

		var back, forth []int
		for p := got; ; {
			back = append(seqs(p.Nodes), back...)
			if !p.PageInfo.HasPreviousPage {
				break
			}
			p = read(t, s, "a", fmt.Sprintf(`messages(before: %q) { nodes { seq } pageInfo { hasPreviousPage startCursor } }`, *p.PageInfo.StartCursor)).Messages
		}
		assert.Equal(t, upTo(1, 120), back)
		arguments := "first: 50"
		for {
			p := read(t, s, "a", `messages(`+arguments+`) { nodes { seq } pageInfo { hasNextPage endCursor } }`).Messages
			forth = append(forth, seqs(p.Nodes)...)
			if !p.PageInfo.HasNextPage {
				break
			}
			arguments = fmt.Sprintf("first: 50, after: %q", *p.PageInfo.EndCursor)
		}
		assert.Equal(t, upTo(1, 120), forth)
	})
}

func TestCursorStaysValidWhileMessagesArrive(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		cursor := create(t, s, "a", numbered(1, 3)...).Messages.Nodes[1].Cursor
		add(t, s, "a", numbered(4, 100)...)
		got := read(t, s, "a", fmt.Sprintf(`messages(first: 1000, after: %q) { nodes { seq } }`, cursor))
		assert.Equal(t, upTo(3, 103), seqs(got.Messages.Nodes))
		got = read(t, s, "a", fmt.Sprintf(`messages(first: 1000, before: %q) { nodes { seq } }`, cursor))
		assert.Equal(t, []int{1}, seqs(got.Messages.Nodes))
	})
}

// TestMessagesByType filters a thread in which the types take turns.
func TestMessagesByType(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		types := []string{"HUMAN", "AI", "SYSTEM", "TOOL", "FUNCTION", "CHAT", "OTHER"}
		var messages []object
		for i := range 4 * len(types) {
			messages = append(messages, object{"type": types[i%len(types)], "content": "x"})
		}
		stored := create(t, s, "a", messages...).Messages.Nodes
		for i, name := range types {
			got := read(t, s, "a", `messages(types: [`+name+`]) { nodes { seq type } totalCount }`)
			assert.Equal(t, []int{i + 1, i + 8, i + 15, i + 22}, seqs(got.Messages.Nodes), name)
			assert.Equal(t, 4, got.Messages.TotalCount)
			for _, m := range got.Messages.Nodes {
				assert.Equal(t, name, m.Type)
			}
		}
		got := read(t, s, "a", `messages(types: [AI, HUMAN, AI], first: 3) { nodes { seq } pageInfo { hasNextPage hasPreviousPage } totalCount }`)
		assert.Equal(t, []int{1, 2, 8}, seqs(got.Messages.Nodes))
		assert.Equal(t, 8, got.Messages.TotalCount, "of these types")
		assert.Equal(t, pageInfo{HasNextPage: true}, got.Messages.PageInfo)
		got = read(t, s, "a", fmt.Sprintf(`messages(types: HUMAN, last: 2, before: %q) { nodes { seq } pageInfo { hasPreviousPage } }`, stored[21].Cursor))
		assert.Equal(t, []int{8, 15}, seqs(got.Messages.Nodes))
		assert.True(t, got.Messages.PageInfo.HasPreviousPage)
		got = read(t, s, "a", fmt.Sprintf(`messages(types: [TOOL, CHAT], first: 1000, after: %q) { nodes { seq } pageInfo { hasNextPage } }`, stored[10].Cursor))
		assert.Equal(t, []int{13, 18, 20, 25, 27}, seqs(got.Messages.Nodes))
		assert.False(t, got.Messages.PageInfo.HasNextPage)
		assert.Equal(t, map[string]int{"total": 28, "human": 4, "ai": 4, "system": 4, "tool": 4, "other": 12},
			read(t, s, "a", `messageCounts { total human ai system tool other }`).MessageCounts)
	})
}

func TestThreadWithoutMessages(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		create(t, s, "a")
		for _, arguments := range []string{"", "(first: 1)", "(last: 1000)", "(types: [AI])"} {
			got := read(t, s, "a", `messages`+arguments+` { nodes { seq } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount }`)
			assert.Empty(t, got.Messages.Nodes)
			assert.NotNil(t, got.Messages.Nodes, "a list is a list, not null")
			assert.NotNil(t, got.Messages.Edges)
			assert.Zero(t, got.Messages.PageInfo)
			assert.Zero(t, got.Messages.TotalCount)
		}
	})
}
