//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"agentstate/store"
)

// adding are requests that add messages to threads, one to each in turn.
type adding struct {
	threads *store.Threads
	// row keeps the threads of one use apart from those of others.
	row string
	// spread is over how many threads they go, held how many messages each has before.
	spread, held int
}

func (a adding) name(t *target, i int) string { return fmt.Sprintf("%s %s %04d", a.row, t.name, i) }

func (a adding) requests() requests { return requests{prepare: a.prepare, done: a.done} }

// prepare makes the threads and the requests. An answer has to name the message that was sent, and to say that it is no repetition.
func (a adding) prepare(ctx context.Context, t *target) (work, error) {
	if err := fillAll(ctx, a.threads, func(i int) string { return a.name(t, i) }, a.spread, a.held); err != nil {
		return work{}, err
	}
	head := make([][]byte, len(talk)) // up to the id of the message
	tail := make([][]byte, len(talk)) // from behind it up to the id of the thread
	path := "/graphql"
	mark := fmt.Appendf(nil, idForm, 0)
	const threadMark = "the thread"
	var end []byte
	for k := range talk {
		whole := graphqlBody(addMutation, map[string]any{"input": map[string]any{
			"threadId": threadMark, "message": json.RawMessage(inputOf(message(k))),
			"createIfMissing": false, // the default, which graphql-jit 0.8.9 takes for none
		}})
		if t.floor {
			path = "/message"
			whole = mustJSON(map[string]any{"threadId": threadMark, "message": json.RawMessage(bodyOf(message(k)))})
		}
		whole = bytes.Replace(whole, fmt.Appendf(nil, idForm, k), mark, 1)
		var rest []byte
		head[k], rest, _ = bytes.Cut(whole, mark)
		tail[k], end, _ = bytes.Cut(rest, []byte(threadMark))
	}
	return work{
		request: func(b []byte, i int) []byte {
			at := a.held + i/a.spread
			k := at % len(talk)
			return post(b, path, head[k], fmt.Appendf(nil, idForm, at), tail[k], []byte(a.name(t, i%a.spread)), end)
		},
		check: func(i int, body []byte) error {
			begin := fmt.Appendf(nil, `{"data":{"addMessage":{"message":{"messageId":"`+idForm+`","seq":`, a.held+i/a.spread)
			if bytes.HasPrefix(body, begin) && bytes.HasSuffix(bytes.TrimSpace(body), []byte(`"},"duplicate":false}}}`)) {
				return nil
			}
			return fmt.Errorf("%w: %.1000s\nwhich does not begin with %s", errAnswer, body, begin)
		},
	}, nil
}

// done looks that what was sent is there: as many messages, each with its number, and the last ones as they were sent. Those of one thread may
// have come in another order than they were sent in.
func (a adding) done(ctx context.Context, t *target, sent int) error {
	total := 0
	for i := range a.spread {
		key := store.MessagesOf(store.Range{Last: lastMessages}, nil)
		state, err := a.threads.Get(ctx, a.name(t, i), store.Read{Pages: []store.PageKey{key}})
		if err != nil {
			return err
		}
		total += state.Seq - a.held
		for _, m := range state.Pages[key].Messages {
			var at int
			if _, err := fmt.Sscanf(m.MessageID, "m-%d", &at); err != nil {
				return err
			}
			m.Metadata, m.ResponseMetadata, m.Timestamp = nil, nil, message(at).Timestamp // what the store fills in
			if err := equal(bodyOf(m), message(at)); err != nil {
				return err
			}
		}
	}
	if total != sent {
		return fmt.Errorf("%w: %d messages are stored of %d that were sent", errAnswer, total, sent)
	}
	return nil
}
