package resolver

import (
	"encoding/json"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/graph"
	"agentstate/internal/compiled"
	"agentstate/internal/langchain"
	"agentstate/store"
)

// The object types of the schema, as compiled selections write them. A test compares each with what gqlgen writes.

var messageCallObject = &compiled.Object[store.MessageToolCall]{
	Name: "MessageToolCall",
	Fields: map[string]compiled.Field[store.MessageToolCall]{
		"id":   compiled.NullableString(func(c store.MessageToolCall) *string { return c.ID }),
		"name": compiled.String(func(c store.MessageToolCall) string { return c.Name }),
		"args": compiled.JSON(func(c store.MessageToolCall) json.RawMessage { return c.Args }),
	},
}

var usageObject = &compiled.Object[*store.Usage]{
	Name: "Usage",
	Fields: map[string]compiled.Field[*store.Usage]{
		"inputTokens":  compiled.Int(func(u *store.Usage) int { return u.InputTokens }),
		"outputTokens": compiled.Int(func(u *store.Usage) int { return u.OutputTokens }),
		"totalTokens":  compiled.Int(func(u *store.Usage) int { return u.TotalTokens }),
	},
}

var messageObject = &compiled.Object[*store.Message]{
	Name: "Message",
	Fields: map[string]compiled.Field[*store.Message]{
		"id":               compiled.Plain((*store.Message).AppendID),
		"threadId":         compiled.String(func(m *store.Message) string { return m.ThreadID }),
		"messageId":        compiled.String(func(m *store.Message) string { return m.MessageID }),
		"seq":              compiled.Int(func(m *store.Message) int { return m.Seq }),
		"cursor":           compiled.String((*store.Message).Cursor),
		"type":             compiled.String(func(m *store.Message) store.MessageType { return m.Type }),
		"content":          compiled.JSON(func(m *store.Message) json.RawMessage { return m.Content }),
		"text":             compiled.String((*store.Message).Text),
		"name":             compiled.NullableString(func(m *store.Message) *string { return m.Name }),
		"toolCalls":        compiled.ListOf(messageCallObject, func(m *store.Message) []store.MessageToolCall { return m.ToolCalls }),
		"toolCallId":       compiled.NullableString(func(m *store.Message) *string { return m.ToolCallID }),
		"status":           compiled.NullableString(func(m *store.Message) *store.ToolStatus { return m.Status }),
		"metadata":         compiled.JSON(func(m *store.Message) json.RawMessage { return m.Metadata }),
		"responseMetadata": compiled.JSON(func(m *store.Message) json.RawMessage { return m.ResponseMetadata }),
		"usage":            compiled.Optional(usageObject, func(m *store.Message) *store.Usage { return m.Usage }),
		"timestamp":        compiled.Time(func(m *store.Message) time.Time { return m.Timestamp }),
	},
}

var messageEdgeObject = &compiled.Object[*store.Message]{
	Name: "MessageEdge",
	Fields: map[string]compiled.Field[*store.Message]{
		"cursor": compiled.String((*store.Message).Cursor),
		"node":   compiled.Of(messageObject, func(m *store.Message) *store.Message { return m }),
	},
}

var messagePageInfoObject = &compiled.Object[*store.MessagePage]{
	Name: "PageInfo",
	Fields: map[string]compiled.Field[*store.MessagePage]{
		"hasNextPage":     compiled.Bool(func(p *store.MessagePage) bool { return p.HasNext }),
		"hasPreviousPage": compiled.Bool(func(p *store.MessagePage) bool { return p.HasPrev }),
		"startCursor": compiled.NullableString(func(p *store.MessagePage) *string {
			return cursorAt(p.Messages, 0)
		}),
		"endCursor": compiled.NullableString(func(p *store.MessagePage) *string {
			return cursorAt(p.Messages, len(p.Messages)-1)
		}),
	},
}

