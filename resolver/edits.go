package resolver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"agentstate/graph"
	"agentstate/internal/feed"
	"agentstate/internal/langchain"
	"agentstate/store"
)

// updateMessage changes a message in its place. Two round trips, and two more for each who changes it at the same time.
func (r *Resolver) updateMessage(ctx context.Context, in graph.UpdateMessageInput) (*graph.UpdateMessagePayload, error) {
	if err := checkEdit(in.ThreadID, in.MessageID, in.ExpectedVersion); err != nil {
		return nil, err
	}
	change, err := r.messageChange(in)
	if err != nil {
		return nil, err
	}
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	message, state, err := r.threads(ctx).ChangeMessage(ctx, in.ThreadID, in.MessageID, in.ExpectedVersion, change, read)
	if err != nil {
		return nil, about(err, in.ThreadID)
	}
	return &graph.UpdateMessagePayload{Message: message, AgentState: state}, nil
}

// deleteMessage deletes a message. One round trip.
func (r *Resolver) deleteMessage(ctx context.Context, in graph.DeleteMessageInput) (*graph.DeleteMessagePayload, error) {
	if err := checkEdit(in.ThreadID, in.MessageID, in.ExpectedVersion); err != nil {
		return nil, err
	}
	edited, err := r.edit(ctx, in.ThreadID, in.ExpectedVersion, store.Remove(in.MessageID))
	if err != nil {
		return nil, err
	}
	return &graph.DeleteMessagePayload{DeletedMessageID: in.MessageID, AgentState: edited.State}, nil
}

// truncateMessages deletes all messages behind a number. One round trip.
func (r *Resolver) truncateMessages(ctx context.Context, in graph.TruncateMessagesInput) (*graph.TruncateMessagesPayload, error) {
	err := firstError(checkID("input.threadId", in.ThreadID), checkExpected(in.ExpectedVersion))
	if err == nil && in.AfterSeq < 0 {
		err = badInput("input.afterSeq", "Give input.afterSeq the seq of the last message that stays, or 0, not %d", in.AfterSeq)
	}
	if err != nil {
		return nil, err
	}
	edited, err := r.edit(ctx, in.ThreadID, in.ExpectedVersion, store.TruncateAfter(in.AfterSeq))
	if err != nil {
		return nil, err
	}
	return &graph.TruncateMessagesPayload{DeletedCount: edited.Removed, AgentState: edited.State}, nil
}

// edit changes messages of a thread.
func (r *Resolver) edit(ctx context.Context, threadID string, expected *int, steps ...store.Step) (*store.Edited, error) {
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	edited, err := r.threads(ctx).Edit(ctx, threadID, store.Edit{Steps: steps, ExpectedVersion: expected}, read)
	return edited, about(err, threadID)
}

// forkAgentState makes a new thread of the beginning of another one. See store.Fork for its round trips.
func (r *Resolver) forkAgentState(ctx context.Context, in graph.ForkAgentStateInput) (*graph.ForkAgentStatePayload, error) {
	newID := r.idOr(in.NewThreadID)
	f := store.Fork{UpTo: in.UpToSeq, Metadata: in.Metadata}
	err := firstError(
		checkID("input.threadId", in.ThreadID), checkID("input.newThreadId", newID),
		checkObject("input.metadata", in.Metadata, r.Limits.MetadataBytes),
	)
	if err == nil && in.TTLSeconds != nil {
		f.TTL = time.Duration(*in.TTLSeconds) * time.Second
		err = checkRange("input.ttlSeconds", *in.TTLSeconds, 1, maxTTLSeconds)
	}
	if err != nil {
		return nil, err
	}
	read, err := payload(ctx)
	if err != nil {
		return nil, err
	}
	state, err := r.threads(ctx).Fork(ctx, in.ThreadID, newID, f, read)
	switch {
	case errors.Is(err, store.ErrNoSuchPlace):
		return nil, badInput("input.upToSeq", "Give input.upToSeq the seq of a message that the thread has; there is none up to %d", *in.UpToSeq)
	case errors.Is(err, store.ErrExists):
		return nil, about(err, newID)
	case err != nil:
		return nil, about(err, in.ThreadID)
	}
	return &graph.ForkAgentStatePayload{AgentState: state}, nil
}

