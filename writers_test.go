package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// TestManyWriters lets 64 clients write to one thread at once, while listeners follow it: nothing is lost, doubled or out of order.
func TestManyWriters(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const writers, each = 64, 10
		first := create(t, s, "a", human("first")).Messages.Nodes[0]
		from := vars{"id": "a", "after": first.Cursor}
		ws, sse := gqltest.Transports[0].Subscribe(t, s.Client, messageAdded, from), gqltest.Transports[2].Subscribe(t, s.Client, messageAdded, from)
		assert.Equal(t, add(t, s, "a", human("second"))[0].Seq, nextMessage(t, ws).Seq)
		assert.Equal(t, 2, nextMessage(t, sse).Seq)

		acknowledged := make([][]message, writers)
		ctx := patient(t)
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					var got struct{ AddMessage struct{ Message message } }
					data, errs, _ := s.Do(ctx, `mutation($m: MessageInput!) { addMessage(input: {threadId: "a", message: $m}) { message { messageId seq } } }`,
						vars{"m": human(fmt.Sprintf("w%d-%d", w, i))})
					if err := json.Unmarshal(data, &got); err != nil || len(errs) > 0 {
						assert.Fail(t, "a write failed", "%v %v", errs, err)
						return
					}
					acknowledged[w] = append(acknowledged[w], got.AddMessage.Message)
				}
			})
		}
		byWS, bySSE := nextMessages(t, ws, writers*each), nextMessages(t, sse, writers*each)
		writing.Wait()

		bySeq := map[int]string{}
		for w, messages := range acknowledged {
			require.Len(t, messages, each)
			for i, m := range messages {
				assert.Equal(t, fmt.Sprintf("w%d-%d", w, i), m.MessageID)
				assert.NotContains(t, bySeq, m.Seq, "a number was given twice")
				bySeq[m.Seq] = m.MessageID
				assert.True(t, i == 0 || m.Seq > messages[i-1].Seq, "a writer's messages are in its order")
			}
		}
		stored := read(t, s, "a", `version messages(first: 1000) { nodes { messageId seq } totalCount }`)
		assert.Equal(t, 2+writers*each, stored.Messages.TotalCount)
		assert.Equal(t, 2+writers*each, stored.Version)
		for name, got := range map[string][]message{"read": stored.Messages.Nodes[2:], "ws": byWS, "sse": bySSE} {
			assert.Equal(t, upTo(3, 2+writers*each), seqs(got), name)
			for _, m := range got {
				assert.Equal(t, bySeq[m.Seq], m.MessageID, name)
			}
		}
		// Exactly once: the next that comes is the next that is written.
		last := add(t, s, "a", human("last"))[0].Seq
		assert.Equal(t, last, nextMessage(t, ws).Seq)
		assert.Equal(t, last, nextMessage(t, sse).Seq)
	})
}

// TestManyWritersWithAnExpectation: of those that expect the same version one wins, as often as it takes.
func TestManyWritersWithAnExpectation(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const writers = 16
		create(t, s, "a")
		ctx := patient(t)
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for version := 1; ; {
					_, errs, _ := s.Do(ctx, `mutation($v: Int, $s: [String!]!) { addPlan(input: {threadId: "a", subtasks: $s, expectedVersion: $v}) { plan { planId } } }`,
						vars{"v": version, "s": []string{fmt.Sprint(w)}})
					if len(errs) == 0 {
						return
					}
					if !assert.Equal(t, "CONFLICT", errs[0].Code(), errs[0].Message) {
						return
					}
					version = int(errs[0].Extensions["currentVersion"].(float64))
				}
			})
		}
		writing.Wait()
		got := read(t, s, "a", `version plan { subtasks }`)
		assert.Equal(t, 1+writers, got.Version)
		seen := map[string]bool{}
		for _, p := range got.Plan {
			seen[p.Subtasks[0]] = true
		}
		assert.Len(t, seen, writers)
		assert.Len(t, got.Plan, writers)
	})
}
