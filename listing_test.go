package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// threadList is a page of agentStates, idList one of threadIds.
type threadList struct {
	Nodes []thread
	Edges []struct {
		Cursor string
		Node   thread
	}
	PageInfo   pageInfo
	TotalCount int
}

type idList struct {
	Nodes []string
	Edges []struct{ Cursor, Node string }

	PageInfo   pageInfo
	TotalCount int
}

func (l threadList) ids() []string {
	ids := make([]string, len(l.Nodes))
	for i, n := range l.Nodes {
		ids[i] = n.ThreadID
	}
	return ids
}

// listed asks for a page of agentStates.
func listed(tb testing.TB, s *server, arguments string) threadList {
	tb.Helper()
	if arguments != "" {
		arguments = "(" + arguments + ")"
	}
	var got struct{ AgentStates threadList }
	s.Must(tb, `{ agentStates`+arguments+` {
		nodes { threadId lastUpdated } edges { cursor node { threadId } } pageInfo { ...info } totalCount
	} }`+pageInfoFragment, nil, &got)
	l := got.AgentStates
	for i, edge := range l.Edges {
		assert.Equal(tb, l.Nodes[i].ThreadID, edge.Node.ThreadID)
	}
	return l
}

// idsOf asks for a page of threadIds.
func idsOf(tb testing.TB, s *server, arguments string) idList {
	tb.Helper()
	if arguments != "" {
		arguments = "(" + arguments + ")"
	}
	var got struct{ ThreadIds idList }
	s.Must(tb, `{ threadIds`+arguments+` { nodes edges { cursor node } pageInfo { ...info } totalCount } }`+pageInfoFragment, nil, &got)
	for i, edge := range got.ThreadIds.Edges {
		assert.Equal(tb, got.ThreadIds.Nodes[i], edge.Node)
	}
	return got.ThreadIds
}

// createMany makes threads one after the other in a single document, and gives their ids in that order.
func createMany(tb testing.TB, s *server, format string, n int) []string {
	tb.Helper()
	ids := make([]string, n)
	var document strings.Builder
	for i := range ids {
		ids[i] = fmt.Sprintf(format, i)
		fmt.Fprintf(&document, "c%d: createAgentState(input: {threadId: %q}) { agentState { threadId } } ", i, ids[i])
	}
	s.Must(tb, `mutation { `+document.String()+` }`, nil, nil)
	return ids
}

func TestAgentStates(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		newest := createMany(t, s, "t%02d", 60)
		slices.Reverse(newest)

		all := listed(t, s, "")
		assert.Equal(t, newest[:50], all.ids(), "the newest 50 by default")
		assert.Equal(t, 60, all.TotalCount)
		assert.True(t, all.PageInfo.HasNextPage)
		assert.False(t, all.PageInfo.HasPreviousPage)
		for i := 1; i < len(all.Nodes); i++ {
			assert.False(t, all.Nodes[i].LastUpdated.After(all.Nodes[i-1].LastUpdated))
		}
		assert.Equal(t, all.Edges[0].Cursor, *all.PageInfo.StartCursor)
		assert.Equal(t, all.Edges[49].Cursor, *all.PageInfo.EndCursor)

		rest := listed(t, s, fmt.Sprintf("first: 1000, after: %q", *all.PageInfo.EndCursor))
		assert.Equal(t, newest[50:], rest.ids())
		assert.False(t, rest.PageInfo.HasNextPage)
		last := listed(t, s, "last: 7")
		assert.Equal(t, newest[53:], last.ids())
		assert.True(t, last.PageInfo.HasPreviousPage)
		before := listed(t, s, fmt.Sprintf("last: 20, before: %q", *last.PageInfo.StartCursor))
		assert.Equal(t, newest[33:53], before.ids())
		between := listed(t, s, fmt.Sprintf("first: 3, after: %q, before: %q", all.Edges[9].Cursor, all.Edges[12].Cursor))
		assert.Equal(t, newest[10:12], between.ids())

		// A thread that is written to comes first, in all lists that go by time.
		s.Must(t, `mutation { setRelevance(input: {threadId: "t07", relevant: true}) { agentState { version } } }`, nil, nil)
		assert.Equal(t, []string{"t07", "t59", "t58"}, listed(t, s, "first: 3").ids())
		var got struct{ Ten, Three []thread }
		s.Must(t, `{ ten: recentAgentStates { threadId relevant messages { totalCount } } three: recentAgentStates(limit: 3) { threadId } }`, nil, &got)
		assert.Equal(t, append([]string{"t07"}, newest[:9]...), threadList{Nodes: got.Ten}.ids())
		assert.True(t, got.Ten[0].Relevant)
		assert.Equal(t, []string{"t07", "t59", "t58"}, threadList{Nodes: got.Three}.ids())
	})
}

