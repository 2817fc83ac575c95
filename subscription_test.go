package main

import (
	"context"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/gqltest"
)

// follow subscribes to the messages of a thread from now on, and adds some until the first comes: from then on the server listens,
// which no protocol tells. It gives the first and the last of what was added; the stream gives what is added behind it.
func follow(tb testing.TB, s *server, transport gqltest.Transport, id string) (stream *gqltest.Stream, first, last message) {
	tb.Helper()
	stream = transport.Subscribe(tb, s.Client, messageAdded, vars{"id": id})
	for e, ok := (gqltest.Event{}), false; !ok; {
		last = add(tb, s, id, object{"type": "OTHER", "content": "probe"})[0]
		if e, ok = stream.Within(probe); ok {
			require.NotNil(tb, e.Data, "errors %v, complete %v, closed %v", e.Errors, e.Complete, e.Closed)
			var got struct{ MessageAdded message }
			require.NoError(tb, json.Unmarshal(e.Data, &got))
			first = got.MessageAdded
		}
	}
	for got := first; got.Seq < last.Seq; {
		next := nextMessage(tb, stream)
		require.Equal(tb, got.Seq+1, next.Seq)
		got = next
	}
	return stream, first, last
}

// watch is the same for the changes of a thread.
func watch(tb testing.TB, s *server, transport gqltest.Transport, id string) (stream *gqltest.Stream, version int) {
	tb.Helper()
	stream = transport.Subscribe(tb, s.Client, stateChanged, vars{"id": id})
	var last change
	for e, ok := (gqltest.Event{}), false; !ok; {
		version = touch(tb, s, id)
		if e, ok = stream.Within(probe); ok {
			require.NotNil(tb, e.Data, "errors %v, complete %v, closed %v", e.Errors, e.Complete, e.Closed)
			var got struct{ AgentStateChanged change }
			require.NoError(tb, json.Unmarshal(e.Data, &got))
			last = got.AgentStateChanged
		}
	}
	for last.Version < version {
		last = nextChange(tb, stream)
	}
	return stream, version
}

// touch changes a thread, and gives its version.
func touch(tb testing.TB, s *server, id string) int {
	tb.Helper()
	var got struct{ SetRelevance struct{ AgentState thread } }
	s.Must(tb, `mutation($id: ID!) { setRelevance(input: {threadId: $id, relevant: true}) { agentState { version } } }`, vars{"id": id}, &got)
	return got.SetRelevance.AgentState.Version
}

// onTransports runs a test over every transport on every engine.
func onTransports(t *testing.T, test func(t *testing.T, s *server, transport gqltest.Transport), environ ...string) {
	t.Helper()
	onEngines(t, func(t *testing.T, s *server) {
		for _, transport := range gqltest.Transports {
			t.Run(transport.Name, func(t *testing.T) {
				t.Parallel()
				test(t, s, transport)
			})
		}
	}, environ...)
}

func TestMessagesFromNowOn(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id, numbered(1, 3)...)
		stream, first, last := follow(t, s, transport, id)
		assert.Greater(t, first.Seq, 3, "no history without `after`")
		sent := append(add(t, s, id, human("x")), add(t, s, id, numbered(11, 3)...)...)
		sent = append(sent, add(t, s, id, human("y"))...)
		add(t, s, id, human("y")) // sent again, it is no news
		sent = append(sent, add(t, s, id, human("z"))...)
		got := nextMessages(t, stream, len(sent))
		assert.Equal(t, upTo(last.Seq+1, last.Seq+6), seqs(got))
		for i, m := range got {
			assert.Equal(t, sent[i].MessageID, m.MessageID)
			assert.Equal(t, sent[i].Cursor, m.Cursor)
			assert.Equal(t, m.MessageID, m.Text)
		}
	})
}

