//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// batches is the row of a mutation of 500 messages against as many mutations of one, sent by one client one behind the other.
func (f *flat) batches(ctx context.Context) ([]row, error) {
	const n = 500
	f.say("batches")
	single := adding{threads: f.threads, row: "single", spread: 1, held: 1}
	w, err := single.prepare(ctx, f.target)
	if err != nil {
		return nil, err
	}
	batch := work{
		request: func(b []byte, i int) []byte {
			inputs := make([]any, n)
			for k := range inputs {
				inputs[k] = json.RawMessage(inputOf(message(i*n + k)))
			}
			return post(b, "/graphql", graphqlBody(
				`mutation Add($input: AddMessagesInput!) { addMessages(input: $input) { messages { messageId seq timestamp } duplicates } }`,
				map[string]any{"input": map[string]any{"threadId": "batch", "createIfMissing": true, "messages": inputs}}))
		},
		check: func(i int, body []byte) error { return checkBatch(body, i*n, n) },
	}
	var cpu, took [2]float64
	for kind, of := range []struct {
		work work
		most int
	}{{w, n}, {batch, 1}} {
		l, err := dial(ctx, f.target.addr, 1)
		if err != nil {
			return nil, err
		}
		defer l.close()
		if _, err := l.run(ctx, of.work, 0, of.most); err != nil { // to warm up
			return nil, err
		}
		times := max(1, int(f.pace.lasting.Seconds()*5))
		m := &meter{targets: []*target{f.target}, rdb: f.rdb}
		err = m.round(ctx, func() (int, timed, error) {
			var all timed
			for range times {
				one, err := l.run(ctx, of.work, 0, of.most)
				if err != nil {
					return 0, all, err
				}
				all.elapsed += one.elapsed
			}
			return times, all, nil
		})
		if err != nil {
			return nil, err
		}
		cpu[kind], took[kind] = m.rounds[0].CPU, 1000/m.rounds[0].PerSecond
	}
	return []row{
		{
			Name: "addMessages with 500 messages", Unit: "ms", Values: map[string]float64{ours: took[1]}, Aim: took[0] / 10,
			Ratio: took[1] / took[0], AimRatio: 0.1, Base: "500 single calls", Note: fmt.Sprintf("500 single calls: %.0f ms", took[0]),
		},
		{
			Name: "the same", Unit: "µs CPU", Values: map[string]float64{ours: cpu[1]}, Aim: cpu[0] / 10,
			Ratio: cpu[1] / cpu[0], AimRatio: 0.1, Base: "500 single calls", Note: fmt.Sprintf("500 single calls: %.0f µs", cpu[0]),
		},
	}, nil
}

// checkBatch looks at the answer to a mutation of n messages: all of them, in order, none of them a repetition.
func checkBatch(body []byte, first, n int) error {
	var got struct {
		Data struct {
			AddMessages struct {
				Messages []struct {
					MessageID string
					Seq       int
				}
				Duplicates *int
			}
		}
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	added := got.Data.AddMessages
	if len(added.Messages) != n || added.Duplicates == nil || *added.Duplicates != 0 {
		return fmt.Errorf("%w: %.400s", errAnswer, body)
	}
	for k, m := range added.Messages {
		if m.MessageID != message(first+k).MessageID || m.Seq != first+k+1 {
			return fmt.Errorf("%w: message %d is %+v", errAnswer, first+k, m)
		}
	}
	return nil
}