func TestAgentStatesByFilter(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		ids := createMany(t, s, "t%d", 6)
		times := make([]string, len(ids))
		for i, id := range ids {
			times[i] = read(t, s, id, `lastUpdated`).LastUpdated.Format(time.RFC3339Nano)
		}
		create(t, s, "other")
		for name, c := range map[string]struct {
			filter string
			want   []string
		}{
			"all":             {``, []string{"other", "t5", "t4", "t3", "t2", "t1", "t0"}},
			"pattern":         {`threadIdPattern: "t*"`, []string{"t5", "t4", "t3", "t2", "t1", "t0"}},
			"choice":          {`threadIdPattern: "?[1-3]"`, []string{"t3", "t2", "t1"}},
			"no match":        {`threadIdPattern: "x*"`, []string{}},
			"exactly":         {`threadIdPattern: "t4"`, []string{"t4"}},
			"after":           {fmt.Sprintf(`lastUpdatedAfter: %q`, times[3]), []string{"other", "t5", "t4"}},
			"before":          {fmt.Sprintf(`lastUpdatedBefore: %q`, times[2]), []string{"t1", "t0"}},
			"between":         {fmt.Sprintf(`lastUpdatedAfter: %q, lastUpdatedBefore: %q`, times[0], times[3]), []string{"t2", "t1"}},
			"all of them":     {fmt.Sprintf(`threadIdPattern: "*[35r]", lastUpdatedAfter: %q`, times[3]), []string{"other", "t5"}},
			"another offset":  {`lastUpdatedBefore: "2001-01-01T00:00:00+14:00"`, []string{}},
			"nothing between": {fmt.Sprintf(`lastUpdatedAfter: %q, lastUpdatedBefore: %q`, times[3], times[3]), []string{}},
		} {
			got := listed(t, s, `filter: {`+c.filter+`}`)
			assert.Equal(t, c.want, got.ids(), name)
			assert.Equal(t, len(c.want), got.TotalCount, name)
			// Page by page it is the same list, in both directions.
			var paged []string
			for arguments := ""; ; {
				p := listed(t, s, `filter: {`+c.filter+`}, first: 2`+arguments)
				paged = append(paged, p.ids()...)
				if !p.PageInfo.HasNextPage {
					break
				}
				arguments = fmt.Sprintf(", after: %q", *p.PageInfo.EndCursor)
			}
			assert.ElementsMatch(t, c.want, paged, name)
			backward := listed(t, s, `filter: {`+c.filter+`}, last: 2`).ids()
			assert.Equal(t, c.want[max(0, len(c.want)-2):], backward, name)
		}
	})
}

func TestThreadIds(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		ids := createMany(t, s, "t%02d", 55)
		page := idsOf(t, s, "")
		assert.Equal(t, ids[:50], page.Nodes, "the first 50 by default, in the order of their bytes")
		assert.Equal(t, 55, page.TotalCount)
		assert.True(t, page.PageInfo.HasNextPage)
		rest := idsOf(t, s, fmt.Sprintf(`pattern: "*", after: %q`, *page.PageInfo.EndCursor))
		assert.Equal(t, ids[50:], rest.Nodes)
		assert.False(t, rest.PageInfo.HasNextPage)

		for _, id := range []string{"Z", "a:b{c}*", "a?", "ä", "日本", `b\c`, "[x]"} {
			create(t, s, id)
		}
		for pattern, want := range map[string][]string{
			"t5?":      ids[50:],
			"t[0-1]0":  {"t00", "t10"},
			"t1[^1-9]": {"t10"},
			`a\?`:      {"a?"},
			"a?":       {"a?"},
			`a:b{c}\*`: {"a:b{c}*"},
			"?":        {"Z", "ä"},
			"??":       {"a?", "日本"},
			`b\\c`:     {`b\c`},
			`\[x\]`:    {"[x]"},
			"x":        {},
			"*:*":      {"a:b{c}*"},
			"[Zä]":     {"Z", "ä"},
		} {
			got := idsOf(t, s, fmt.Sprintf("pattern: %q", pattern))
			assert.Equal(t, want, got.Nodes, pattern)
			assert.Equal(t, len(want), got.TotalCount, pattern)
		}
		var count struct{ AgentStateCount int }
		s.Must(t, `{ agentStateCount }`, nil, &count)
		assert.Equal(t, 62, count.AgentStateCount)
	})
}

// TestCursorsOfListsStayValid: what comes and goes elsewhere in the list neither hides an entry nor shows one twice.
func TestCursorsOfListsStayValid(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		ids := createMany(t, s, "t%d", 6)
		first := idsOf(t, s, "first: 2")
		create(t, s, "t00") // sorts ahead of the cursor
		create(t, s, "t11") // and this behind it
		drop(t, s, "t1")    // the one at the cursor
		assert.Equal(t, []string{"t11", "t2", "t3", "t4", "t5"}, idsOf(t, s, fmt.Sprintf("after: %q", *first.PageInfo.EndCursor)).Nodes)

		newest := listed(t, s, "first: 3")
		require.Equal(t, []string{"t11", "t00", "t5"}, newest.ids())
		drop(t, s, "t5")
		assert.Equal(t, []string{"t4", "t3", "t2", ids[0]}, listed(t, s, fmt.Sprintf("after: %q", *newest.PageInfo.EndCursor)).ids())
	})
}
