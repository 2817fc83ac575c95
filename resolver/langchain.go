package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"agentstate/graph"
	"agentstate/internal/langchain"
	"agentstate/store"
)

// addLangChainMessages adds messages of LangChain and OpenAI. One round trip.
func (r *Resolver) addLangChainMessages(ctx context.Context, in graph.AddLangChainMessagesInput) (*graph.AddLangChainMessagesPayload, error) {
	parsed, err := r.langChain(in.Messages)
	if err != nil {
		return nil, err
	}
	if in.Reducer == graph.MessageReducerAddMessages {
		return r.reduce(ctx, in, parsed)
	}
	a := store.Append{CreateIfMissing: in.CreateIfMissing, ExpectedVersion: in.ExpectedVersion}
	for i, p := range parsed {
		if p.Remove != "" {
			at := fmt.Sprintf("input.messages[%d]", i)
			return nil, badInput(at, "Give reducer ADD_MESSAGES to remove messages: messages[%d] is of the type remove", i)
		}
		a.Messages = append(a.Messages, p.Message)
	}
	appended, err := r.appendMessages(ctx, in.ThreadID, a)
	if err != nil {
		return nil, err
	}
	return &graph.AddLangChainMessagesPayload{
		Messages: appended.Messages, AgentState: appended.State, Duplicates: appended.Duplicates,
	}, nil
}

// reduce puts messages together with those of a thread as LangGraph's add_messages does.
// https://github.com/langchain-ai/langgraph/blob/main/libs/langgraph/langgraph/graph/message.py
func (r *Resolver) reduce(
	ctx context.Context, in graph.AddLangChainMessagesInput, parsed []langchain.Parsed,
) (*graph.AddLangChainMessagesPayload, error) {
	if err := firstError(checkID("input.threadId", in.ThreadID), checkExpected(in.ExpectedVersion)); err != nil {
		return nil, err
	}
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	e := store.Edit{Steps: reductionOf(parsed), CreateIfMissing: in.CreateIfMissing, ExpectedVersion: in.ExpectedVersion}
	edited, err := r.threads(ctx).Edit(ctx, in.ThreadID, e, read)
	if err != nil {
		return nil, about(err, in.ThreadID)
	}
	return &graph.AddLangChainMessagesPayload{Messages: edited.Messages, AgentState: edited.State, Duplicates: edited.Unchanged}, nil
}

// reductionOf gives the steps of a reduction. What stands ahead of the last one that removes all does not count.
func reductionOf(parsed []langchain.Parsed) []store.Step {
	var steps []store.Step
	for _, p := range parsed {
		switch p.Remove {
		case "":
			steps = append(steps, store.Put(p.Message))
		case langchain.RemoveAll:
			steps = []store.Step{store.TruncateAfter(0)}
		default:
			steps = append(steps, store.Remove(p.Remove))
		}
	}
	return steps
}

// langChain takes in messages of LangChain and OpenAI.
func (r *Resolver) langChain(raw []json.RawMessage) ([]langchain.Parsed, error) {
	const argument = "input.messages"
	switch {
	case len(raw) == 0:
		return nil, badInput(argument, "Give input.messages at least one message")
	case len(raw) > r.Limits.BatchMessages:
		return nil, tooLarge(argument, "the number of messages at once", r.Limits.BatchMessages, len(raw))
	}
	parsed := make([]langchain.Parsed, len(raw))
	for i, one := range raw {
		at := fmt.Sprintf("%s[%d]", argument, i)
		if err := checkSize(at, len(one), r.Limits.MessageBytes); err != nil {
			return nil, err
		}
		p, err := langchain.Parse(one, r.NewID)
		if wrong, ok := errors.AsType[*langchain.InvalidError](err); ok {
			return nil, badInput(at+wrong.Path, "Give messages[%d]%s %s", i, wrong.Path, wrong.Want)
		}
		if err == nil && p.Message != nil {
			err = r.checkMessage(at, p.Message)
		}
		if err != nil {
			return nil, err
		}
		parsed[i] = p
	}
	return parsed, nil
}

// langChainMessages gives a page of a thread's messages in a format.
func (r *Resolver) langChainMessages(
	ctx context.Context, s *store.AgentState, format graph.MessageFormat, key store.PageKey,
) ([]json.RawMessage, error) {
	page, err := r.messagesOf(ctx, s, key)
	if err != nil {
		return nil, err
	}
	rendered := make([]json.RawMessage, len(page.Nodes))
	for i, m := range page.Nodes {
		rendered[i], err = langchain.Render(m, langchain.Format(format))
		if cannot, ok := errors.AsType[*langchain.CannotSayError](err); ok {
			e := badInput("format", "Ask for another format: the message %q has %s, for which %s has no place", m.MessageID, cannot.Field, format)
			e.Extensions["threadId"], e.Extensions["messageId"] = s.ThreadID, m.MessageID
			return nil, e
		}
		if err != nil {
			return nil, err
		}
	}
	return rendered, nil
}
