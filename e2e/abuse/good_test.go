//go:build linux

package abuse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/servertest"
)

type vars map[string]any

const (
	// threads are those that the good clients write to. The bad ones listen to them too.
	threads, listeners, readers = 3, 9, 4
	// pace is how long a good client thinks between two requests.
	pace = 50 * time.Millisecond
	// messageBytes is the size of a message: large enough that one who does not read is soon noticed.
	messageBytes = 16 << 10
)

const (
	createThread = `mutation($id: ID!) { createAgentState(input: {threadId: $id, messages: [{type: SYSTEM, content: ""}]}) {
		agentState { messages { nodes { cursor } } } } }`
	addMessage   = `mutation($id: ID!, $c: JSON!) { addMessage(input: {threadId: $id, message: {type: HUMAN, content: $c}}) { message { seq } } }`
	messageAdded = `subscription($id: ID!, $after: String) { messageAdded(threadId: $id, after: $after) { seq cursor } }`
	readThread   = `query($id: ID!) { agentState(threadId: $id) { version messageCounts { total } messages(last: 5) { nodes { seq text } } } }`
)

func threadID(i int) string { return fmt.Sprintf("thread %d", i) }

// company is the good clients: a writer for each thread, readers, and listeners over all transports.
type company struct {
	tb      testing.TB
	server  *servertest.Server
	cursors [threads]string
	written [threads]int // the number of the last message
	heard   atomic.Int64
}

func newCompany(tb testing.TB, s *servertest.Server) *company {
	tb.Helper()
	s.Client.HTTP = &http.Client{Transport: &elsewhere{RoundTripper: s.Client.HTTP.Transport}}
	c := &company{tb: tb, server: s}
	for i := range threads {
		var got struct {
			CreateAgentState struct {
				AgentState struct {
					Messages struct{ Nodes []struct{ Cursor string } }
				}
			}
		}
		s.Client.Must(tb, createThread, vars{"id": threadID(i)}, &got)
		c.cursors[i], c.written[i] = got.CreateAgentState.AgentState.Messages.Nodes[0].Cursor, 1
	}
	return c
}

// elsewhere makes requests come from many addresses, as those of good clients do: the bad ones share one.
type elsewhere struct {
	http.RoundTripper
	count atomic.Int64
}

