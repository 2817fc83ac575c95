//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

type vars map[string]any

// world is what a run consists of.
type world struct {
	tb        testing.TB
	redis     *redistest.Server
	servers   []*server
	ledger    *ledger
	listeners []*listener
	// starts are the cursors that the listeners of each thread begin behind.
	starts [threads]string
}

func threadID(i int) string { return fmt.Sprintf("thread %d", i) }

// ledger is what was acknowledged: for each thread the message ids by sequence number.
type ledger struct {
	mu                 sync.Mutex
	byThread           [threads]map[int]string
	count              int
	resent, duplicates atomic.Int64
	// grown is closed and made anew with each entry.
	grown chan struct{}
}

func newLedger() *ledger {
	l := &ledger{grown: make(chan struct{})}
	for i := range l.byThread {
		l.byThread[i] = make(map[int]string)
	}
	return l
}

// enter takes in an acknowledgement; it is false where another message has the number.
func (l *ledger) enter(thread, seq int, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, taken := l.byThread[thread][seq]; taken {
		return other == id
	}
	l.byThread[thread][seq] = id
	l.count++
	close(l.grown)
	l.grown = make(chan struct{})
	return true
}

func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// awaitProgress waits until so many more messages were acknowledged: a fault shall come in the midst of traffic.
func (w *world) awaitProgress(more int) {
	w.tb.Helper()
	late := time.After(patience)
	l := w.ledger
	l.mu.Lock()
	goal := l.count + more
	for l.count < goal {
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-late:
			require.FailNow(w.tb, "the writers make no progress")
		}
		l.mu.Lock()
	}
	l.mu.Unlock()
}

const (
	createThread = `mutation($id: ID!) { createAgentState(input: {threadId: $id, messages: [{messageId: "first", type: SYSTEM, content: ""}]}) {
		agentState { messages { nodes { cursor } } } } }`
	addMessage = `mutation($id: ID!, $m: ID!) { addMessage(input: {threadId: $id, message: {messageId: $m, type: HUMAN, content: "x"}}) {
		duplicate message { seq messageId } } }`
	messageAdded = `subscription($id: ID!, $after: String) { messageAdded(threadId: $id, after: $after) { seq messageId cursor } }`
	readMessages = `query($id: ID!, $after: String) { agentState(threadId: $id) { messages(first: 1000, after: $after) {
		nodes { seq messageId } pageInfo { hasNextPage endCursor } } } }`
)

func (w *world) createThreads() {
	w.tb.Helper()
	for i := range threads {
		var got struct {
			CreateAgentState struct {
				AgentState struct {
					Messages struct{ Nodes []struct{ Cursor string } }
				}
			}
		}
		w.servers[0].Client.Must(w.tb, createThread, vars{"id": threadID(i)}, &got)
		w.starts[i] = got.CreateAgentState.AgentState.Messages.Nodes[0].Cursor
		require.True(w.tb, w.ledger.enter(i, 1, "first"))
	}
}

// startWriters lets the writers write until the function that it gives is called, which returns when each has its last
// acknowledgement.
func (w *world) startWriters() (stop func()) {
	stopped := make(chan struct{})
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(*seed, uint64(i)+1))
			for n := 0; ; n++ {
				select {
				case <-stopped:
					return
				case <-time.After(time.Duration(random.IntN(8)) * time.Millisecond):
				}
				if !w.write(i%threads, fmt.Sprintf("w%d-%05d", i, n), random) {
					return
				}
			}
		})
	}
	return func() {
		close(stopped)
		running.Wait()
	}
}

