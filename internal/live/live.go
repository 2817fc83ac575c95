// Package live is the seam between the transports and the subscriptions that they carry, which know nothing else of each other: how
// a transport that serves very many of them has none wait.
package live

import (
	"context"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
)

// Waiting is what the response handler of a subscription gives to a transport that does not wait, when there is nothing yet. It is known
// by its address, and is nothing to be sent.
var Waiting = &graphql.Response{}

// Asker is a transport that does not wait for the responses of a subscription. It puts itself into the context of the operation.
type Asker struct {
	// Wake is called whenever it may be worth asking, from any goroutine and under locks: it must not block, nor ask itself. It may be
	// called before the operation was dispatched, and when there is nothing.
	Wake func()
	// Served is set while the operation is dispatched, where the subscription will give Waiting instead of waiting.
	Served bool
	// Gone is to be set when the context of the operation was ended, and then the subscription asked until it gives nil. It saves
	// each of them from being told by the context, which costs more than all the rest.
	Gone atomic.Bool
}

type askerKey struct{}

// WithAsker gives a context for an operation of which a is the transport.
func WithAsker(ctx context.Context, a *Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// AskerOf gives the transport that does not wait, nil where it does.
func AskerOf(ctx context.Context) *Asker {
	a, _ := ctx.Value(askerKey{}).(*Asker)
	return a
}