// RoundTrip sends a request.
func (e *elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", e.count.Add(1)%250))
	return e.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections is what http.Client looks for.
func (e *elsewhere) CloseIdleConnections() {
	e.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections() //nolint:forcetypeassert // it is that of net/http
}

// latencies are how long requests took.
type latencies []time.Duration

// spell is what a while of work took: each request, and how many cores the server and all clients had, good and bad.
type spell struct {
	latencies
	server, clients float64
}

func (l latencies) percentile(p int) time.Duration {
	sorted := slices.Sorted(slices.Values(l))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(10 * time.Microsecond)
}

// spend lets the good clients work for a while, and until enough says so, and gives what that took. When it returns,
// each listener has had every message of its thread since the beginning of this, and has hung up.
func (c *company) spend(d time.Duration, enough func() bool) spell {
	c.tb.Helper()
	var mu sync.Mutex
	var all latencies
	var working, listening sync.WaitGroup
	var goals [threads]atomic.Int64 // the last number of each thread, once it is known
	for i := range listeners {
		thread, transport := i%threads, gqltest.Transports[i/threads%len(gqltest.Transports)]
		stream := transport.Subscribe(c.tb, c.server.Client, messageAdded, vars{"id": threadID(thread), "after": c.cursors[thread]})
		from := c.written[thread]
		listening.Go(func() {
			defer stream.Close()
			c.listen(fmt.Sprintf("a listener of %s over %s", threadID(thread), transport.Name), stream, from, &goals[thread])
		})
	}
	// The clock starts when the listeners stand: to open them may take long among the bad ones.
	ctx, cancel := context.WithTimeout(context.Background(), d+patience)
	defer cancel()
	start, server, clients := time.Now(), cpu(c.tb, c.server.PID()), cpu(c.tb, os.Getpid())
	go func() { // ends with the work
		for ctx.Err() == nil && (time.Since(start) < d || !enough()) {
			pause(ctx, 10*time.Millisecond)
		}
		cancel()
	}()
	work := func(step func() bool) {
		working.Go(func() {
			var own latencies
			for ctx.Err() == nil {
				start := time.Now()
				if !step() {
					break
				}
				own = append(own, time.Since(start))
				pause(ctx, pace)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	for i := range threads {
		work(func() bool { return c.write(i) })
	}
	for i := range readers {
		work(func() bool { return c.read(i % threads) })
	}
	working.Wait()
	took := time.Since(start).Seconds()
	server, clients = (cpu(c.tb, c.server.PID())-server)/took, (cpu(c.tb, os.Getpid())-clients)/took
	for i := range threads {
		goals[i].Store(int64(c.written[i]))
	}
	listening.Wait()
	c.catchUp()
	require.NotEmpty(c.tb, all)
	return spell{all, server, clients}
}

// write adds a message to a thread.
func (c *company) write(thread int) bool {
	var got struct {
		AddMessage struct{ Message struct{ Seq int } }
	}
	if !c.do(addMessage, vars{"id": threadID(thread), "c": strings.Repeat("x", messageBytes)}, &got) {
		return false
	}
	c.written[thread]++
	return assert.Equal(c.tb, c.written[thread], got.AddMessage.Message.Seq, "numbers follow one another")
}

func (c *company) read(thread int) bool {
	var got struct {
		AgentState struct{ MessageCounts struct{ Total int } }
	}
	return c.do(readThread, vars{"id": threadID(thread)}, &got) && assert.Positive(c.tb, got.AgentState.MessageCounts.Total)
}

// do sends an operation, which must succeed.
func (c *company) do(query string, variables vars, into any) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	data, errs, status := c.server.Client.Do(ctx, query, variables)
	return assert.Equal(c.tb, http.StatusOK, status, "a good request failed: %v", errs) &&
		assert.Empty(c.tb, errs, "a good request failed") && assert.NoError(c.tb, json.Unmarshal(data, into))
}

// listen takes a thread's messages behind last until the goal, once that is known: each once and in order.
func (c *company) listen(name string, stream *gqltest.Stream, last int, goal *atomic.Int64) {
	var late time.Time
	for {
		if until := int(goal.Load()); until > 0 {
			if last >= until {
				assert.Equal(c.tb, until, last, name)
				return
			}
			if late.IsZero() {
				late = time.Now().Add(patience)
			}
			if !assert.True(c.tb, time.Now().Before(late), "%s has had %d of %d", name, last, until) {
				return
			}
		}
		e, ok := stream.Within(50 * time.Millisecond)
		if !ok {
			continue
		}
		var got struct{ MessageAdded struct{ Seq int } }
		if e.Data == nil || len(e.Errors) > 0 || json.Unmarshal(e.Data, &got) != nil {
			assert.Fail(c.tb, "a good listener got no message", "%s: data %s, errors %v, complete %v, closed %v", name, e.Data, e.Errors, e.Complete, e.Closed)
			return
		}
		if !assert.Equal(c.tb, last+1, got.MessageAdded.Seq, name) {
			return
		}
		last = got.MessageAdded.Seq
		c.heard.Add(1)
	}
}

// catchUp reads the cursors of the last messages, where the listeners of the next time begin.
func (c *company) catchUp() {
	c.tb.Helper()
	for i := range threads {
		var got struct {
			AgentState struct {
				Messages struct {
					Nodes []struct {
						Seq    int
						Cursor string
					}
				}
			}
		}
		c.server.Client.Must(c.tb, `query($id: ID!) { agentState(threadId: $id) { messages(last: 1) { nodes { seq cursor } } } }`,
			vars{"id": threadID(i)}, &got)
		last := got.AgentState.Messages.Nodes[0]
		require.Equal(c.tb, c.written[i], last.Seq, "what was acknowledged is stored, and nothing else")
		c.cursors[i] = last.Cursor
	}
}

// check wants the listeners to have had every message three times: each thread has as many listeners.
func (c *company) check() {
	c.tb.Helper()
	var want int
	for _, last := range c.written {
		want += (last - 1) * listeners / threads
	}
	assert.EqualValues(c.tb, want, c.heard.Load(), "messages that the listeners have had")
}
