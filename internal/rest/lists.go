package rest

import (
	"net/http"
	"time"

	"agentstate/internal/bounds"
	"agentstate/store"
)

// absentTTL is what Redis says of the TTL of a key that is not there, and the old service passed on.
const absentTTL = -2

// exists tells whether there is such a thread.
func (c *call) exists() error {
	if c.thread(); c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	exists, err := c.threads.Exists(ctx, c.threadID)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"exists": exists, "thread_id": c.threadID})
	return nil
}

// ttl tells how many seconds a thread has still to live; -2 for one that is not there.
func (c *call) ttl() error {
	if c.thread(); c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	seconds := absentTTL
	left, err := c.threads.TTL(ctx, c.threadID)
	switch {
	case err == nil:
		seconds = left.TTLSeconds
	case !absent(err):
		return err
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"ttl": seconds, "thread_id": c.threadID})
	return nil
}

// extendTTL lets a thread live for so many seconds from now.
func (c *call) extendTTL() error {
	c.thread()
	seconds := c.number("ttl_seconds", nil, 1, bounds.TTLSeconds)
	if c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	if _, err := c.threads.ExtendTTL(ctx, c.threadID, seconds); err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, map[string]string{"message": "TTL extended for thread " + c.threadID})
	return nil
}

// list gives the ids of all threads that match a pattern, in the order of their bytes, as they are read: a page at a time. The count is of
// these; the old service counted all threads, whatever the pattern.
func (c *call) list() error {
	pattern := c.pattern()
	if c.err() != nil {
		return c.err()
	}
	c.out.raw(`{"thread_ids":[`)
	count := 0
	for after, more := "", true; more; {
		page, err := c.ids(pattern, after)
		if err != nil {
			return err
		}
		for _, id := range page.IDs {
			c.out.comma(count)
			c.out.text(id)
			count++
		}
		if err := c.out.spill(); err != nil {
			return err
		}
		after, more = page.End, page.HasNext && page.End != ""
	}
	c.out.raw(`],"count":`)
	c.out.number(count)
	c.out.raw("}")
	return c.out.finish()
}

func (c *call) ids(pattern, after string) (*store.IDPage, error) {
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.IDs(ctx, pattern, store.Range{First: bounds.PageSize, After: after})
}

// recentAtOnce is how many threads are read in one round trip.
const recentAtOnce = 10

// recent gives the threads that were updated last, newest first: it reads these and no others.
func (c *call) recent() error {
	fallback := 10
	limit := c.number("limit", &fallback, 0, bounds.PageSize)
	if c.err() != nil {
		return c.err()
	}
	ids, err := c.recentIDs(limit)
	if err != nil {
		return err
	}
	c.out.raw(`{"agent_states":[`)
	count := 0
	for len(ids) > 0 {
		n := min(recentAtOnce, len(ids))
		states, err := c.many(ids[:n])
		if err != nil {
			return err
		}
		for _, s := range states { // without those that are gone by now
			c.out.comma(count)
			count++
			if err := c.state(s); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	c.out.raw(`],"count":`)
	c.out.number(count)
	c.out.raw("}")
	return c.out.finish()
}

func (c *call) recentIDs(limit int) ([]string, error) {
	if limit == 0 {
		return nil, nil
	}
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.Recent(ctx, limit)
}

func (c *call) many(ids []string) ([]*store.AgentState, error) {
	ctx, cancel := c.step()
	defer cancel()
	return c.threads.GetMany(ctx, ids, wholeThread)
}

// cleanup removes the caller's threads that were last updated so many days ago.
func (c *call) cleanup() error {
	fallback := 30
	days := c.number("max_age_days", &fallback, 0, bounds.AgeDays)
	if c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	cleaned, err := c.threads.Cleanup(ctx, time.Duration(days)*24*time.Hour, false, 0)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, map[string]int{"deleted_count": cleaned.Count, "max_age_days": days})
	return nil
}
