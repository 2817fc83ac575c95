//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"agentstate/store"
)

// messageBytes is the size of every message as it lies in Redis.
const messageBytes = 562

// idForm makes the ids of messages, all of one length.
const idForm = "m-%010d"

// talk are the messages of a conversation with tools, of messageBytes each: request, tool call, its answer, and what is said of it. Keys are in
// order and numbers without spare digits, so that every server can give them back as they are.
var talk = makeTalk()

func makeTalk() []*store.Message {
	call, ok := "call_4f1c", store.Success
	messages := []*store.Message{
		{Type: store.Human, Content: words("Could you move my flight \\\"HAT170\\\" to the 20th?\\n")},
		{Type: store.AI, Content: words("Let me look."), ToolCalls: []store.MessageToolCall{{
			ID: &call, Name: "search_direct_flight", Args: json.RawMessage(`{"cabins":["economy","business"],"date":"2024-05-20","destination":"SEA","max":12.5,"origin":"JFK"}`),
		}}},
		{Type: store.Tool, Content: words("[{\\\"flight\\\": \\\"HAT083\\\"}]"), ToolCallID: &call, Status: &ok},
		{Type: store.AI, Content: words("There is one at 7 o’clock – shall I book it?\\t")},
	}
	for _, m := range messages {
		m.MessageID = fmt.Sprintf(idForm, 0)
		short := messageBytes - len(bodyOf(m))
		content := string(m.Content[:len(m.Content)-1]) + strings.Repeat(" and on", short/7+1)[:short] + `"`
		m.Content = json.RawMessage(content)
	}
	return messages
}

func words(text string) json.RawMessage { return json.RawMessage(`"` + text + `"`) }

// bodyOf is a message as the store keeps it.
func bodyOf(m *store.Message) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		panic(err) // it was made here
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// message is message i of a thread.
func message(i int) *store.Message {
	m := *talk[i%len(talk)]
	m.MessageID = fmt.Sprintf(idForm, i)
	return &m
}

// inputOf is a message as clients send it by GraphQL.
func inputOf(m *store.Message) []byte {
	input := map[string]any{"messageId": m.MessageID, "type": m.Type, "content": m.Content}
	if m.ToolCalls != nil {
		input["toolCalls"] = m.ToolCalls
	}
	if m.ToolCallID != nil {
		input["toolCallId"], input["status"] = m.ToolCallID, m.Status
	}
	return mustJSON(input)
}

func mustJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // it was made here
	}
	return text
}

// fill adds the first messages to a thread, which it creates where it is missing.
func fill(ctx context.Context, threads *store.Threads, threadID string, messages int) error {
	const batch = 500
	for from := 0; from < messages; from += batch {
		n := min(batch, messages-from)
		a := store.Append{CreateIfMissing: true, Messages: make([]*store.Message, n)}
		for i := range a.Messages {
			a.Messages[i] = message(from + i)
		}
		if _, err := threads.Append(ctx, threadID, a, nil); err != nil {
			return err
		}
	}
	return nil
}

// fillAll adds the first messages to each of n threads.
func fillAll(ctx context.Context, threads *store.Threads, name func(i int) string, n, messages int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error { return fill(ctx, threads, name(i), messages) })
	}
	return g.Wait()
}

// openStore opens the store of a Redis, beside the servers.
func openStore(addr string) (*store.Store, error) {
	o := store.DefaultOptions()
	o.Connection.Addrs = []string{addr}
	o.MaxThreadMessages = mostMessages
	o.SweepInterval = time.Hour // the servers sweep
	return store.Open(o)
}

// mostMessages is how many messages a thread may hold here: more than by default, so that one of 100,000 takes more.
const mostMessages = 10_000_000
