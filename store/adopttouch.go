package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// What touches a thread comes by one of two ways: a script, which run sends through the adopter, or a read, which asks adoptAbsent about
// what it has not found. A thread that is there costs neither of them anything, but for writes that create threads and, on a cluster,
// deletions: these look first, unless the thread was seen lately.

// run is Store.run with a look for the document of a thread ahead of what would create it, and behind what does not find it.
func (a *adopter) run(ctx context.Context, c call, with func(redis.Pipeliner)) (string, reply, error) {
	threadID, ok := a.threadOf(c)
	if !ok {
		return a.s.runNow(ctx, c, with)
	}
	looked := false
	switch c.script.sha {
	case appendScript.sha, editScript.sha:
		looked = !a.there.Contains(threadID)
	case deleteScript.sha:
		looked = a.s.mode == Cluster
	}
	if looked {
		if _, err := a.adopt(ctx, threadID); err != nil {
			return "", nil, err
		}
	}
	if c.script.sha == deleteScript.sha && a.s.mode == Cluster {
		if err := a.s.rdb.Set(ctx, a.s.keys.buried(a.owner, threadID), "", buriedFor).Err(); err != nil {
			return "", nil, translate(err)
		}
	}
	status, r, err := a.s.runNow(ctx, c, with)
	if status == "NOT_FOUND" && !looked {
		found, adoptErr := a.adopt(ctx, threadID)
		if adoptErr != nil {
			return "", nil, adoptErr
		}
		if found.there() {
			status, r, err = a.s.runNow(ctx, c, with)
		}
	}
	if status == "OK" && c.script.sha != deleteScript.sha {
		a.there.Add(threadID, struct{}{})
	} else {
		a.there.Remove(threadID)
	}
	return status, r, err
}

// threadOf gives the thread that a script is about, where it may be one of the replaced service.
func (a *adopter) threadOf(c call) (threadID string, ok bool) {
	if len(c.keys) != len(threadKeys{}.forScript()) {
		return "", false
	}
	k, ok := a.s.keys.parse(c.keys[0])
	return k.id, ok && k.kind == "t" && k.owner == a.owner
}

// adoptAbsent adopts the threads of those that a read has not found; again tells whether there is something to be read again.
func (t *Threads) adoptAbsent(ctx context.Context, threadIDs ...string) (again bool, err error) {
	a := t.store.adopter
	if a == nil || a.owner != t.owner {
		return false, nil
	}
	for _, id := range threadIDs {
		found, err := a.adopt(ctx, id)
		if err != nil {
			return false, err
		}
		again = again || found.there()
	}
	return again, nil
}

// Get reads one thread as of one instant, with the pages that r wants; ErrNotFound where there is none. One round trip, and
// more only for a page that was not where it was looked for, see readPages, and where a thread is adopted.
func (t *Threads) Get(ctx context.Context, threadID string, r Read) (*AgentState, error) {
	state, err := t.get(ctx, threadID, r)
	if !isNotFound(err) {
		return state, err
	}
	if again, adoptErr := t.adoptAbsent(ctx, threadID); adoptErr != nil || !again {
		return nil, firstOf(adoptErr, err)
	}
	return t.get(ctx, threadID, r)
}

// GetMany reads threads; one that is absent is left out. One round trip, and those of readPages for all threads together. Each
// thread is as of one instant; on a cluster they are not all as of the same.
func (t *Threads) GetMany(ctx context.Context, threadIDs []string, r Read) ([]*AgentState, error) {
	states, err := t.getMany(ctx, threadIDs, r)
	if err != nil || len(states) == len(threadIDs) || t.store.adopter == nil {
		return states, err
	}
	found := make(map[string]bool, len(states))
	for _, s := range states {
		found[s.ThreadID] = true
	}
	var absent []string
	for _, id := range threadIDs {
		if !found[id] {
			absent = append(absent, id)
		}
	}
	if again, err := t.adoptAbsent(ctx, absent...); err != nil || !again {
		return states, err
	}
	return t.getMany(ctx, threadIDs, r)
}

// TTL tells how long a thread has still to live; ErrNotFound where there is none. One round trip.
func (t *Threads) TTL(ctx context.Context, threadID string) (*TTL, error) {
	ttl, err := t.remaining(ctx, threadID)
	if !isNotFound(err) {
		return ttl, err
	}
	if again, adoptErr := t.adoptAbsent(ctx, threadID); adoptErr != nil || !again {
		return nil, firstOf(adoptErr, err)
	}
	return t.remaining(ctx, threadID)
}

// Heads tells where threads stand, the zero Head for one that is absent. One round trip.
func (t *Threads) Heads(ctx context.Context, threadIDs []string) ([]Head, error) {
	heads, err := t.heads(ctx, threadIDs)
	if err != nil || t.store.adopter == nil {
		return heads, err
	}
	var absent []string
	for i, head := range heads {
		if head.Epoch == "" {
			absent = append(absent, threadIDs[i])
		}
	}
	if again, err := t.adoptAbsent(ctx, absent...); err != nil || !again {
		return heads, err
	}
	return t.heads(ctx, threadIDs)
}

// firstOf gives the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
