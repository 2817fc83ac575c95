package resolver

import (
	"context"
	"time"

	"agentstate/graph"
	"agentstate/store"
)

// payload tells what the store must read for the agentState of a mutation's payload; nil where it is not selected. The error is
// that of an argument within the payload: nothing may be written for a request whose answer cannot be given.
func payload(ctx context.Context) (*store.Read, error) {
	sel := selected(ctx)
	if !sel.has("agentState") {
		return nil, nil //nolint:nilnil // nothing is to be read
	}
	state := sel.under("agentState")
	if err := state.checkPages(); err != nil {
		return nil, err
	}
	read := state.read()
	return &read, nil
}

// createAgentState makes a thread. One round trip.
func (r *Resolver) createAgentState(ctx context.Context, in graph.CreateAgentStateInput) (*graph.CreateAgentStatePayload, error) {
	threadID, create, err := r.create(in)
	if err != nil {
		return nil, err
	}
	if _, err := payload(ctx); err != nil {
		return nil, err
	}
	state, err := r.threads(ctx).Create(ctx, threadID, create, selected(ctx).under("agentState").read())
	if err != nil {
		return nil, about(err, threadID)
	}
	return &graph.CreateAgentStatePayload{AgentState: state}, nil
}

// change changes a thread and gives it as the payload wants it. One round trip.
func (r *Resolver) change(ctx context.Context, threadID string, u store.Update) (*store.AgentState, error) {
	if err := firstError(checkID("input.threadId", threadID), checkExpected(u.ExpectedVersion)); err != nil {
		return nil, err
	}
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	state, err := r.threads(ctx).Update(ctx, threadID, u, read)
	return state, about(err, threadID)
}

// appendMessages adds checked messages to a thread. One round trip.
func (r *Resolver) appendMessages(ctx context.Context, threadID string, a store.Append) (*store.Appended, error) {
	if err := firstError(checkID("input.threadId", threadID), checkExpected(a.ExpectedVersion)); err != nil {
		return nil, err
	}
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	appended, err := r.threads(ctx).Append(ctx, threadID, a, read)
	return appended, about(err, threadID)
}

func (r *Resolver) addMessage(ctx context.Context, in graph.AddMessageInput) (*graph.AddMessagePayload, error) {
	m, err := r.message("input.message", in.Message)
	if err != nil {
		return nil, err
	}
	a := store.Append{Messages: []*store.Message{m}, CreateIfMissing: in.CreateIfMissing, ExpectedVersion: in.ExpectedVersion}
	appended, err := r.appendMessages(ctx, in.ThreadID, a)
	if err != nil {
		return nil, err
	}
	return &graph.AddMessagePayload{
		Message: appended.Messages[0], AgentState: appended.State, Duplicate: appended.Duplicates > 0,
	}, nil
}

func (r *Resolver) addMessages(ctx context.Context, in graph.AddMessagesInput) (*graph.AddMessagesPayload, error) {
	if len(in.Messages) == 0 {
		return nil, badInput("input.messages", "Give input.messages at least one message")
	}
	messages, err := r.messages("input.messages", in.Messages)
	if err != nil {
		return nil, err
	}
	a := store.Append{Messages: messages, CreateIfMissing: in.CreateIfMissing, ExpectedVersion: in.ExpectedVersion}
	appended, err := r.appendMessages(ctx, in.ThreadID, a)
	if err != nil {
		return nil, err
	}
	return &graph.AddMessagesPayload{
		Messages: appended.Messages, AgentState: appended.State, Duplicates: appended.Duplicates,
		Duplicate: appended.Duplicates == len(messages),
	}, nil
}

func (r *Resolver) setContext(ctx context.Context, in graph.SetContextInput) (*graph.SetContextPayload, error) {
	if err := checkSize("input.context", len(in.Context), r.Limits.ContextBytes); err != nil {
		return nil, err
	}
	state, err := r.change(ctx, in.ThreadID, store.Update{ExpectedVersion: in.ExpectedVersion, Context: &in.Context})
	return &graph.SetContextPayload{AgentState: state}, err
}

func (r *Resolver) addPlan(ctx context.Context, in graph.AddPlanInput) (*graph.AddPlanPayload, error) {
	if err := checkSubtasks("input.subtasks", in.Subtasks); err != nil {
		return nil, err
	}
	plan := &store.Plan{PlanID: r.NewID(), Subtasks: in.Subtasks, CreatedAt: r.timeOr(nil)}
	state, err := r.change(ctx, in.ThreadID, store.Update{ExpectedVersion: in.ExpectedVersion, AddPlan: plan})
	return &graph.AddPlanPayload{Plan: plan, AgentState: state}, err
}

func (r *Resolver) addToolCall(ctx context.Context, in graph.AddToolCallInput) (*graph.AddToolCallPayload, error) {
	if err := firstError(checkOptionalID("input.planId", in.PlanID), checkID("input.tool", in.Tool)); err != nil {
		return nil, err
	}
	run := &store.ToolExecution{
		ToolID: r.NewID(), PlanID: in.PlanID, Tool: in.Tool,
		Parameters: in.Parameters, ToolResponse: in.ToolResponse, CreatedAt: r.timeOr(nil),
	}
	state, err := r.change(ctx, in.ThreadID, store.Update{ExpectedVersion: in.ExpectedVersion, AddToolCall: run})
	return &graph.AddToolCallPayload{ToolCall: run, AgentState: state}, err
}

func (r *Resolver) deleteAgentState(ctx context.Context, in graph.DeleteAgentStateInput) (*graph.DeleteAgentStatePayload, error) {
	if err := firstError(checkID("input.threadId", in.ThreadID), checkExpected(in.ExpectedVersion)); err != nil {
		return nil, err
	}
	if err := r.threads(ctx).Delete(ctx, in.ThreadID, in.ExpectedVersion); err != nil {
		return nil, about(err, in.ThreadID)
	}
	return &graph.DeleteAgentStatePayload{DeletedThreadID: in.ThreadID}, nil
}

func (r *Resolver) extendTTL(ctx context.Context, in graph.ExtendTTLInput) (*graph.ExtendTTLPayload, error) {
	if err := firstError(checkID("input.threadId", in.ThreadID), checkRange("input.ttlSeconds", in.TTLSeconds, 1, maxTTLSeconds)); err != nil {
		return nil, err
	}
	ttl, err := r.threads(ctx).ExtendTTL(ctx, in.ThreadID, in.TTLSeconds)
	if err != nil {
		return nil, about(err, in.ThreadID)
	}
	return &graph.ExtendTTLPayload{TTL: ttl}, nil
}

func (r *Resolver) cleanupExpired(ctx context.Context, in graph.CleanupExpiredInput) (*graph.CleanupExpiredPayload, error) {
	if err := checkRange("input.maxAgeDays", in.MaxAgeDays, 0, maxAgeDays); err != nil {
		return nil, err
	}
	age := time.Duration(in.MaxAgeDays) * 24 * time.Hour
	cleaned, err := r.threads(ctx).Cleanup(ctx, age, in.DryRun, maxCleanedIDs)
	if err != nil {
		return nil, about(err, "")
	}
	return &graph.CleanupExpiredPayload{
		DeletedCount: cleaned.Count, ThreadIds: cleaned.ThreadIDs, MaxAgeDays: in.MaxAgeDays, DryRun: in.DryRun,
	}, nil
}
