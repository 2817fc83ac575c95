package resolver

import (
	"github.com/99designs/gqlgen/graphql"

	"agentstate/graph"
	"agentstate/internal/compiled"
	"agentstate/store"
)

// payload fields compile what is selected of the payload of a mutation.
type payloadField func(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[any]

// payloadOf makes a payload field of an object.
func payloadOf[T any](object *compiled.Object[*T]) payloadField {
	return func(c *compiled.Compiler, field graphql.CollectedField) compiled.Writer[any] {
		write := object.Compile(c, field.Selections)
		if write == nil {
			return nil
		}
		return func(r *compiled.Run, payload any) {
			if of, ok := payload.(*T); ok && of != nil {
				write(r, of)
				return
			}
			r.Fail()
		}
	}
}

// mutationPayloads are the fields of Mutation.
var mutationPayloads = map[string]payloadField{
	"createAgentState": stateAlone("CreateAgentStatePayload", func(p *graph.CreateAgentStatePayload) *store.AgentState { return p.AgentState }),
	"updateAgentState": stateAlone("UpdateAgentStatePayload", func(p *graph.UpdateAgentStatePayload) *store.AgentState { return p.AgentState }),
	"setContext":       stateAlone("SetContextPayload", func(p *graph.SetContextPayload) *store.AgentState { return p.AgentState }),
	"setRelevance":     stateAlone("SetRelevancePayload", func(p *graph.SetRelevancePayload) *store.AgentState { return p.AgentState }),
	"deleteAgentState": payloadOf(&compiled.Object[*graph.DeleteAgentStatePayload]{
		Name: "DeleteAgentStatePayload",
		Fields: map[string]compiled.Field[*graph.DeleteAgentStatePayload]{
			"deletedThreadId": compiled.String(func(p *graph.DeleteAgentStatePayload) string { return p.DeletedThreadID }),
		},
	}),
	"addMessage": payloadOf(&compiled.Object[*graph.AddMessagePayload]{
		Name: "AddMessagePayload",
		Fields: map[string]compiled.Field[*graph.AddMessagePayload]{
			"message":    compiled.Of(messageObject, func(p *graph.AddMessagePayload) *store.Message { return p.Message }),
			"agentState": compiled.Of(agentStateObject, func(p *graph.AddMessagePayload) *store.AgentState { return p.AgentState }),
			"duplicate":  compiled.Bool(func(p *graph.AddMessagePayload) bool { return p.Duplicate }),
		},
	}),
	"addMessages": payloadOf(&compiled.Object[*graph.AddMessagesPayload]{
		Name: "AddMessagesPayload",
		Fields: map[string]compiled.Field[*graph.AddMessagesPayload]{
			"messages":   compiled.ListOf(messageObject, func(p *graph.AddMessagesPayload) []*store.Message { return p.Messages }),
			"agentState": compiled.Of(agentStateObject, func(p *graph.AddMessagesPayload) *store.AgentState { return p.AgentState }),
			"duplicate":  compiled.Bool(func(p *graph.AddMessagesPayload) bool { return p.Duplicate }),
			"duplicates": compiled.Int(func(p *graph.AddMessagesPayload) int { return p.Duplicates }),
		},
	}),
	"updateMessage": payloadOf(&compiled.Object[*graph.UpdateMessagePayload]{
		Name: "UpdateMessagePayload",
		Fields: map[string]compiled.Field[*graph.UpdateMessagePayload]{
			"message":    compiled.Of(messageObject, func(p *graph.UpdateMessagePayload) *store.Message { return p.Message }),
			"agentState": compiled.Of(agentStateObject, func(p *graph.UpdateMessagePayload) *store.AgentState { return p.AgentState }),
		},
	}),
	"deleteMessage": payloadOf(&compiled.Object[*graph.DeleteMessagePayload]{
		Name: "DeleteMessagePayload",
		Fields: map[string]compiled.Field[*graph.DeleteMessagePayload]{
			"deletedMessageId": compiled.String(func(p *graph.DeleteMessagePayload) string { return p.DeletedMessageID }),
			"agentState":       compiled.Of(agentStateObject, func(p *graph.DeleteMessagePayload) *store.AgentState { return p.AgentState }),
		},
	}),
	"truncateMessages": payloadOf(&compiled.Object[*graph.TruncateMessagesPayload]{
		Name: "TruncateMessagesPayload",
		Fields: map[string]compiled.Field[*graph.TruncateMessagesPayload]{
			"deletedCount": compiled.Int(func(p *graph.TruncateMessagesPayload) int { return p.DeletedCount }),
			"agentState":   compiled.Of(agentStateObject, func(p *graph.TruncateMessagesPayload) *store.AgentState { return p.AgentState }),
		},
	}),
	"forkAgentState": stateAlone("ForkAgentStatePayload", func(p *graph.ForkAgentStatePayload) *store.AgentState { return p.AgentState }),
	"addPlan": payloadOf(&compiled.Object[*graph.AddPlanPayload]{
		Name: "AddPlanPayload",
		Fields: map[string]compiled.Field[*graph.AddPlanPayload]{
			"plan":       compiled.Of(planObject, func(p *graph.AddPlanPayload) store.Plan { return *p.Plan }),
			"agentState": compiled.Of(agentStateObject, func(p *graph.AddPlanPayload) *store.AgentState { return p.AgentState }),
		},
	}),
	"addToolCall": payloadOf(&compiled.Object[*graph.AddToolCallPayload]{
		Name: "AddToolCallPayload",
		Fields: map[string]compiled.Field[*graph.AddToolCallPayload]{
			"toolCall":   compiled.Of(toolExecutionObject, func(p *graph.AddToolCallPayload) store.ToolExecution { return *p.ToolCall }),
			"agentState": compiled.Of(agentStateObject, func(p *graph.AddToolCallPayload) *store.AgentState { return p.AgentState }),
		},
	}),
	"extendTtl": payloadOf(&compiled.Object[*graph.ExtendTTLPayload]{
		Name: "ExtendTtlPayload",
		Fields: map[string]compiled.Field[*graph.ExtendTTLPayload]{
			"ttl": compiled.Of(ttlObject, func(p *graph.ExtendTTLPayload) *store.TTL { return p.TTL }),
		},
	}),
	"cleanupExpired": payloadOf(&compiled.Object[*graph.CleanupExpiredPayload]{
		Name: "CleanupExpiredPayload",
		Fields: map[string]compiled.Field[*graph.CleanupExpiredPayload]{
			"deletedCount": compiled.Int(func(p *graph.CleanupExpiredPayload) int { return p.DeletedCount }),
			"threadIds":    compiled.Strings(func(p *graph.CleanupExpiredPayload) []string { return p.ThreadIds }),
			"maxAgeDays":   compiled.Int(func(p *graph.CleanupExpiredPayload) int { return p.MaxAgeDays }),
			"dryRun":       compiled.Bool(func(p *graph.CleanupExpiredPayload) bool { return p.DryRun }),
		},
	}),
}

// stateAlone is a payload that has nothing but the thread.
func stateAlone[T any](name string, state func(*T) *store.AgentState) payloadField {
	return payloadOf(&compiled.Object[*T]{
		Name:   name,
		Fields: map[string]compiled.Field[*T]{"agentState": compiled.Of(agentStateObject, state)},
	})
}