// write sends a message until it is acknowledged, to one server after the other.
func (w *world) write(thread int, id string, random *rand.Rand) bool {
	deadline := time.Now().Add(patience)
	for attempt, target := 0, random.IntN(servers); ; attempt, target = attempt+1, (target+1)%servers {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		data, errs, status := w.servers[target].Client.Do(ctx, addMessage, vars{"id": threadID(thread), "m": id})
		cancel()
		if len(errs) == 0 {
			var got struct {
				AddMessage struct {
					Duplicate bool
					Message   struct {
						Seq       int
						MessageID string
					}
				}
			}
			if err := json.Unmarshal(data, &got); err != nil {
				return assert.Fail(w.tb, "what was answered is no message", "%s: %v", data, err)
			}
			if attempt > 0 {
				w.ledger.resent.Add(1)
			}
			if got.AddMessage.Duplicate {
				w.ledger.duplicates.Add(1)
				assert.Positive(w.tb, attempt, "%s was stored before it was sent", id)
			}
			return assert.True(w.tb, w.ledger.enter(thread, got.AddMessage.Message.Seq, id), "%s was acknowledged with the number of another message", id)
		}
		// No answer at all, or one that says that it is safe to send again.
		if status != 0 && !assert.Equal(w.tb, "UNAVAILABLE", errs[0].Code(), errs[0].Message) {
			return false
		}
		if !assert.True(w.tb, time.Now().Before(deadline), "%s was never acknowledged: %s", id, errs[0].Message) {
			return false
		}
		time.Sleep(20 * time.Millisecond) // as a client waits before it sends again
	}
}

func (w *world) startListeners() {
	w.tb.Helper()
	for i := range listeners {
		l := &listener{
			w: w, name: fmt.Sprintf("listener %d", i), thread: i % threads, target: i % servers,
			transport: gqltest.Transports[i%len(gqltest.Transports)], cursor: w.starts[i%threads], last: 1, changed: make(chan struct{}),
		}
		w.listeners = append(w.listeners, l)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { l.run(ctx) })
		w.tb.Cleanup(func() { cancel(); running.Wait() })
	}
}

// awaitListeners waits until each listener has had as many messages as its thread has.
func (w *world) awaitListeners() {
	w.tb.Helper()
	late := time.After(patience)
	for _, l := range w.listeners {
		want := len(w.ledger.byThread[l.thread])
		for {
			l.mu.Lock()
			last, changed := l.last, l.changed
			l.mu.Unlock()
			if last >= want {
				break
			}
			select {
			case <-changed:
			case <-late:
				assert.Fail(w.tb, "a listener misses messages", "%s (%s) has had %d of %d", l.name, l.transport.Name, last, want)
				return
			}
		}
	}
}

// check compares what was acknowledged with what is stored and with what each listener got.
func (w *world) check() {
	w.tb.Helper()
	for i := range threads {
		acknowledged, stored := w.ledger.byThread[i], w.stored(i)
		assert.Len(w.tb, stored, len(acknowledged), "what is stored was acknowledged, and the other way round")
		for j, m := range stored {
			require.Equal(w.tb, j+1, m.Seq, "numbers follow one another")
			require.Equal(w.tb, acknowledged[m.Seq], m.MessageID, "%s, number %d", threadID(i), m.Seq)
		}
		for _, l := range w.listeners {
			if l.thread != i {
				continue
			}
			l.mu.Lock()
			assert.Len(w.tb, l.got, len(acknowledged)-1, l.name) // not the first one
			for j, id := range l.got {
				require.Equal(w.tb, acknowledged[j+2], id, "%s, number %d", l.name, j+2)
			}
			l.mu.Unlock()
		}
	}
}

type stored struct {
	Seq       int
	MessageID string
}

// stored reads all messages of a thread.
func (w *world) stored(thread int) []stored {
	w.tb.Helper()
	var all []stored
	for after := (*string)(nil); ; {
		var got struct {
			AgentState struct {
				Messages struct {
					Nodes    []stored
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		w.servers[0].Client.Must(w.tb, readMessages, vars{"id": threadID(thread), "after": after}, &got)
		page := got.AgentState.Messages
		all, after = append(all, page.Nodes...), &page.PageInfo.EndCursor
		if !page.PageInfo.HasNextPage {
			return all
		}
	}
}

func (w *world) delivered() (n int) {
	for _, l := range w.listeners {
		n += len(l.got)
	}
	return n
}

func (w *world) reconnections() (n int64) {
	for _, l := range w.listeners {
		n += l.reconnected.Load()
	}
	return n
}
