package rest

import "agentstate/store"

const (
	// firstMessages is how many messages are read together with a thread: all of most threads.
	firstMessages = 50
	// pageBytes is how large the pages behind them should be, in bytes; how many messages that is the pages before tell.
	pageBytes = 1 << 20
	// mostMessages bounds the messages of a page.
	mostMessages = 1000
)

var firstPage = store.MessagesOf(store.Range{First: firstMessages}, nil)

// wholeThread is what the answer with a thread is made of, as far as it is read at once.
var wholeThread = store.Read{Context: true, Plan: true, ToolCalls: true, Metadata: true, Pages: []store.PageKey{firstPage}}

// state adds the JSON of a thread that was read by wholeThread, with all messages that it had then: what is written to it meanwhile is
// left out, so that the counts fit. They are read page by page and sent as they come. A thread that is deleted meanwhile, or whose
// oldest messages are trimmed faster than the client reads, is an error: an answer is never short of something.
func (c *call) state(s *store.AgentState) error {
	c.out.raw("{")
	c.out.key("thread_id")
	c.out.text(s.ThreadID)
	c.out.key("messages")
	c.out.raw("[")
	n := 0
	err := c.eachMessage(s, func(m *store.Message) error {
		c.out.comma(n)
		n++
		c.out.message(m)
		return c.out.spill()
	})
	if err != nil {
		return err
	}
	c.out.raw("]")
	c.out.remainder(s)
	c.out.raw("}")
	return c.out.spill()
}

// eachMessage visits the messages that a thread had when it was read by wholeThread, in their order, until visit gives an error.
func (c *call) eachMessage(s *store.AgentState, visit func(*store.Message) error) error {
	page := s.Pages[firstPage]
	for step := firstMessages; ; {
		if page.Err != nil {
			return page.Err
		}
		size := 0
		for _, m := range page.Messages {
			if m.Seq > s.Seq {
				return nil
			}
			size += m.Size()
			if err := visit(m); err != nil {
				return err
			}
		}
		n := len(page.Messages)
		if n == 0 || !page.HasNext || page.Messages[n-1].Seq >= s.Seq {
			return nil
		}
		step = max(min(pageBytes*n/max(size, 1), 2*step, mostMessages), 1)
		var err error
		if page, err = c.page(s.ThreadID, store.MessagesOf(store.Range{First: step, After: page.Messages[n-1].Cursor()}, nil)); err != nil {
			return err
		}
	}
}

// page reads one page of messages.
func (c *call) page(threadID string, key store.PageKey) (*store.MessagePage, error) {
	ctx, cancel := c.step()
	defer cancel()
	s, err := c.threads.Get(ctx, threadID, store.Read{Pages: []store.PageKey{key}})
	if err != nil {
		return nil, err
	}
	return s.Pages[key], nil
}

// remainder adds what stands behind the messages of a thread.
func (a *answer) remainder(s *store.AgentState) {
	a.key("message_counts")
	a.raw("{")
	for _, count := range []struct {
		name string
		n    int
	}{{"message_count", s.MessageCounts.Total}, {"human_messages", s.MessageCounts.Human}, {"ai_messages", s.MessageCounts.Ai}} {
		a.key(count.name)
		a.number(count.n)
	}
	a.raw("}")
	a.key("reduced_context")
	a.raw("{")
	a.key("context")
	a.text(s.Context)
	a.raw("}")
	a.key("relevant")
	a.boolean(s.Relevant)
	a.key("plan")
	a.plan(s.Plan)
	a.key("tool_calls")
	a.toolCalls(s.ToolCalls)
	a.key("created_at")
	a.time(s.CreatedAt)
	a.key("last_updated")
	a.time(s.LastUpdated)
	a.key("ttl_seconds")
	a.number(s.TTLSeconds)
}

func (a *answer) plan(plans []store.Plan) {
	a.raw("[")
	for i, p := range plans {
		a.comma(i)
		a.raw("{")
		a.key("plan_id")
		a.text(p.PlanID)
		a.key("subtasks")
		a.texts(p.Subtasks)
		a.raw("}")
	}
	a.raw("]")
}

func (a *answer) toolCalls(calls []store.ToolExecution) {
	a.raw("[")
	for i, t := range calls {
		a.comma(i)
		a.raw("{")
		a.key("tool_id")
		a.text(t.ToolID)
		a.key("plan_id")
		if t.PlanID != nil {
			a.text(*t.PlanID)
		} else {
			a.raw("null")
		}
		a.key("tool")
		a.text(t.Tool)
		a.key("parameters")
		a.json(t.Parameters)
		a.key("tool_response")
		a.json(t.ToolResponse)
		a.raw("}")
	}
	a.raw("]")
}