func checkEdit(threadID, messageID string, expected *int) error {
	return firstError(checkID("input.threadId", threadID), checkID("input.messageId", messageID), checkExpected(expected))
}

// messageChange turns the input of updateMessage into what changes a message of the store, and checks what it has become.
func (r *Resolver) messageChange(in graph.UpdateMessageInput) (func(*store.Message) error, error) {
	content, withContent := in.Content.ValueOK()
	if withContent && content == nil {
		return nil, badInput("input.content", "Give input.content a string or a list of content blocks, or leave it out")
	}
	change := func(m *store.Message) error {
		before := *m
		if withContent {
			m.Content = content
		}
		set(&m.Name, in.Name)
		set(&m.ToolCallID, in.ToolCallID)
		set(&m.Status, in.Status)
		setObject(&m.Metadata, in.Metadata)
		setObject(&m.ResponseMetadata, in.ResponseMetadata)
		if usage, ok := in.Usage.ValueOK(); ok {
			m.Usage = usageOf(usage)
		}
		if calls, ok := in.ToolCalls.ValueOK(); ok {
			m.ToolCalls = callsOf(calls)
		}
		if err := r.checkMessage("input", m); err != nil {
			return err
		}
		return unchangeable(langchain.Changed(&before, m))
	}
	// What does not depend on the message is refused before anything is read.
	return change, change(&store.Message{Content: json.RawMessage(`""`)})
}

// formFields are the fields of the API by their names in the forms that messages come in, of those that a type of messages cannot be without.
var formFields = map[string]string{"tool_call_id": "toolCallId", "name": "name"}

// unchangeable says why the form that a message came in does not let it be changed so.
func unchangeable(err error) error {
	if wrong, ok := errors.AsType[*langchain.InvalidError](err); ok {
		argument := "input"
		if field := formFields[wrong.Path[strings.LastIndexByte(wrong.Path, '.')+1:]]; field != "" {
			argument += "." + field
		}
		return badInput(argument, "Give %s %s: the form that the message came in has no such message without it", argument, wrong.Want)
	}
	if cannot, ok := errors.AsType[*langchain.CannotSayError](err); ok {
		return badInput("input", "Delete the message and add another one: it came with %s, which only its own form has, and that has no place for this change", cannot.Field)
	}
	return err
}

// set takes over a field that was given; null clears it.
func set[T any](field **T, given graphql.Omittable[*T]) {
	if value, ok := given.ValueOK(); ok {
		*field = value
	}
}

// setObject is set for a JSON object; an empty one reads like none.
func setObject(field *json.RawMessage, given graphql.Omittable[json.RawMessage]) {
	if value, ok := given.ValueOK(); ok {
		*field = value
		if string(value) == "{}" {
			*field = nil
		}
	}
}

// messageChangeKinds gives the words of the API for what happens to messages.
var messageChangeKinds = map[store.EditKind]graph.MessageChangeKind{
	store.MessageUpdated: graph.MessageChangeKindUpdated,
	store.MessageDeleted: graph.MessageChangeKindDeleted,
	store.Truncated:      graph.MessageChangeKindTruncated,
}

// messageChanged follows the changes of messages that a thread has had already. The stream ends with the context of the operation.
func (r *Resolver) messageChanged(ctx context.Context, threadID string, after *string) (<-chan *graph.MessageChange, error) {
	after, argument := resumed(ctx, after)
	if err := firstError(checkID("threadId", threadID), checkGivenCursor(argument, after)); err != nil {
		return nil, err
	}
	stream, err := r.Feed.Edits(ctx, r.threads(ctx), threadID, *orZero(after))
	if err != nil {
		return nil, aboutCursor(err, threadID, argument)
	}
	begin(ctx, feed.EditCursorOf(stream).String())
	return drawFrom(ctx, threadID, stream, messageChangeOf), nil
}

// messageChangeOf gives a change in the words of the API.
func messageChangeOf(e *store.MessageEdit) *graph.MessageChange {
	c := &graph.MessageChange{
		Kind: messageChangeKinds[e.Kind], ThreadID: e.ThreadID, Seq: e.Seq, Message: e.Message, Version: e.Version,
		Timestamp: e.At, Cursor: e.Cursor(),
	}
	if e.Kind == store.Truncated {
		c.ThroughSeq = &e.ThroughSeq
	} else {
		c.MessageID = &e.MessageID
	}
	return c
}
