package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"agentstate/internal/bounds"
	"agentstate/store"
)

// document is what a PUT of a thread brings: the whole of what GET gave, or a part.
type document struct {
	update store.Update
	// changes says that update changes something.
	changes bool
	// messages are all of the thread, with new ones at the end; hasMessages is false where they are left out.
	messages    []message
	hasMessages bool
}

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

// document reads the body of a PUT. message_counts, created_at and last_updated are the server's, and left alone.
func (c *call) document(body object) document {
	var d document
	loc := at("body")
	if raw, ok := body.given("thread_id"); ok {
		if id := c.asText(below(loc, "thread_id"), raw); raw[0] == '"' && id != c.threadID {
			c.wrong(below(loc, "thread_id"), "value_error", "Value error, give the thread_id of the path, or leave it out")
		}
	}
	if raw, ok := body.given("reduced_context"); ok {
		if text, ok := c.asObject(below(loc, "reduced_context"), raw)["context"]; ok {
			d.update.Context, d.changes = c.context(below(loc, "reduced_context", "context"), text), true
		}
	}
	if raw, ok := body["relevant"]; ok {
		relevant := c.asBool(below(loc, "relevant"), raw)
		d.update.Relevant, d.changes = &relevant, true
	}
	if raw, ok := body["plan"]; ok {
		plans := c.plans(below(loc, "plan"), raw)
		d.update.Plan, d.changes = &plans, true
	}
	if raw, ok := body["tool_calls"]; ok {
		calls := c.runs(below(loc, "tool_calls"), raw)
		d.update.ToolCalls, d.changes = &calls, true
	}
	if ttl := c.ttlSeconds(body); ttl != 0 {
		d.update.TTL, d.changes = &ttl, true
	}
	if raw, ok := body["messages"]; ok {
		d.hasMessages = true
		for i, item := range c.asList(below(loc, "messages"), raw) {
			place := below(loc, "messages", i)
			if o := c.asObject(place, item); o != nil {
				m := c.message(place, o)
				if raw, ok := o.given("timestamp"); ok {
					m.timestamp = c.asTime(below(place, "timestamp"), raw)
				}
				d.messages = append(d.messages, m)
			}
		}
	}
	return d
}

func (c *call) plans(loc []any, raw json.RawMessage) []store.Plan {
	items := c.listed(loc, raw)
	plans := make([]store.Plan, 0, len(items))
	var ids []string
	for i, item := range items {
		place := below(loc, i)
		o := c.asObject(place, item)
		if o == nil {
			continue
		}
		p := store.Plan{PlanID: c.requiredID(place, o, "plan_id", &ids), Subtasks: []string{}}
		if raw, ok := c.required(place, o, "subtasks"); ok {
			p.Subtasks = c.subtasks(below(place, "subtasks"), raw)
		}
		plans = append(plans, p)
	}
	return plans
}

// subtasks reads the steps of a plan. There may be none yet.
func (c *call) subtasks(loc []any, raw json.RawMessage) []string {
	items := c.asList(loc, raw)
	if len(items) > bounds.Subtasks {
		c.wrong(loc, "too_long", fmt.Sprintf("List should have at most %d items, and has %d", bounds.Subtasks, len(items)))
		return nil
	}
	subtasks := make([]string, len(items))
	for i, item := range items {
		subtasks[i] = c.asText(below(loc, i), item)
		c.atMost(below(loc, i), len(subtasks[i]), bounds.SubtaskBytes)
	}
	return subtasks
}

// runs reads the runs of tools.
func (c *call) runs(loc []any, raw json.RawMessage) []store.ToolExecution {
	items := c.listed(loc, raw)
	runs := make([]store.ToolExecution, 0, len(items))
	var ids []string
	for i, item := range items {
		place := below(loc, i)
		o := c.asObject(place, item)
		if o == nil {
			continue
		}
		run := store.ToolExecution{ToolID: c.requiredID(place, o, "tool_id", &ids), Tool: c.requiredID(place, o, "tool", nil), Parameters: []byte("{}")}
		if raw, ok := o.given("plan_id"); ok {
			id := c.id(below(place, "plan_id"), raw)
			run.PlanID = &id
		}
		if raw, ok := o.given("parameters"); ok {
			run.Parameters = raw
		}
		if raw, ok := o.given("tool_response"); ok {
			run.ToolResponse = raw
		}
		runs = append(runs, run)
	}
	return runs
}

// listed is list with the bound of plans and runs of tools.
func (c *call) listed(loc []any, raw json.RawMessage) []json.RawMessage {
	items := c.asList(loc, raw)
	if len(items) > bounds.Listed {
		c.wrong(loc, "too_long", fmt.Sprintf("List should have at most %d items, and has %d", bounds.Listed, len(items)))
		return nil
	}
	return items
}

// requiredID reads an id or a name that must be there, and with ids only once among them.
func (c *call) requiredID(loc []any, o object, name string, ids *[]string) string {
	raw, ok := c.required(loc, o, name)
	if !ok {
		return ""
	}
	id := c.id(below(loc, name), raw)
	if ids != nil && id != "" {
		if slices.Contains(*ids, id) {
			c.wrong(below(loc, name), "value_error", "Value error, give each "+name+" only once")
		}
		*ids = append(*ids, id)
	}
	return id
}

func (c *call) id(loc []any, raw json.RawMessage) string {
	id := c.asText(loc, raw)
	if raw[0] == '"' {
		c.checkID(loc, id)
	}
	return id
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