func cursorAt(messages []*store.Message, i int) *string {
	if len(messages) == 0 {
		return nil
	}
	cursor := messages[i].Cursor()
	return &cursor
}

var messageConnectionObject = &compiled.Object[*store.MessagePage]{
	Name: "MessageConnection",
	Fields: map[string]compiled.Field[*store.MessagePage]{
		"nodes":      compiled.ListOf(messageObject, func(p *store.MessagePage) []*store.Message { return p.Messages }),
		"edges":      compiled.ListOf(messageEdgeObject, func(p *store.MessagePage) []*store.Message { return p.Messages }),
		"pageInfo":   compiled.Of(messagePageInfoObject, func(p *store.MessagePage) *store.MessagePage { return p }),
		"totalCount": compiled.Int(func(p *store.MessagePage) int { return p.Total }),
	},
}

var messageCountsObject = &compiled.Object[store.MessageCounts]{
	Name: "MessageCounts",
	Fields: map[string]compiled.Field[store.MessageCounts]{
		"total":  compiled.Int(func(c store.MessageCounts) int { return c.Total }),
		"human":  compiled.Int(func(c store.MessageCounts) int { return c.Human }),
		"ai":     compiled.Int(func(c store.MessageCounts) int { return c.Ai }),
		"system": compiled.Int(func(c store.MessageCounts) int { return c.System }),
		"tool":   compiled.Int(func(c store.MessageCounts) int { return c.Tool }),
		"other":  compiled.Int(func(c store.MessageCounts) int { return c.Other }),
	},
}

var planObject = &compiled.Object[store.Plan]{
	Name: "Plan",
	Fields: map[string]compiled.Field[store.Plan]{
		"planId":    compiled.String(func(p store.Plan) string { return p.PlanID }),
		"subtasks":  compiled.Strings(func(p store.Plan) []string { return p.Subtasks }),
		"createdAt": compiled.Time(func(p store.Plan) time.Time { return p.CreatedAt }),
	},
}

var toolExecutionObject = &compiled.Object[store.ToolExecution]{
	Name: "ToolExecution",
	Fields: map[string]compiled.Field[store.ToolExecution]{
		"toolId":       compiled.String(func(e store.ToolExecution) string { return e.ToolID }),
		"planId":       compiled.NullableString(func(e store.ToolExecution) *string { return e.PlanID }),
		"tool":         compiled.String(func(e store.ToolExecution) string { return e.Tool }),
		"parameters":   compiled.JSON(func(e store.ToolExecution) json.RawMessage { return e.Parameters }),
		"toolResponse": compiled.NullableJSON(func(e store.ToolExecution) json.RawMessage { return e.ToolResponse }),
		"createdAt":    compiled.Time(func(e store.ToolExecution) time.Time { return e.CreatedAt }),
	},
}

var pendingToolCallObject = &compiled.Object[store.PendingToolCall]{
	Name: "PendingToolCall",
	Fields: map[string]compiled.Field[store.PendingToolCall]{
		"id":        compiled.String(func(c store.PendingToolCall) string { return c.ID }),
		"name":      compiled.String(func(c store.PendingToolCall) string { return c.Name }),
		"args":      compiled.JSON(func(c store.PendingToolCall) json.RawMessage { return c.Args }),
		"messageId": compiled.String(func(c store.PendingToolCall) string { return c.MessageID }),
		"seq":       compiled.Int(func(c store.PendingToolCall) int { return c.Seq }),
	},
}

