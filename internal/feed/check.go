package feed

import (
	"context"
	"errors"
	"slices"

	"agentstate/store"
)

// checkBatch is how many topics one round trip compares with the store.
const checkBatch = 100

// checks compares the topics with the store, now and then, until ctx ends. A connection that answers pings may still not bring what
// is announced: a node that has lost its cluster, a Redis that was emptied. And nothing that comes later shows that the last
// announcement was lost.
func (h *Hub) checks(ctx context.Context) {
	for pause(ctx, h.pace.check) == nil {
		h.check(ctx)
	}
}

// check compares each topic that somebody listens to with the store. One round trip for 100 topics of an owner, one after the
// other, so that they go slower where Redis is slow.
func (h *Hub) check(ctx context.Context) {
	byOwner := make(map[string][]*topic)
	h.mu.Lock()
	for t := range h.topics() {
		if t.idle == nil { // else whoever comes reads for himself
			byOwner[t.threads.Owner()] = append(byOwner[t.threads.Owner()], t)
		}
	}
	h.mu.Unlock()
	for _, topics := range byOwner {
		for some := range slices.Chunk(topics, checkBatch) {
			err := check(ctx, some)
			switch {
			case errors.Is(err, store.ErrUnavailable), ctx.Err() != nil:
				return // when the connection is back, everybody looks anyway
			case err != nil:
				h.log.Warn("threads that are listened to cannot be read", "error", err)
			}
		}
	}
}

// check reads where the threads of some topics of one owner stand, and makes the listeners look where that is not what was announced.
func check(ctx context.Context, topics []*topic) error {
	before, ids := make([]view, len(topics)), make([]string, len(topics))
	for i, t := range topics {
		before[i], ids[i] = t.view(), t.threadID
	}
	heads, err := topics[0].threads.Heads(ctx, ids)
	if err != nil {
		return err
	}
	for i, t := range topics {
		if before[i].joined { // else nobody has started to listen yet
			t.compare(before[i], heads[i])
		}
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
		t.counts.gap(Check)
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
	t.counts.gap(Check)
	t.gone = true
	t.doubts++
	t.wakeAll()
}
