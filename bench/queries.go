//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"agentstate/store"
)

// The documents of the rows. The floor writes the same fields in the same order.
const (
	threadQuery = `query Thread($id: ID!) { agentState(threadId: $id) { threadId version messages(last: 20) {
		nodes { messageId seq type content toolCalls { id name args } timestamp } pageInfo { hasPreviousPage } } } }`
	// unseenQuery differs with each request, by the name of an alias: no cache of texts knows it, nor one of parsed documents.
	unseenQuery = `query Thread($id: ID!) { agentState(threadId: $id) { threadId %s: version messages(last: 20) {
		nodes { messageId seq type content toolCalls { id name args } timestamp } pageInfo { hasPreviousPage } } } }`
	recentQuery = `query Recent { recentAgentStates(limit: 10) { threadId version messageCounts { total } lastUpdated } }`
	// nestedQuery asks for the messages of ten threads at once, partQuery for those of one of them.
	nestedQuery = `query Nested { recentAgentStates(limit: 10) { threadId messages(last: 5) { nodes { messageId seq } } } }`
	partQuery   = `query Part($id: ID!) { agentState(threadId: $id) { threadId messages(last: 5) { nodes { messageId seq } } } }`
	addMutation = `mutation Add($input: AddMessageInput!) { addMessage(input: $input) { message { messageId seq timestamp } duplicate } }`
	idsQuery    = `query Ids { threadIds(first: 50) { nodes pageInfo { hasNextPage } } }`
	countQuery  = `query Count { agentStateCount }`
	subscribe   = `subscription($id: ID!) { messageAdded(threadId: $id) { seq messageId type content timestamp } }`
)

// lastMessages is how many messages the thread queries ask for, threadMessages how many a thread has.
const (
	lastMessages   = 20
	threadMessages = 200
	readThreads    = 64
)

// graphqlBody is a request over GraphQL.
func graphqlBody(query string, variables any) []byte {
	return mustJSON(map[string]any{"query": query, "variables": variables})
}

func readName(i int) string { return fmt.Sprintf("read %02d", i) }

// threadBody is a request for a thread.
func threadBody(query string, i int) []byte {
	return graphqlBody(query, map[string]string{"id": readName(i)})
}

// readThread are the requests for threads with their last messages. Every answer is compared to the byte with one that was looked at whole.
func (b *bench) readThread() requests {
	return requests{prepare: func(ctx context.Context, t *target) (work, error) {
		sent := make([][]byte, readThreads)
		want := make([][]byte, readThreads)
		for i := range sent {
			sent[i] = post(nil, "/graphql", threadBody(threadQuery, i))
			if t.floor {
				sent[i] = get(nil, fmt.Sprintf("/thread?id=read+%02d&last=%d", i, lastMessages))
			}
			var err error
			if want[i], err = ask(ctx, t.addr, sent[i]); err != nil {
				return work{}, err
			}
			if err := b.checkThread(ctx, want[i], i, "version"); err != nil {
				return work{}, err
			}
		}
		return work{
			request: func(b []byte, i int) []byte { return append(b, sent[i%readThreads]...) },
			check:   func(i int, body []byte) error { return same(body, want[i%readThreads]) },
		}, nil
	}}
}

// unseenAlias is the alias of a request; all have the same length.
func unseenAlias(i int) string { return fmt.Sprintf("v%09d", i) }

// readUnseen are the requests of readThread, each with a text of its own.
func (b *bench) readUnseen() requests {
	return requests{prepare: func(ctx context.Context, t *target) (work, error) {
		b.unseen += 1_000_000
		first := b.unseen // no server sees a text twice, nor does another row use it
		want := make([][]byte, readThreads)
		before, after := make([][]byte, readThreads), make([][]byte, readThreads)
		const mark = "v987654321"
		for i := range want {
			whole := threadBody(fmt.Sprintf(unseenQuery, mark), i)
			before[i], after[i], _ = bytes.Cut(whole, []byte(mark))
			answer, err := ask(ctx, t.addr, post(nil, "/graphql", whole))
			if err != nil {
				return work{}, err
			}
			if err := b.checkThread(ctx, answer, i, mark); err != nil {
				return work{}, err
			}
			want[i] = answer
		}
		return work{
			request: func(b []byte, i int) []byte {
				return post(b, "/graphql", before[i%readThreads], []byte(unseenAlias(first+i)), after[i%readThreads])
			},
			check: func(i int, body []byte) error {
				return same(bytes.Replace(body, []byte(unseenAlias(first+i)), []byte(mark), 1), want[i%readThreads])
			},
		}, nil
	}}
}