var agentStateObject = &compiled.Object[*store.AgentState]{
	Name: "AgentState",
	Fields: map[string]compiled.Field[*store.AgentState]{
		"id":                compiled.Plain((*store.AgentState).AppendID),
		"threadId":          compiled.String(func(s *store.AgentState) string { return s.ThreadID }),
		"version":           compiled.Int(func(s *store.AgentState) int { return s.Version }),
		"messages":          messagesField,
		"langChainMessages": langChainField,
		"pendingToolCalls":  compiled.ListOf(pendingToolCallObject, func(s *store.AgentState) []store.PendingToolCall { return s.PendingToolCalls }),
		"messageCursor":     compiled.String((*store.AgentState).MessageCursor),
		"changeCursor":      compiled.String((*store.AgentState).EditCursor),
		"messageCounts":     compiled.Of(messageCountsObject, func(s *store.AgentState) store.MessageCounts { return s.MessageCounts }),
		"context":           compiled.String(func(s *store.AgentState) string { return s.Context }),
		"relevant":          compiled.Bool(func(s *store.AgentState) bool { return s.Relevant }),
		"plan":              compiled.ListOf(planObject, func(s *store.AgentState) []store.Plan { return s.Plan }),
		"toolCalls":         compiled.ListOf(toolExecutionObject, func(s *store.AgentState) []store.ToolExecution { return s.ToolCalls }),
		"metadata":          compiled.JSON(func(s *store.AgentState) json.RawMessage { return s.Metadata }),
		"createdAt":         compiled.Time(func(s *store.AgentState) time.Time { return s.CreatedAt }),
		"lastUpdated":       compiled.Time(func(s *store.AgentState) time.Time { return s.LastUpdated }),
		"ttlSeconds":        compiled.Int(func(s *store.AgentState) int { return s.TTLSeconds }),
		"expiresAt":         compiled.Time(func(s *store.AgentState) time.Time { return s.ExpiresAt }),
	},
}

