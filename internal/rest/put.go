package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"agentstate/store"
)

// put changes a thread. What the body leaves out stays. Its messages, where it has some, must be those of the thread, in full, and may have
// more at the end, which are added; anything else would lose some, and is a 409. The old service wrote over all of them, and with
// them over whatever others had added meanwhile.
//
// It takes two steps, the messages and then the rest, of which each happens as a whole; all that can be refused is refused ahead of both.
// Where Redis goes away between them, the same request sent again does what is left.
func (c *call) put() error {
	c.thread()
	body, err := c.body()
	if err != nil {
		return err
	}
	d := c.document(body)
	if c.err() != nil {
		return c.err()
	}
	s, err := c.current()
	if err != nil {
		return err
	}
	d.keep(s, c.Now().UTC().Truncate(time.Microsecond))
	if err := c.Store.CheckUpdate(d.update); err != nil {
		return err
	}
	added := false
	if d.hasMessages {
		if s, added, err = c.continued(s, d.messages); err != nil {
			return err
		}
	}
	if d.changes || !added { // what changes nothing renews the TTL, as it did
		if s, err = c.updated(d.update); err != nil {
			return err
		}
	}
	return c.written(s)
}

// mostTries bounds how often the messages of a body are compared anew because the thread has changed meanwhile.
const mostTries = 10

// continued adds the messages that a thread does not have, and gives it as it is then. Nothing comes in between: the version that the
// messages were compared with is the one that they are added to.
func (c *call) continued(s *store.AgentState, messages []message) (next *store.AgentState, added bool, err error) {
	for range mostTries {
		if err := c.compare(s, messages); err != nil {
			return nil, false, err
		}
		fresh := messages[s.MessageCounts.Total:]
		if len(fresh) == 0 {
			return s, false, nil
		}
		if len(fresh) > c.Limits.BatchMessages {
			c.wrong(at("body", "messages"), "too_long", fmt.Sprintf("List should have at most %d new items, and has %d", c.Limits.BatchMessages, len(fresh)))
			return nil, false, c.err()
		}
		a := store.Append{ExpectedVersion: &s.Version}
		for _, m := range fresh {
			a.Messages = append(a.Messages, m.stored(c.NewID))
		}
		appended, err := c.append(a)
		if err == nil {
			return appended.State, true, nil
		}
		if _, conflict := errors.AsType[*store.ConflictError](err); !conflict {
			return nil, false, err
		}
		if s, err = c.current(); err != nil {
			return nil, false, err
		}
	}
	return nil, false, &refused{status: http.StatusConflict, detail: fmt.Sprintf(
		"Thread %s changes all the time: read it again, and send the change on what it is then.", c.threadID)}
}

// compare refuses messages that do not begin with all of the thread's.
func (c *call) compare(s *store.AgentState, messages []message) error {
	if total := s.MessageCounts.Total; len(messages) < total {
		return c.diverged(fmt.Sprintf("it has %d messages, and the body %d", total, len(messages)))
	}
	i := 0
	return c.eachMessage(s, func(m *store.Message) error {
		if i >= len(messages) || !messages[i].is(m) {
			return c.diverged(fmt.Sprintf("messages[%d] of the body is another than the thread's", i))
		}
		i++
		return nil
	})
}

func (c *call) diverged(how string) *refused {
	return &refused{status: http.StatusConflict, detail: fmt.Sprintf(
		"The messages do not continue those of thread %s: %s; read it again and add to what it has, or leave messages out. Here messages are added, and none is changed or removed.",
		c.threadID, how)}
}

// keep gives plans and runs of tools what the thread knows better of those with the same ids: the times at which they were made, which
// the document does not have (for new ones it is now), and the digits of numbers, some of which get lost in clients.
func (d *document) keep(s *store.AgentState, now time.Time) {
	if d.update.Plan != nil {
		made := make(map[string]time.Time, len(s.Plan))
		for _, p := range s.Plan {
			made[p.PlanID] = p.CreatedAt
		}
		for i := range *d.update.Plan {
			p := &(*d.update.Plan)[i]
			p.CreatedAt = orTime(made[p.PlanID], now)
		}
	}
	if d.update.ToolCalls != nil {
		made := make(map[string]store.ToolExecution, len(s.ToolCalls))
		for _, t := range s.ToolCalls {
			made[t.ToolID] = t
		}
		for i := range *d.update.ToolCalls {
			t := &(*d.update.ToolCalls)[i]
			known := made[t.ToolID]
			t.CreatedAt = orTime(known.CreatedAt, now)
			t.Parameters, t.ToolResponse = orStored(known.Parameters, t.Parameters), orStored(known.ToolResponse, t.ToolResponse)
		}
	}
}

func orTime(t, fallback time.Time) time.Time {
	if t.IsZero() {
		return fallback
	}
	return t
}

// orStored gives a stored value where it says the same as the given one.
func orStored(stored, given json.RawMessage) json.RawMessage {
	if stored != nil && given != nil && sameJSON(stored, given) {
		return stored
	}
	return given
}
