package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
	"agentstate/internal/redistest"
)

// durable are the arguments of a Redis that has kept what it has acknowledged, whatever happens to it.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

// addWhenever adds a message as a careful client does: with its id, again and again until it is there. It gives how often it
// took.
func addWhenever(tb testing.TB, s *server, thread, id string) (attempts int) {
	tb.Helper()
	ctx := patient(tb)
	for {
		attempts++
		_, errs, _ := s.Do(ctx, addMessages, vars{"input": object{"threadId": thread, "messages": []object{human(id)}}})
		if len(errs) == 0 {
			return attempts
		}
		require.Equal(tb, "UNAVAILABLE", errs[0].Code(), errs[0].Message)
	}
}

// unavailable requires of an error what a client needs to send again.
func unavailable(tb testing.TB, err gqltest.Error) {
	tb.Helper()
	assert.Equal(tb, "UNAVAILABLE", err.Code(), err.Message)
	assert.Len(tb, err.Extensions, 2)
	assert.Greater(tb, err.Extensions["retryAfterSeconds"], 0.0)
}

// TestRedisComesLate starts the server ahead of its Redis: it says so, never makes do with one of its own, and heals.
func TestRedisComesLate(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	own.Kill()
	s := start(t, at(own.Addr())...)
	assert.Equal(t, http.StatusOK, s.Send(t, http.MethodGet, "/livez", "").Status, "a restart would not bring Redis back")
	assert.Equal(t, http.StatusServiceUnavailable, s.Send(t, http.MethodGet, "/readyz", "").Status)

	health := s.Send(t, http.MethodGet, "/health", "")
	assert.Equal(t, http.StatusOK, health.Status)
	var report struct {
		Status string
		Redis  map[string]any `json:"redis_status"`
	}
	require.NoError(t, json.Unmarshal([]byte(health.Body), &report))
	assert.Equal(t, "unavailable", report.Status)
	assert.Equal(t, "unhealthy", report.Redis["status"])
	assert.Equal(t, "STANDALONE", report.Redis["mode"])
	assert.NotEmpty(t, report.Redis["error"])
	assert.NotContains(t, health.Body, own.Addr(), "an address is not everybody's business")

	var told struct {
		Health struct {
			Status string
			Redis  struct{ Status, Mode, Error string }
		}
	}
	s.Must(t, `{ health { status redis { status mode error redisVersion connectedClients usedMemoryHuman keyspace latencyMs warnings } } }`, nil, &told)
	assert.Equal(t, "UNAVAILABLE", told.Health.Status)
	assert.Equal(t, "UNAVAILABLE", told.Health.Redis.Status)
	assert.NotEmpty(t, told.Health.Redis.Error)

	for _, o := range operations {
		if o.field != "health" {
			err := s.Fail(t, o.document, o.variables) // Fail bounds the time
			unavailable(t, err)
			assert.NotContains(t, err.Message, own.Addr())
		}
	}
	own.Restart()
	eventually(t, "the server is ready", func() bool { return s.Send(t, http.MethodGet, "/readyz", "").Status == http.StatusOK })
	create(t, s, "a", human("m1"))
	keys, err := own.Client().DBSize(context.Background()).Result()
	require.NoError(t, err)
	assert.Positive(t, keys, "it was written to the Redis that was named")
	assert.Contains(t, s.Send(t, http.MethodGet, "/health", "").Body, `"status":"healthy"`)
	stream, _, _ := follow(t, s, gqltest.Transports[0], "a")
	stream.Close()
}

// TestSubscriptionsWhileRedisIsAway are refused as unavailable, within the time that the server gives Redis.
func TestSubscriptionsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	own.Kill()
	s := start(t, at(own.Addr())...)
	var streams []*gqltest.Stream
	for _, transport := range gqltest.Transports {
		streams = append(streams, transport.Subscribe(t, s.Client, messageAdded, vars{"id": "a"}), transport.Subscribe(t, s.Client, stateChanged, vars{"id": "a"}))
	}
	for _, stream := range streams {
		unavailable(t, stream.Failure(t))
		stream.Completes(t)
	}
}

// TestRedisIsKilledAndComesBack, with its data: who listens misses nothing and hears nothing twice.
func TestRedisIsKilledAndComesBack(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t, durable...)
	s := start(t, at(own.Addr())...)
	after := create(t, s, "a", human("m1")).Messages.Nodes[0].Cursor
	var streams []*gqltest.Stream
	for _, transport := range gqltest.Transports {
		streams = append(streams, transport.Subscribe(t, s.Client, messageAdded, vars{"id": "a", "after": after}))
	}
	changes, version := watch(t, s, gqltest.Transports[0], "a")
	const rounds, each = 3, 5
	for round := range rounds {
		for i := range each {
			addWhenever(t, s, "a", fmt.Sprintf("m%d-%d", round, i))
		}
		own.Kill()
		unavailable(t, s.Fail(t, `{ agentStateCount }`, nil))
		unavailable(t, s.Fail(t, `mutation { addPlan(input: {threadId: "a", subtasks: ["x"]}) { plan { planId } } }`, nil))
		own.Restart()
	}
	addWhenever(t, s, "a", "last")
	for _, stream := range streams {
		got := nextMessages(t, stream, rounds*each+1)
		assert.Equal(t, upTo(2, rounds*each+2), seqs(got))
		assert.Equal(t, "last", got[rounds*each].MessageID)
	}
	for c := (change{}); c.Version < version+rounds*each+1; {
		c = nextChange(t, changes)
		assert.Equal(t, "UPDATED", c.Kind)
	}
	assert.Empty(t, read(t, s, "a", `plan { planId }`).Plan, "what was unavailable did not happen")
}