func TestMessagesAfterACursor(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		stored := create(t, s, id, numbered(1, 300)...).Messages.Nodes
		early := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": stored[9].Cursor})
		late := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": stored[299].Cursor})
		for i := range 40 {
			add(t, s, id, numbered(301+i, 1)...)
		}
		assert.Equal(t, upTo(11, 340), seqs(nextMessages(t, early, 330)), "history, and on into what is new")
		got := nextMessages(t, late, 40)
		assert.Equal(t, upTo(301, 340), seqs(got))
		// A listener that comes back goes on where it was.
		early.Close()
		add(t, s, id, numbered(341, 2)...)
		back := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": got[39].Cursor})
		assert.Equal(t, []int{341, 342}, seqs(nextMessages(t, back, 2)))
	})
}

// TestMessagesSinceTheThreadWasRead: a page that reads a thread and then follows it misses nothing between the two, even of a thread that
// is empty when it is read, or whose last message is gone.
func TestMessagesSinceTheThreadWasRead(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		empty, gone := transport.Name+"-empty", transport.Name+"-gone"
		create(t, s, empty)
		create(t, s, gone, numbered(1, 2)...)
		s.Must(t, deleteMessage, vars{"id": gone, "message": "m2"}, nil)
		for id, first := range map[string]int{empty: 1, gone: 3} {
			behind := read(t, s, id, "messageCursor").MessageCursor
			add(t, s, id, numbered(first, 2)...)
			stream := transport.Subscribe(t, s.Client, messageAdded, vars{"id": id, "after": behind})
			add(t, s, id, numbered(first+2, 1)...)
			assert.Equal(t, upTo(first, first+2), seqs(nextMessages(t, stream, 3)))
		}
	})
}

// TestLargeMessagesAndBatches: what is too large for an announcement arrives as well, in its place.
func TestLargeMessagesAndBatches(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id)
		stream, _, last := follow(t, s, transport, id)
		large := strings.Repeat("ü", 50<<10)
		add(t, s, id, object{"type": "AI", "content": large})
		add(t, s, id, human("small"))
		add(t, s, id, numbered(1, 500)...)
		add(t, s, id, object{"type": "AI", "content": large})
		got := nextMessages(t, stream, 503)
		assert.Equal(t, upTo(last.Seq+1, last.Seq+503), seqs(got))
		assert.True(t, got[0].Text == large && got[502].Text == large, "the large ones are whole")
		assert.Equal(t, "m500", got[501].MessageID)
	})
}

// TestStreamsOfADeletedThread: its messages are over, its changes go on with the next thread of the id.
func TestStreamsOfADeletedThread(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id)
		messages, _, _ := follow(t, s, transport, id)
		changes, version := watch(t, s, transport, id)
		drop(t, s, id)
		messages.Completes(t)
		assert.Equal(t, change{Kind: "DELETED", Version: version}, nextChange(t, changes))
		create(t, s, id)
		got := nextChange(t, changes)
		assert.Equal(t, "CREATED", got.Kind)
		assert.Equal(t, 1, got.Version)
		assert.Equal(t, id, got.AgentState.ThreadID)

		// Made anew at once, it is another thread all the same.
		messages, _, _ = follow(t, s, transport, id)
		s.Must(t, `mutation($id: ID!) {
			deleteAgentState(input: {threadId: $id}) { deletedThreadId }
			addMessage(input: {threadId: $id, createIfMissing: true, message: {type: AI, content: "new"}}) { duplicate }
		}`, vars{"id": id}, nil)
		messages.Completes(t)
	})
}

// TestStreamsOfAnExpiredThread: nobody says that its time is over but the server itself.
func TestStreamsOfAnExpiredThread(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id)
		messages, _, _ := follow(t, s, transport, id)
		changes, version := watch(t, s, transport, id)
		s.Must(t, `mutation($id: ID!) { extendTtl(input: {threadId: $id, ttlSeconds: 1}) { ttl { ttlSeconds } } }`, vars{"id": id}, nil)
		messages.Completes(t)
		assert.Equal(t, change{Kind: "EXPIRED", Version: version}, nextChange(t, changes))
		create(t, s, id)
		assert.Equal(t, "CREATED", nextChange(t, changes).Kind)
	})
}

