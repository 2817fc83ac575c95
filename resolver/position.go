package resolver

import (
	"context"
	"errors"

	"agentstate/graph"
	"agentstate/internal/position"
	"agentstate/store"
)

// lastEventID is what a transport calls the cursor by which a client comes back.
const lastEventID = "Last-Event-ID"

// resumed gives the cursor behind which a subscription begins, and the name of what gave it: the transport of a client that has
// come back, else the argument.
func resumed(ctx context.Context, after *string) (cursor *string, argument string) {
	if at := position.From(ctx); at != nil && at.Resume != "" {
		return &at.Resume, lastEventID
	}
	return after, "after"
}

// aboutCursor is about, for an error that may be the fault of a cursor that the transport gave.
func aboutCursor(err error, threadID, argument string) error {
	if argument == lastEventID && errors.Is(err, store.ErrBadCursor) {
		return badInput(argument, "Give %s a cursor of this thread as it was received, or leave it out", argument)
	}
	return about(err, threadID)
}

// begin tells the transport where a listener stands: behind that it can come back before it has had a message.
func begin(ctx context.Context, start string) {
	if at := position.From(ctx); at != nil {
		at.Last = start
	}
}

// note tells the transport the cursor of an event, if it has one.
func note(at *position.Position, event any) {
	if at == nil {
		return
	}
	switch event := event.(type) {
	case *store.Message:
		at.Last = event.Cursor()
	case *graph.MessageChange:
		at.Last = event.Cursor
	}
}
