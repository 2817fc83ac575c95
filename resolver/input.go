package resolver

import (
	"encoding/json"
	"fmt"
	"time"

	"agentstate/graph"
	"agentstate/store"
)

// messages turns a list of input messages into those of the store, checked and with their ids.
func (r *Resolver) messages(argument string, inputs []*graph.MessageInput) ([]*store.Message, error) {
	if len(inputs) > r.Limits.BatchMessages {
		return nil, tooLarge(argument, "the number of messages at once", r.Limits.BatchMessages, len(inputs))
	}
	messages := make([]*store.Message, len(inputs))
	for i, input := range inputs {
		m, err := r.message(fmt.Sprintf("%s[%d]", argument, i), input)
		if err != nil {
			return nil, err
		}
		messages[i] = m
	}
	return messages, nil
}

// message turns an input message into one of the store, checked and with its id.
func (r *Resolver) message(argument string, in *graph.MessageInput) (*store.Message, error) {
	m := &store.Message{
		Type: in.Type, Content: in.Content, Name: in.Name, ToolCallID: in.ToolCallID, Status: in.Status,
		Metadata: in.Metadata, ResponseMetadata: in.ResponseMetadata,
	}
	// An empty object reads like none, and must not make a message that is sent again another one.
	for _, object := range []*json.RawMessage{&m.Metadata, &m.ResponseMetadata} {
		if string(*object) == "{}" {
			*object = nil
		}
	}
	if in.Timestamp != nil {
		m.Timestamp = *in.Timestamp
	}
	m.Usage, m.ToolCalls = usageOf(in.Usage), callsOf(in.ToolCalls)
	err := firstError(
		checkTimestamp(argument+".timestamp", in.Timestamp),
		checkOptionalID(argument+".messageId", in.MessageID),
		r.checkMessage(argument, m),
	)
	if err != nil {
		return nil, err
	}
	if in.MessageID != nil {
		m.MessageID = *in.MessageID
	} else {
		m.MessageID = r.NewID()
	}
	return m, nil
}

func usageOf(in *graph.UsageInput) *store.Usage {
	if in == nil {
		return nil
	}
	return &store.Usage{InputTokens: in.InputTokens, OutputTokens: in.OutputTokens, TotalTokens: in.TotalTokens}
}

func callsOf(inputs []*graph.MessageToolCallInput) []store.MessageToolCall {
	var calls []store.MessageToolCall
	for _, call := range inputs {
		calls = append(calls, store.MessageToolCall{ID: call.ID, Name: call.Name, Args: call.Args})
	}
	return calls
}

// checkMessage checks what a message has beside its id and its time. Its source, where it came in another form, says mostly the same again,
// and does not count.
func (r *Resolver) checkMessage(argument string, m *store.Message) error {
	return firstError(
		checkContent(argument+".content", m.Content),
		checkOptionalID(argument+".name", m.Name),
		checkOptionalID(argument+".toolCallId", m.ToolCallID),
		checkObject(argument+".metadata", m.Metadata, r.Limits.MessageBytes),
		checkObject(argument+".responseMetadata", m.ResponseMetadata, r.Limits.MessageBytes),
		checkCalls(argument+".toolCalls", m.ToolCalls),
		checkUsage(argument+".usage", m.Usage),
		checkSize(argument, m.Size()-len(m.Source), r.Limits.MessageBytes),
	)
}

func checkCalls(argument string, calls []store.MessageToolCall) error {
	if len(calls) > maxMessageCalls {
		return badInput(argument, "Give %s at most %d calls, not %d", argument, maxMessageCalls, len(calls))
	}
	for i, call := range calls {
		at := fmt.Sprintf("%s[%d]", argument, i)
		if err := firstError(checkOptionalID(at+".id", call.ID), checkID(at+".name", call.Name)); err != nil {
			return err
		}
	}
	return nil
}

// checkTimestamp refuses the one time that stands for none in many languages, and in the store.
func checkTimestamp(argument string, t *time.Time) error {
	if t != nil && t.IsZero() {
		return badInput(argument, "Give %s the time of the message, or leave it out", argument)
	}
	return nil
}

func checkUsage(argument string, usage *store.Usage) error {
	if usage == nil {
		return nil
	}
	for _, n := range []struct {
		name string
		n    int
	}{{"inputTokens", usage.InputTokens}, {"outputTokens", usage.OutputTokens}, {"totalTokens", usage.TotalTokens}} {
		if n.n < 0 {
			return badInput(argument+"."+n.name, "Give %s.%s a number of tokens, not %d", argument, n.name, n.n)
		}
	}
	return nil
}

// create turns the input of createAgentState into what the store takes.
func (r *Resolver) create(in graph.CreateAgentStateInput) (threadID string, c store.Create, err error) {
	if in.ThreadID != nil {
		threadID = *in.ThreadID
	} else {
		threadID = r.NewID()
	}
	if c.Messages, err = r.messages("input.messages", in.Messages); err != nil {
		return "", store.Create{}, err
	}
	if in.TTLSeconds != nil {
		c.TTL = time.Duration(*in.TTLSeconds) * time.Second
		err = checkRange("input.ttlSeconds", *in.TTLSeconds, 1, maxTTLSeconds)
	}
	if in.Context != nil {
		c.Context = *in.Context
	}
	c.Relevant = in.Relevant != nil && *in.Relevant
	c.Metadata = in.Metadata
	return threadID, c, firstError(
		err,
		checkID("input.threadId", threadID),
		checkSize("input.context", len(c.Context), r.Limits.ContextBytes),
		checkObject("input.metadata", c.Metadata, r.Limits.MetadataBytes),
	)
}