// TestCleanupTellsListeners as a deletion does.
func TestCleanupTellsListeners(t *testing.T) {
	t.Parallel()
	s, transport := start(t), gqltest.Transports[0]
	create(t, s, "a")
	messages, _, _ := follow(t, s, transport, "a")
	changes, version := watch(t, s, transport, "a")
	s.Must(t, `mutation { cleanupExpired(input: {maxAgeDays: 0}) { deletedCount } }`, nil, nil)
	messages.Completes(t)
	assert.Equal(t, change{Kind: "DELETED", Version: version}, nextChange(t, changes))
}

// TestEachChangeIsTold, with the thread as it is then; what changes nothing is not.
func TestEachChangeIsTold(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id, human("m1"))
		stream, version := watch(t, s, transport, id)
		for _, write := range writes {
			s.Must(t, `mutation { extendTtl(input: {threadId: "`+id+`", ttlSeconds: 100}) { ttl { ttlSeconds } } }`, nil, nil)
			add(t, s, id, human("m1"))
			s.Must(t, `mutation { `+strings.Replace(write, `"a"`, `"`+id+`"`, 1)+` }`, nil, nil)
			version++
			got := nextChange(t, stream)
			assert.Equal(t, "UPDATED", got.Kind, write)
			assert.Equal(t, version, got.Version, write)
			assert.Equal(t, version, got.AgentState.Version, write)
			assert.Equal(t, id, got.AgentState.ThreadID)
		}
	})
}

// TestSubscriptionsThatCannotBe are refused over every transport.
func TestSubscriptionsThatCannotBe(t *testing.T) {
	onTransports(t, func(t *testing.T, s *server, transport gqltest.Transport) {
		id := transport.Name
		create(t, s, id, human("m1"))
		listCursor := *listed(t, s, "first: 1").PageInfo.EndCursor
		for name, c := range map[string]struct {
			document   string
			variables  vars
			code       string
			extensions map[string]any
		}{
			"messages of no thread":   {messageAdded, vars{"id": "absent"}, "NOT_FOUND", map[string]any{"threadId": "absent"}},
			"changes of no thread":    {stateChanged, vars{"id": "absent"}, "NOT_FOUND", map[string]any{"threadId": "absent"}},
			"cursor that is none":     {messageAdded, vars{"id": id, "after": "nonsense"}, badUser, map[string]any{"argument": "after"}},
			"cursor that is empty":    {messageAdded, vars{"id": id, "after": ""}, badUser, map[string]any{"argument": "after"}},
			"cursor of another list":  {messageAdded, vars{"id": id, "after": listCursor}, badUser, map[string]any{"argument": "after"}},
			"id that is none":         {messageAdded, vars{"id": "a\nb"}, badUser, map[string]any{"argument": "threadId"}},
			"changes of such an id":   {stateChanged, vars{"id": ""}, badUser, map[string]any{"argument": "threadId"}},
			"variable that is needed": {stateChanged, nil, badUser, map[string]any{"argument": "threadId"}},
			"field that there is not": {`subscription { messagesAdded }`, nil, "GRAPHQL_VALIDATION_FAILED", nil},
			"document that is none":   {`subscription {`, nil, "GRAPHQL_PARSE_FAILED", nil},
		} {
			stream := transport.Subscribe(t, s.Client, c.document, c.variables)
			err := stream.Failure(t)
			assert.Equal(t, c.code, err.Code(), name)
			for extension, value := range c.extensions {
				assert.Equal(t, value, err.Extensions[extension], name)
			}
			stream.Completes(t)
			stream.Close()
		}
	})
}

