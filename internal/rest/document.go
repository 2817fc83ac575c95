package rest

import (
	"encoding/json"
	"fmt"
	"slices"

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