// TestRedisComesBackEmpty: what went with it nobody can know. So listeners are told that there may be something that they do not
// get, instead of being kept waiting.
func TestRedisComesBackEmpty(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s := start(t, at(own.Addr())...)
	create(t, s, "a")
	var streams []*gqltest.Stream
	for _, transport := range gqltest.Transports {
		stream, _, _ := follow(t, s, transport, "a")
		streams = append(streams, stream)
	}
	changes, version := watch(t, s, gqltest.Transports[0], "a")
	last := add(t, s, "a", human("last"))[0]
	for _, stream := range streams {
		for nextMessage(t, stream).Seq < last.Seq {
		}
	}
	assert.Equal(t, version+1, nextChange(t, changes).Version)
	own.Kill()
	own.Restart()
	for _, stream := range streams {
		assert.Equal(t, "CURSOR_EXPIRED", stream.Failure(t).Code())
		stream.Completes(t)
	}
	assert.Equal(t, change{Kind: "DELETED", Version: version + 1}, nextChange(t, changes))
}

// TestPubSubIsCut while messages come in: announcements are lost, messages are not.
func TestPubSubIsCut(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s, rdb := start(t, at(own.Addr())...), own.Client()
	create(t, s, "a")
	var streams []*gqltest.Stream
	var from int
	for _, transport := range gqltest.Transports {
		stream, _, last := follow(t, s, transport, "a")
		streams, from = append(streams, stream), last.Seq
	}
	const n = 300
	for i := range n {
		add(t, s, "a", numbered(i, 1)...)
		if i%30 == 10 || i == n-2 { // the last one is announced to nobody, and no other follows that would show it
			require.NoError(t, rdb.Do(context.Background(), "client", "kill", "type", "pubsub").Err())
		}
	}
	for _, stream := range streams {
		var got []int
		for len(got) == 0 || got[len(got)-1] < from+n {
			got = append(got, nextMessage(t, stream).Seq)
		}
		assert.Equal(t, upTo(got[0], from+n), got)
		assert.LessOrEqual(t, got[0], from+1)
	}
}

// TestRetryCannotDouble loses the reply to a write on its way back from Redis: the server must not send it again by itself, and a
// client that does, with the id of its message, has it once.
func TestRetryCannotDouble(t *testing.T) {
	t.Parallel()
	shared := sharedRedis(t)
	proxy := redistest.NewProxy(t, shared.Addr())
	s := start(t, at(proxy.Addr())...)
	onePlan := plan{Subtasks: []string{"only once"}}
	create(t, s, "a", human("m1"))
	// With the thread in its answer a write goes to Redis as a transaction, without it as a single command.
	for _, payload := range []string{`plan { planId }`, `plan { planId } agentState { version }`} {
		document := func(subtask string) string {
			return `mutation { addPlan(input: {threadId: "a", subtasks: ["` + subtask + `"]}) { ` + payload + ` } }`
		}
		s.Must(t, document("the script is known to Redis from here on"), nil, nil)
		before := read(t, s, "a", `version plan { subtasks }`)
		proxy.CutAfterRequest(redistest.Contains("only once"))
		unavailable(t, s.Fail(t, document("only once"), nil))
		assert.Equal(t, 1, proxy.Matched(), "it was sent once")
		proxy.CutAfterRequest(nil)
		got := read(t, s, "a", `version plan { subtasks }`)
		assert.Equal(t, before.Version+1, got.Version)
		assert.Equal(t, append(before.Plan, onePlan), got.Plan)
	}

	send := vars{"input": object{"threadId": "a", "messages": []object{human("safe to send again")}, "expectedVersion": 5}}
	proxy.CutAfterRequest(redistest.Contains("safe to send again"))
	unavailable(t, s.Fail(t, addMessages, send))
	assert.Equal(t, 1, proxy.Matched())
	proxy.CutAfterRequest(nil)
	var again struct {
		AddMessages struct {
			Duplicate bool
			Messages  []message
		}
	}
	s.Must(t, addMessages, send, &again)
	assert.True(t, again.AddMessages.Duplicate, "although the version is another by now")
	assert.Equal(t, []int{2}, seqs(again.AddMessages.Messages))
	assert.Equal(t, 2, read(t, s, "a", `messages { totalCount }`).Messages.TotalCount)
}

// TestRedisThatDoesNotAnswer holds no request for longer than configured.
func TestRedisThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	own := redistest.Start(t)
	s := start(t, append(at(own.Addr()), "REDIS_TIMEOUT=1s")...)
	create(t, s, "a")
	own.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, errs, _ := s.Do(ctx, `{ agentStateCount }`, nil)
	require.Len(t, errs, 1)
	unavailable(t, errs[0])
	unavailable(t, s.Fail(t, `mutation { setContext(input: {threadId: "a", context: "x"}) { agentState { version } } }`, nil))
	assert.Equal(t, http.StatusServiceUnavailable, s.Send(t, http.MethodGet, "/readyz", "").Status)
	own.Resume()
	eventually(t, "the server is ready", func() bool { return s.Send(t, http.MethodGet, "/readyz", "").Status == http.StatusOK })
}
