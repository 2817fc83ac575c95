package resolver

import (
	"context"
	"errors"

	"agentstate/store"
)

// orNull turns the absence of a thread or message into null.
func orNull[T any](value *T, err error, threadID string) (*T, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil //nolint:nilnil // null is the answer
	case err != nil:
		return nil, about(err, threadID)
	}
	return value, nil
}

// agentState reads a thread with what read says. One round trip, and those of store.Get for pages that lie elsewhere.
func (r *Resolver) agentState(ctx context.Context, threadID string, read store.Read) (*store.AgentState, error) {
	if err := checkID("threadId", threadID); err != nil {
		return nil, err
	}
	state, err := r.threads(ctx).Get(ctx, threadID, read)
	return orNull(state, err, threadID)
}

// recent reads the threads that were updated last: one round trip for their ids and one for the threads. A search by message type
// may take more for all of them together, see store.GetMany, and many expired threads one more for the ids, see store.List.
func (r *Resolver) recent(ctx context.Context, limit int, read store.Read) ([]*store.AgentState, error) {
	if err := checkRange("limit", limit, 1, maxPageSize); err != nil {
		return nil, err
	}
	ids, err := r.threads(ctx).Recent(ctx, limit)
	if err != nil {
		return nil, about(err, "")
	}
	states, err := r.threads(ctx).GetMany(ctx, ids, read)
	return states, about(err, "")
}

// exists tells whether there is such a thread. One round trip.
func (r *Resolver) exists(ctx context.Context, threadID string) (bool, error) {
	if err := checkID("threadId", threadID); err != nil {
		return false, err
	}
	exists, err := r.threads(ctx).Exists(ctx, threadID)
	return exists, about(err, threadID)
}

// ttl reads how long a thread has still to live. One round trip.
func (r *Resolver) ttl(ctx context.Context, threadID string) (*store.TTL, error) {
	if err := checkID("threadId", threadID); err != nil {
		return nil, err
	}
	ttl, err := r.threads(ctx).TTL(ctx, threadID)
	return orNull(ttl, err, threadID)
}

// message reads a message by its id. One round trip.
func (r *Resolver) messageByID(ctx context.Context, threadID, messageID string) (*store.Message, error) {
	if err := firstError(checkID("threadId", threadID), checkID("messageId", messageID)); err != nil {
		return nil, err
	}
	m, err := r.threads(ctx).Message(ctx, threadID, messageID)
	return orNull(m, err, threadID)
}