// messagesField writes the page of messages that was read with the thread.
func messagesField(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[*store.AgentState] {
	write := messageConnectionObject.Compile(c, field.Selections)
	if write == nil {
		return nil
	}
	keyOf := pageKeyOf(c.Op, field)
	return func(r *compiled.Run, s *store.AgentState) {
		key, err := keyOf(r.Op)
		if page := s.Pages[key]; err == nil && page != nil && page.Err == nil {
			write(r, page)
			return
		}
		r.Fail()
	}
}

// langChainField writes the page of messages that was read with the thread in a form of LangChain.
func langChainField(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[*store.AgentState] {
	keyOf := pageKeyOf(c.Op, field)
	return func(r *compiled.Run, s *store.AgentState) {
		key, err := keyOf(r.Op)
		format, ok := field.ArgumentMap(r.Op.Variables)["format"].(string)
		page := s.Pages[key]
		if err != nil || !ok || page == nil || page.Err != nil {
			r.Fail()
			return
		}
		r.Out = append(r.Out, '[')
		for i, m := range page.Messages {
			raw, err := langchain.Render(m, langchain.Format(format))
			if err != nil {
				r.Fail()
				return
			}
			if i > 0 {
				r.Out = append(r.Out, ',')
			}
			r.Out = append(r.Out, raw...)
		}
		r.Out = append(r.Out, ']')
	}
}

var ttlObject = &compiled.Object[*store.TTL]{
	Name: "Ttl",
	Fields: map[string]compiled.Field[*store.TTL]{
		"ttlSeconds": compiled.Int(func(t *store.TTL) int { return t.TTLSeconds }),
		"expiresAt":  compiled.Time(func(t *store.TTL) time.Time { return t.ExpiresAt }),
	},
}

var pageInfoObject = &compiled.Object[*graph.PageInfo]{
	Name: "PageInfo",
	Fields: map[string]compiled.Field[*graph.PageInfo]{
		"hasNextPage":     compiled.Bool(func(p *graph.PageInfo) bool { return p.HasNextPage }),
		"hasPreviousPage": compiled.Bool(func(p *graph.PageInfo) bool { return p.HasPreviousPage }),
		"startCursor":     compiled.NullableString(func(p *graph.PageInfo) *string { return p.StartCursor }),
		"endCursor":       compiled.NullableString(func(p *graph.PageInfo) *string { return p.EndCursor }),
	},
}

var agentStateEdgeObject = &compiled.Object[*graph.AgentStateEdge]{
	Name: "AgentStateEdge",
	Fields: map[string]compiled.Field[*graph.AgentStateEdge]{
		"cursor": compiled.String(func(e *graph.AgentStateEdge) string { return e.Cursor }),
		"node":   compiled.Of(agentStateObject, func(e *graph.AgentStateEdge) *store.AgentState { return e.Node }),
	},
}

// The totalCount of these two lists is a question of its own to Redis, so it is left to gqlgen.

var agentStateConnectionObject = &compiled.Object[*graph.AgentStateConnection]{
	Name: "AgentStateConnection",
	Fields: map[string]compiled.Field[*graph.AgentStateConnection]{
		"edges":    compiled.ListOf(agentStateEdgeObject, func(c *graph.AgentStateConnection) []*graph.AgentStateEdge { return c.Edges }),
		"nodes":    compiled.ListOf(agentStateObject, func(c *graph.AgentStateConnection) []*store.AgentState { return c.Nodes }),
		"pageInfo": compiled.Of(pageInfoObject, func(c *graph.AgentStateConnection) *graph.PageInfo { return c.PageInfo }),
	},
}

var threadIDEdgeObject = &compiled.Object[*graph.ThreadIDEdge]{
	Name: "ThreadIdEdge",
	Fields: map[string]compiled.Field[*graph.ThreadIDEdge]{
		"cursor": compiled.String(func(e *graph.ThreadIDEdge) string { return e.Cursor }),
		"node":   compiled.String(func(e *graph.ThreadIDEdge) string { return e.Node }),
	},
}

var threadIDConnectionObject = &compiled.Object[*graph.ThreadIDConnection]{
	Name: "ThreadIdConnection",
	Fields: map[string]compiled.Field[*graph.ThreadIDConnection]{
		"edges":    compiled.ListOf(threadIDEdgeObject, func(c *graph.ThreadIDConnection) []*graph.ThreadIDEdge { return c.Edges }),
		"nodes":    compiled.Strings(func(c *graph.ThreadIDConnection) []string { return c.Nodes }),
		"pageInfo": compiled.Of(pageInfoObject, func(c *graph.ThreadIDConnection) *graph.PageInfo { return c.PageInfo }),
	},
}

var messageChangeObject = &compiled.Object[*graph.MessageChange]{
	Name: "MessageChange",
	Fields: map[string]compiled.Field[*graph.MessageChange]{
		"kind":      compiled.String(func(c *graph.MessageChange) graph.MessageChangeKind { return c.Kind }),
		"threadId":  compiled.String(func(c *graph.MessageChange) string { return c.ThreadID }),
		"messageId": compiled.NullableString(func(c *graph.MessageChange) *string { return c.MessageID }),
		"seq":       compiled.Int(func(c *graph.MessageChange) int { return c.Seq }),
		"message":   compiled.Optional(messageObject, func(c *graph.MessageChange) *store.Message { return c.Message }),
		"version":   compiled.Int(func(c *graph.MessageChange) int { return c.Version }),
		"timestamp": compiled.Time(func(c *graph.MessageChange) time.Time { return c.Timestamp }),
		"cursor":    compiled.String(func(c *graph.MessageChange) string { return c.Cursor }),
	},
}

var agentStateChangeObject = &compiled.Object[*graph.AgentStateChange]{
	Name: "AgentStateChange",
	Fields: map[string]compiled.Field[*graph.AgentStateChange]{
		"kind":       compiled.String(func(c *graph.AgentStateChange) graph.AgentStateChangeKind { return c.Kind }),
		"agentState": compiled.Optional(agentStateObject, func(c *graph.AgentStateChange) *store.AgentState { return c.AgentState }),
		"version":    compiled.Int(func(c *graph.AgentStateChange) int { return c.Version }),
	},
}