// TestListenersThatWaitCostOneGoroutine: the one that reads what the client sends.
func TestListenersThatWaitCostOneGoroutine(t *testing.T) {
	s := start(t)
	create(t, s, "a")
	const listeners = 50
	streams := make([]*gqltest.Stream, listeners)
	for i := range streams {
		streams[i], _, _ = follow(t, s, gqltest.Transports[0], "a")
	}
	last := add(t, s, "a", human("the last"))[0]
	for _, stream := range streams {
		for nextMessage(t, stream).Seq < last.Seq {
		}
	}
	eventually(t, "only those are left that read", func() bool {
		all := make([]byte, 16<<20)
		stacks := strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n")
		serving, reading := 0, 0
		for _, stack := range stacks {
			if strings.Contains(stack, "httpapi.(*wsConn)") || strings.Contains(stack, "httpapi.(*wsOperation)") || strings.Contains(stack, "feed.(*Stream") {
				serving++
			}
			if strings.Contains(stack, "httpapi.(*wsConn).wait") {
				reading++
			}
		}
		return serving == listeners && reading == listeners
	})
}

// TestManyCyclesOnOneConnection: subscribing and unsubscribing as fast as it goes leaves nothing behind, and the connection works on.
func TestManyCyclesOnOneConnection(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		const cycles = 10_000
		create(t, s, "a")
		ctx := patient(t)
		conn, _, err := websocket.Dial(ctx, s.URL+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
		require.NoError(t, err)
		defer conn.CloseNow()
		require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"type":"connection_init"}`)))
		answers := make(chan string, cycles)
		go func() { // ends with the connection
			defer close(answers)
			for {
				_, message, err := conn.Read(context.Background())
				if err != nil {
					return
				}
				answers <- string(message)
			}
		}()
		for i := range cycles {
			id := strconv.Itoa(i)
			require.NoError(t, conn.Write(ctx, websocket.MessageText,
				[]byte(`{"id":"`+id+`","type":"subscribe","payload":{"query":"subscription { messageAdded(threadId: \"a\") { seq } }"}}`)))
			require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"id":"`+id+`","type":"complete"}`)))
		}
		require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"id":"last","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)))
		for answer := range answers {
			if strings.Contains(answer, `"last"`) {
				assert.JSONEq(t, `{"id":"last","type":"next","payload":{"data":{"agentStateCount":1}}}`, answer)
				break
			}
			// Where they come faster than they can end, there is a word for it.
			require.Regexp(t, `connection_ack|LIMIT_EXCEEDED`, answer)
		}
		eventually(t, "no listener is left", func() bool { return metric(t, s, "agentstate_listeners") == "0" })
		assert.Equal(t, "1", metric(t, s, "agentstate_streams"))
	})
}

// TestClientsThatGoInTheMiddle of what comes for them leave no listener behind, whatever was just being made for them.
func TestClientsThatGoInTheMiddle(t *testing.T) {
	s := start(t)
	create(t, s, "a")
	ctx, stop := context.WithCancel(patient(t))
	var writing sync.WaitGroup
	writing.Go(func() {
		for ctx.Err() == nil {
			_, _, _ = s.Do(ctx, `mutation { addMessage(input: {threadId: "a", message: {type: HUMAN, content: "x"}}) { duplicate } }`, nil)
		}
	})
	for range 60 {
		conn, _, err := websocket.Dial(ctx, s.URL+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
		require.NoError(t, err)
		require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"type":"connection_init"}`)))
		for i := range 300 { // none shares its responses with others
			require.NoError(t, conn.Write(ctx, websocket.MessageText, []byte(`{"id":"`+strconv.Itoa(i)+`","type":"subscribe","payload":{"variables":{"v":true},
				"query":"subscription($v: Boolean!) { messageAdded(threadId: \"a\") { seq @include(if: $v) } }"}}`)))
		}
		for range 300 {
			_, _, err := conn.Read(ctx)
			require.NoError(t, err)
		}
		_ = conn.CloseNow()
	}
	stop()
	writing.Wait()
	eventually(t, "no listener is left", func() bool { return metric(t, s, "agentstate_listeners") == "0" })
}