// update turns the input of updateAgentState into what the store takes. Null puts a field back to what it is on creation.
func (r *Resolver) update(in graph.UpdateAgentStateInput) (store.Update, error) {
	u := store.Update{ExpectedVersion: in.ExpectedVersion}
	var err error
	if value, ok := in.Context.ValueOK(); ok {
		u.Context = orZero(value)
		err = firstError(err, checkSize("input.context", len(*u.Context), r.Limits.ContextBytes))
	}
	if value, ok := in.Relevant.ValueOK(); ok {
		u.Relevant = orZero(value)
	}
	if value, ok := in.Metadata.ValueOK(); ok {
		if u.Metadata = value; value == nil {
			u.Metadata = json.RawMessage("{}")
		}
		err = firstError(err, checkObject("input.metadata", u.Metadata, r.Limits.MetadataBytes))
	}
	if value, ok := in.TTLSeconds.ValueOK(); ok {
		u.TTL = new(time.Duration)
		if value != nil {
			*u.TTL = time.Duration(*value) * time.Second
			err = firstError(err, checkRange("input.ttlSeconds", *value, 1, maxTTLSeconds))
		}
	}
	if value, ok := in.Plan.ValueOK(); ok {
		plans, planErr := r.plans(value)
		u.Plan, err = &plans, firstError(err, planErr)
	}
	if value, ok := in.ToolCalls.ValueOK(); ok {
		runs, runErr := r.toolRuns(value)
		u.ToolCalls, err = &runs, firstError(err, runErr)
	}
	return u, err
}

// orZero gives what p points to, or the zero value.
func orZero[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}

func (r *Resolver) plans(inputs []*graph.PlanInput) ([]store.Plan, error) {
	const argument = "input.plan"
	ids, err := newIDs(argument, len(inputs))
	if err != nil {
		return nil, err
	}
	plans := make([]store.Plan, len(inputs))
	for i, in := range inputs {
		at := fmt.Sprintf("%s[%d]", argument, i)
		plan := store.Plan{PlanID: r.idOr(in.PlanID), Subtasks: in.Subtasks, CreatedAt: r.timeOr(in.CreatedAt)}
		if err := firstError(ids.add(at+".planId", plan.PlanID), checkSubtasks(at+".subtasks", in.Subtasks)); err != nil {
			return nil, err
		}
		plans[i] = plan
	}
	return plans, nil
}

func (r *Resolver) toolRuns(inputs []*graph.ToolExecutionInput) ([]store.ToolExecution, error) {
	const argument = "input.toolCalls"
	ids, err := newIDs(argument, len(inputs))
	if err != nil {
		return nil, err
	}
	runs := make([]store.ToolExecution, len(inputs))
	for i, in := range inputs {
		at := fmt.Sprintf("%s[%d]", argument, i)
		run := store.ToolExecution{
			ToolID: r.idOr(in.ToolID), PlanID: in.PlanID, Tool: in.Tool,
			Parameters: in.Parameters, ToolResponse: in.ToolResponse, CreatedAt: r.timeOr(in.CreatedAt),
		}
		err := firstError(ids.add(at+".toolId", run.ToolID), checkOptionalID(at+".planId", in.PlanID), checkID(at+".tool", in.Tool))
		if err != nil {
			return nil, err
		}
		runs[i] = run
	}
	return runs, nil
}

// idSet finds ids that are given twice.
type idSet map[string]struct{}

func newIDs(argument string, n int) (idSet, error) {
	if n > maxListed {
		return nil, badInput(argument, "Give %s at most %d, not %d", argument, maxListed, n)
	}
	return make(idSet, n), nil
}

func (s idSet) add(argument, id string) error {
	if _, twice := s[id]; twice {
		return badInput(argument, "Give %s only once; %q is there already", argument, id)
	}
	s[id] = struct{}{}
	return checkID(argument, id)
}

func checkSubtasks(argument string, subtasks []string) error {
	if len(subtasks) < 1 || len(subtasks) > maxSubtasks {
		return badInput(argument, "Give %s 1 to %d subtasks, not %d", argument, maxSubtasks, len(subtasks))
	}
	for i, subtask := range subtasks {
		if subtask == "" || len(subtask) > maxSubtaskBytes {
			at := fmt.Sprintf("%s[%d]", argument, i)
			return badInput(at, "Give %s 1 to %d bytes, not %d", at, maxSubtaskBytes, len(subtask))
		}
	}
	return nil
}

func (r *Resolver) idOr(id *string) string {
	if id != nil {
		return *id
	}
	return r.NewID()
}

func (r *Resolver) timeOr(t *time.Time) time.Time {
	if t != nil {
		return *t
	}
	return r.Now().UTC().Truncate(time.Microsecond)
}