// checkThread compares the whole answer of a request for thread i with what was written into it, and the times with the store's.
func (b *bench) checkThread(ctx context.Context, body []byte, i int, version string) error {
	key := store.MessagesOf(store.Range{Last: lastMessages}, nil)
	state, err := b.threads.Get(ctx, readName(i), store.Read{Pages: []store.PageKey{key}})
	if err != nil {
		return err
	}
	nodes := make([]any, lastMessages)
	for n, stored := range state.Pages[key].Messages {
		m := message(threadMessages - lastMessages + n)
		calls := m.ToolCalls
		if calls == nil {
			calls = []store.MessageToolCall{}
		}
		nodes[n] = map[string]any{
			"messageId": m.MessageID, "seq": threadMessages - lastMessages + n + 1, "type": m.Type, "content": m.Content,
			"toolCalls": calls, "timestamp": timeOf(stored),
		}
	}
	return equal(body, map[string]any{"data": map[string]any{"agentState": map[string]any{
		"threadId": readName(i), version: state.Version,
		"messages": map[string]any{"nodes": nodes, "pageInfo": map[string]any{"hasPreviousPage": true}},
	}}})
}

func timeOf(m *store.Message) string { return m.Timestamp.UTC().Format("2006-01-02T15:04:05.000000Z") }

// readRecent are the requests for the threads that were updated last.
func (b *bench) readRecent(threads *store.Threads) requests {
	return requests{prepare: func(ctx context.Context, t *target) (work, error) {
		ids, err := threads.Recent(ctx, 10)
		if err != nil {
			return work{}, err
		}
		states, err := threads.GetMany(ctx, ids, store.Read{})
		if err != nil {
			return work{}, err
		}
		var want []any
		for _, s := range states {
			want = append(want, map[string]any{
				"threadId": s.ThreadID, "version": s.Version, "messageCounts": map[string]any{"total": s.Seq - s.Base},
				"lastUpdated": s.LastUpdated.UTC().Format("2006-01-02T15:04:05.000000Z"),
			})
		}
		sent := post(nil, "/graphql", graphqlBody(recentQuery, nil))
		if t.floor {
			sent = get(nil, "/recent?limit=10")
		}
		return fixed(ctx, t, sent, map[string]any{"data": map[string]any{"recentAgentStates": want}})
	}}
}

// fixed is a request that is always the same, as is its answer.
func fixed(ctx context.Context, t *target, sent []byte, want any) (work, error) {
	first, err := ask(ctx, t.addr, sent)
	if err != nil {
		return work{}, err
	}
	return work{
		request: func(b []byte, _ int) []byte { return append(b, sent...) },
		check:   func(_ int, body []byte) error { return same(body, first) },
	}, equal(first, want)
}

// ask sends one request and gives the answer.
func ask(ctx context.Context, addr string, sent []byte) ([]byte, error) {
	l, err := dial(ctx, addr, 1)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var got []byte
	_, err = l.run(ctx, work{
		request: func(b []byte, _ int) []byte { return append(b, sent...) },
		check:   func(_ int, body []byte) error { got = bytes.Clone(body); return nil },
	}, 0, 1)
	return got, err
}

// errAnswer says that an answer is not what it must be.
var errAnswer = errors.New("wrong answer")

// same compares an answer with one that was looked at.
func same(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("%w: %.400s\nand not %.400s", errAnswer, got, want)
}

// equal compares an answer with a value, as JSON: the order of keys does not matter, nor how a number or a character is written.
func equal(got []byte, want any) error {
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		return fmt.Errorf("%w: %w: %.400s", errAnswer, err, got)
	}
	if err := json.Unmarshal(mustJSON(want), &b); err != nil {
		return err
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("%w: %.3000s\nand not %.3000s", errAnswer, got, mustJSON(want))
	}
	return nil
}
