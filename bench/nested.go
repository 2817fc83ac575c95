//go:build linux

package main

import (
	"context"
	"fmt"

	"agentstate/store"
)

// nested is the row of a list of threads with messages of each in it, against a request for each of these threads.
func (f *flat) nested(ctx context.Context) ([]row, error) {
	f.say("nested reads")
	if err := fillAll(ctx, f.threads, func(i int) string { return fmt.Sprintf("nested %02d", i) }, 10, threadMessages); err != nil {
		return nil, err
	}
	ids, err := f.threads.Recent(ctx, 10)
	if err != nil {
		return nil, err
	}
	parts := make([]any, len(ids))
	for i, id := range ids {
		if parts[i], err = f.lastFive(ctx, id); err != nil {
			return nil, err
		}
	}
	const together, single = "at once", "thread by thread"
	of, err := race(ctx, []contender{
		{together, f.target, requests{prepare: func(ctx context.Context, t *target) (work, error) {
			return fixed(ctx, t, post(nil, "/graphql", graphqlBody(nestedQuery, nil)), map[string]any{"data": map[string]any{"recentAgentStates": parts}})
		}}},
		{single, f.target, requests{prepare: func(ctx context.Context, t *target) (work, error) {
			sent := post(nil, "/graphql", graphqlBody(partQuery, map[string]any{"id": ids[0]}))
			return fixed(ctx, t, sent, map[string]any{"data": map[string]any{"agentState": parts[0]}})
		}}},
	}, f.rdb, f.conns, f.shortly())
	if err != nil {
		return nil, err
	}
	each := of[single].CPU * float64(len(ids))
	return []row{{
		Name: "recent(10) with the last 5 messages of each", Unit: "µs CPU", Values: map[string]float64{ours: of[together].CPU},
		Figures: of, Steps: []string{together, single}, Ratio: of[together].CPU / each, Base: "ten requests for a thread",
		Note: fmt.Sprintf("ten requests: %.0f µs", each),
	}}, nil
}

// lastFive is what partQuery answers of a thread.
func (f *flat) lastFive(ctx context.Context, id string) (any, error) {
	key := store.MessagesOf(store.Range{Last: 5}, nil)
	state, err := f.threads.Get(ctx, id, store.Read{Pages: []store.PageKey{key}})
	if err != nil {
		return nil, err
	}
	var nodes []any
	for _, m := range state.Pages[key].Messages {
		nodes = append(nodes, map[string]any{"messageId": m.MessageID, "seq": m.Seq})
	}
	return map[string]any{"threadId": id, "messages": map[string]any{"nodes": nodes}}, nil
}
