package feed

import (
	"context"
	"errors"

	"agentstate/store"
)

// checks compares the topics with the store, now and then, one after the other, until ctx ends. A connection that answers pings may
// still not bring what is announced: a node that has lost its cluster, a Redis that was emptied. And nothing that comes
// later shows that the last announcement was lost.
func (h *Hub) checks(ctx context.Context) {
	for pause(ctx, h.pace.check) == nil {
		h.check(ctx)
	}
}

// check compares each topic with the store. One round trip for each, so that they go slower where Redis is slow.
func (h *Hub) check(ctx context.Context) {
	h.mu.Lock()
	topics := make([]*topic, 0, len(h.topics))
	for _, t := range h.topics {
		if t.idle == nil { // else whoever comes reads for himself
			topics = append(topics, t)
		}
	}
	h.mu.Unlock()
	for _, t := range topics {
		err := t.check(ctx)
		switch {
		case errors.Is(err, store.ErrUnavailable), ctx.Err() != nil:
			return // when the connection is back, everybody looks anyway
		case err != nil:
			h.log.Warn("a thread that is listened to cannot be read", "channel", t.channel, "error", err)
		}
	}
}

// check reads where the thread stands, and makes the listeners look where that is not what was announced.
func (t *topic) check(ctx context.Context) error {
	before := t.view()
	if !before.joined {
		return nil // nobody has started to listen yet
	}
	state, err := t.threads.Get(ctx, t.threadID, store.Read{})
	switch {
	case err == nil:
		t.compare(before, state.Head())
	case errors.Is(err, store.ErrNotFound):
		t.compare(before, store.Head{})
	default:
		return err
	}
	return nil
}

// compare takes in where the thread was found, the zero Head for nowhere, unless something was announced since the view before:
// then what was found may be older than that, and the next check will do.
func (t *topic) compare(before view, found store.Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.viewLocked() != before:
	case found == store.Head{}:
		t.missed()
	default:
		t.found(found)
	}
}

// found takes in where the thread stands. The caller holds mu.
func (t *topic) found(head store.Head) {
	t.absent = 0
	if head == t.head && !t.gone {
		return
	}
	if t.head.Epoch != "" {
		t.doubts++ // and not where nothing was announced yet: then each listener sees for itself whether it has had that
	}
	t.gone, t.head, t.ring = false, head, nil
	t.wakeAll()
}

// missed takes in that the thread is not there. That of one which has expired is announced only when it is cleared away, so only
// the second check in a row tells that the announcement was lost. The caller holds mu.
func (t *topic) missed() {
	if t.absent++; t.gone || t.absent < 2 {
		return
	}
	t.gone = true
	t.doubts++
	t.wakeAll()
}
