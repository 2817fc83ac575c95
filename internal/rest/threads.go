package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"agentstate/internal/bounds"
	"agentstate/store"
)

// get answers with a whole thread.
func (c *call) get() error {
	if c.thread(); c.err() != nil {
		return c.err()
	}
	s, err := c.current()
	if err != nil {
		return err
	}
	if err := c.state(s); err != nil {
		return err
	}
	return c.out.finish()
}

// create makes a thread. The old service wrote an empty one over a thread of that id; here nothing is lost: an id in use is a 409,
// unless the thread is still just what the request would make, as it is when a request is sent again.
func (c *call) create() error {
	body, err := c.body()
	if err != nil {
		return err
	}
	c.threadID = c.NewID()
	if raw, ok := body.given("thread_id"); ok {
		if c.threadID = c.asText(at("body", "thread_id"), raw); raw[0] == '"' {
			c.checkID(at("body", "thread_id"), c.threadID)
		}
	}
	create := store.Create{TTL: c.ttlSeconds(body)}
	if c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	s, err := c.threads.Create(ctx, c.threadID, create, wholeThread)
	if errors.Is(err, store.ErrExists) {
		if s, err = c.current(); absent(err) {
			return &refused{status: http.StatusConflict, detail: fmt.Sprintf("Thread %s was deleted at the same time: send the request again.", c.threadID)}
		}
		if err == nil && !untouched(s, create.TTL) {
			return &refused{status: http.StatusConflict, detail: fmt.Sprintf(
				"Agent state already exists for thread %s: use it as it is, or delete it first, or create one with another thread_id.", c.threadID)}
		}
	}
	if err != nil {
		return err
	}
	return c.written(s)
}

// untouched tells whether a thread is as it was created, with this TTL; zero is any.
func untouched(s *store.AgentState, ttl time.Duration) bool {
	return s.Version == 1 && s.Seq == 0 && s.Context == "" && !s.Relevant && string(s.Metadata) == "{}" &&
		(ttl == 0 || s.TTLSeconds == int(ttl/time.Second))
}

// ttlSeconds takes the TTL out of a body; zero where it is left out or null.
func (c *call) ttlSeconds(body object) time.Duration {
	raw, ok := body.given("ttl_seconds")
	if !ok {
		return 0
	}
	before := len(c.problems)
	seconds := c.asInt(at("body", "ttl_seconds"), raw)
	if len(c.problems) == before {
		c.between(at("body", "ttl_seconds"), seconds, 1, bounds.TTLSeconds)
	}
	return time.Duration(seconds) * time.Second
}

// delete removes a thread.
func (c *call) delete() error {
	if c.thread(); c.err() != nil {
		return c.err()
	}
	ctx, cancel := c.step()
	defer cancel()
	if err := c.threads.Delete(ctx, c.threadID, nil); err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, map[string]string{"message": "Agent state deleted for thread " + c.threadID})
	return nil
}

// addMessage adds a message. With a message_id, or an Idempotency-Key, it is stored once however often it is sent; the answer is the same
// each time, and says so in a header.
func (c *call) addMessage() error {
	c.thread()
	body, err := c.body()
	if err != nil {
		return err
	}
	m := c.message(at("body"), body)
	if m.id == "" {
		m.id = c.idempotencyKey()
	}
	if c.err() != nil {
		return c.err()
	}
	appended, err := c.append(store.Append{Messages: []*store.Message{m.stored(c.NewID)}})
	if err != nil {
		return err
	}
	c.w.Header().Set("Message-Id", url.PathEscape(appended.Messages[0].MessageID))
	if appended.Duplicates > 0 {
		c.w.Header().Set("Idempotent-Replayed", "true")
	}
	return c.written(appended.State)
}

// setContext sets the reduced context.
func (c *call) setContext() error {
	return c.change(func(body object, u *store.Update) {
		if raw, ok := c.required(at("body"), body, "context"); ok {
			u.Context = c.context(at("body", "context"), raw)
		}
	})
}

// context reads a reduced context.
func (c *call) context(loc []any, raw json.RawMessage) *string {
	text := c.asText(loc, raw)
	c.atMost(loc, len(text), c.Limits.ContextBytes)
	return &text
}

// setRelevance sets whether the latest message is relevant.
func (c *call) setRelevance() error {
	return c.change(func(body object, u *store.Update) {
		if raw, ok := c.required(at("body"), body, "relevant"); ok {
			relevant := c.asBool(at("body", "relevant"), raw)
			u.Relevant = &relevant
		}
	})
}

// change changes what take takes out of the body.
func (c *call) change(take func(body object, u *store.Update)) error {
	c.thread()
	body, err := c.body()
	if err != nil {
		return err
	}
	var u store.Update
	if take(body, &u); c.err() != nil {
		return c.err()
	}
	s, err := c.updated(u)
	if err != nil {
		return err
	}
	return c.written(s)
}
