package resolver

import (
	"context"
	"slices"

	"agentstate/graph"
	"agentstate/store"
)

// rangeOf checks the arguments of a connection. With neither first nor last it takes the default: the last ones where
// fromEnd is set, the first ones otherwise.
func rangeOf(first *int, after *string, last *int, before *string, fromEnd bool) (store.Range, error) {
	if first != nil && last != nil {
		return store.Range{}, badInput("last", "Give first or last, not both")
	}
	var r store.Range
	var err error
	switch {
	case first != nil:
		r.First, err = *first, checkRange("first", *first, 1, maxPageSize)
	case last != nil:
		r.Last, err = *last, checkRange("last", *last, 1, maxPageSize)
	case fromEnd:
		r.Last = defaultPageSize
	default:
		r.First = defaultPageSize
	}
	if after != nil {
		r.After = *after
	}
	if before != nil {
		r.Before = *before
	}
	return r, firstError(err, checkGivenCursor("after", after), checkGivenCursor("before", before))
}

// checkGivenCursor refuses an empty cursor, which the store would take for none, and one longer than any that it makes.
func checkGivenCursor(argument string, cursor *string) error {
	if cursor != nil && (*cursor == "" || len(*cursor) > maxCursorBytes) {
		return badInput(argument, "Give %s a cursor of this list as it was received, or leave it out", argument)
	}
	return nil
}

// messagesKey checks the arguments of AgentState.messages and gives the page that they name. countOnly says that nothing of it is
// selected but its totalCount.
func messagesKey(
	countOnly bool, first *int, after *string, last *int, before *string, types []store.MessageType, whole bool,
) (store.PageKey, error) {
	r, err := rangeOf(first, after, last, before, true)
	if err != nil {
		return store.PageKey{}, err
	}
	if types != nil && (len(types) == 0 || len(types) > len(messageTypes)) {
		return store.PageKey{}, badInput("types", "Give types 1 to %d message types, not %d", len(messageTypes), len(types))
	}
	for _, t := range types {
		if !slices.Contains(messageTypes, t) { // a null in the list
			return store.PageKey{}, badInput("types", "Give types message types, not %q", t)
		}
	}
	if whole && types != nil {
		return store.PageKey{}, badInput("wholeToolCalls", "Give wholeToolCalls or types, not both")
	}
	key := store.MessagesOf(r, types)
	key.Whole, key.CountOnly = whole && !countOnly, countOnly
	return key, nil
}

var messageTypes = []store.MessageType{
	store.Human, store.AI, store.System, store.Tool, store.Function, store.Chat, store.Other,
}

// messagesOf gives a page of a thread's messages: the one that was read with the thread, or else, at the cost of a round
// trip, one that is read now.
func (r *Resolver) messagesOf(ctx context.Context, s *store.AgentState, key store.PageKey) (*graph.MessageConnection, error) {
	page := s.Pages[key]
	if page == nil {
		again, err := r.threads(ctx).Get(ctx, s.ThreadID, store.Read{Pages: []store.PageKey{key}})
		if err != nil {
			return nil, about(err, s.ThreadID)
		}
		page = again.Pages[key]
	}
	if page.Err != nil {
		return nil, about(page.Err, s.ThreadID)
	}
	c := &graph.MessageConnection{
		Nodes: page.Messages, Edges: make([]*graph.MessageEdge, len(page.Messages)), TotalCount: page.Total,
		PageInfo: &graph.PageInfo{HasNextPage: page.HasNext, HasPreviousPage: page.HasPrev},
	}
	for i, m := range page.Messages {
		c.Edges[i] = &graph.MessageEdge{Cursor: m.Cursor(), Node: m}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c, nil
}

// agentStates lists threads: the round trips of store.List for their ids, mostly one, and those of store.GetMany for the threads,
// mostly one too, each only where the selection asks for it.
func (r *Resolver) agentStates(ctx context.Context, f store.Filter, page store.Range) (*graph.AgentStateConnection, error) {
	c := &graph.AgentStateConnection{Filter: f}
	sel := selected(ctx)
	if !sel.has("edges", "nodes", "pageInfo") {
		return c, about(page.CheckListCursors(), "")
	}
	threads := r.threads(ctx)
	ids, err := threads.List(ctx, f, page)
	if err != nil {
		return nil, about(err, "")
	}
	c.PageInfo = pageInfo(ids)
	if !sel.has("nodes") && !sel.under("edges").has("node") {
		for _, cursor := range ids.Cursors {
			c.Edges = append(c.Edges, &graph.AgentStateEdge{Cursor: cursor})
		}
		return c, nil
	}
	states, err := threads.GetMany(ctx, ids.IDs, sel.nodes())
	if err != nil {
		return nil, about(err, "")
	}
	cursors := make(map[string]string, len(ids.IDs))
	for i, id := range ids.IDs {
		cursors[id] = ids.Cursors[i]
	}
	for _, s := range states { // a thread that went between the two round trips is left out
		c.Nodes = append(c.Nodes, s)
		c.Edges = append(c.Edges, &graph.AgentStateEdge{Cursor: cursors[s.ThreadID], Node: s})
	}
	return c, nil
}

// nodes turns a selection on AgentStateConnection into what the store must read of each thread.
func (s selection) nodes() store.Read {
	nodes := s.under("nodes")
	nodes.fields = append(nodes.fields, s.under("edges").under("node").fields...)
	return nodes.read()
}

// threadIDs lists ids.
func (r *Resolver) threadIDs(ctx context.Context, pattern string, page store.Range) (*graph.ThreadIDConnection, error) {
	c := &graph.ThreadIDConnection{Pattern: pattern}
	if !selected(ctx).has("edges", "nodes", "pageInfo") {
		return c, about(page.CheckIDCursors(), "")
	}
	ids, err := r.threads(ctx).IDs(ctx, pattern, page)
	if err != nil {
		return nil, about(err, "")
	}
	c.PageInfo, c.Nodes = pageInfo(ids), ids.IDs
	c.Edges = make([]*graph.ThreadIDEdge, len(ids.IDs))
	for i, id := range ids.IDs {
		c.Edges[i] = &graph.ThreadIDEdge{Cursor: ids.Cursors[i], Node: id}
	}
	return c, nil
}

func pageInfo(p *store.IDPage) *graph.PageInfo {
	info := &graph.PageInfo{HasNextPage: p.HasNext, HasPreviousPage: p.HasPrev}
	if p.Start != "" {
		info.StartCursor = &p.Start
	}
	if p.End != "" {
		info.EndCursor = &p.End
	}
	return info
}

// filterOf checks a filter.
func filterOf(in *graph.AgentStateFilter) (store.Filter, error) {
	var f store.Filter
	if in == nil {
		return f, nil
	}
	if in.ThreadIDPattern != nil {
		if err := checkPattern("filter.threadIdPattern", *in.ThreadIDPattern); err != nil {
			return f, err
		}
		f.ThreadIDPattern = *in.ThreadIDPattern
	}
	f.UpdatedAfter, f.UpdatedBefore = in.LastUpdatedAfter, in.LastUpdatedBefore
	return f, nil
}
