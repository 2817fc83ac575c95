// Package position carries a listener's place in its stream past GraphQL, which has no place for it: the transport tells the
// subscription where the client was, and the subscription tells the transport where each response brings it. Neither is part of a
// response, so nothing of it gets into the JSON.
package position

import "context"

// Position is the place of one listener. One goroutine uses it: the one that asks the subscription for responses.
type Position struct {
	// Resume is the cursor that the client had last, by the word of its transport; empty for none. It wins over the arguments of
	// the operation, which a client that comes back by itself repeats as they were.
	Resume string
	// Last is the cursor of the response that was given last, or ahead of the first that of where the listener stands; empty where
	// there is none.
	Last string
}

type key struct{}

// With gives a context whose subscription reads and writes p.
func With(ctx context.Context, p *Position) context.Context { return context.WithValue(ctx, key{}, p) }

// From gives the position of the operation; nil where its transport has no use for one.
func From(ctx context.Context) *Position {
	p, _ := ctx.Value(key{}).(*Position)
	return p
}
