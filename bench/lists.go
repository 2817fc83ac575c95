//go:build linux

package main

import (
	"context"

	"agentstate/store"
)

// readIDs are the requests for the first ids.
func (b *bench) readIDs(threads *store.Threads) requests {
	return requests{prepare: func(ctx context.Context, t *target) (work, error) {
		page, err := threads.IDs(ctx, "*", store.Range{First: 50})
		if err != nil {
			return work{}, err
		}
		return fixed(ctx, t, post(nil, "/graphql", graphqlBody(idsQuery, nil)), map[string]any{"data": map[string]any{
			"threadIds": map[string]any{"nodes": page.IDs, "pageInfo": map[string]any{"hasNextPage": page.HasNext}},
		}})
	}}
}

// readCount are the requests for the number of threads.
func (b *bench) readCount(threads *store.Threads) requests {
	return requests{prepare: func(ctx context.Context, t *target) (work, error) {
		n, err := threads.Count(ctx, store.Filter{})
		if err != nil {
			return work{}, err
		}
		return fixed(ctx, t, post(nil, "/graphql", graphqlBody(countQuery, nil)), map[string]any{"data": map[string]any{"agentStateCount": n}})
	}}
}
