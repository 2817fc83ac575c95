package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/httpapi"
)

// socket is a client's WebSocket.
type socket struct {
	*websocket.Conn
	ctx context.Context
}

// dial opens a WebSocket that offers the subprotocols. It ends with the test.
func (s *server) dial(t testing.TB, offered ...string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	conn, res, err := websocket.Dial(ctx, s.URL+"/graphql", &websocket.DialOptions{HTTPClient: s.Client(), Subprotocols: offered})
	require.NoError(t, err)
	if res.Body != nil {
		res.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{conn, ctx}
}

func (c *socket) write(t testing.TB, message string) {
	t.Helper()
	require.NoError(t, c.Write(c.ctx, websocket.MessageText, []byte(message)))
}

// read gives the next message that is no ping.
func (c *socket) read(t testing.TB) string {
	t.Helper()
	for {
		_, message, err := c.Read(c.ctx)
		require.NoError(t, err)
		if text := string(message); !strings.Contains(text, `"ping"`) && !strings.Contains(text, `"ka"`) {
			return text
		}
	}
}

// initiate makes a connection ready for operations.
func (c *socket) initiate(t testing.TB) {
	t.Helper()
	c.write(t, `{"type":"connection_init"}`)
	assert.JSONEq(t, `{"type":"connection_ack"}`, c.read(t))
}

// closed waits until the server closes the connection, and gives why. Pings may come ahead of it.
func (c *socket) closed(t testing.TB) websocket.CloseError {
	t.Helper()
	for {
		_, message, err := c.Read(c.ctx)
		if err != nil {
			var closed websocket.CloseError
			require.ErrorAs(t, err, &closed)
			return closed
		}
		require.Regexp(t, `^{"type":"(ping|ka)"}$`, string(message))
	}
}

// silent asserts that nothing but the answer to a ping comes.
func (c *socket) silent(t testing.TB) {
	t.Helper()
	c.write(t, `{"type":"ping"}`)
	assert.JSONEq(t, `{"type":"pong"}`, c.read(t))
}

// The words of both subprotocols for the same things.
var dialects = map[string]struct{ subscribe, next, stop string }{
	"graphql-transport-ws": {"subscribe", "next", "complete"},
	"graphql-ws":           {"start", "data", "stop"},
}

func TestSubscriptionOverAWebSocket(t *testing.T) {
	for protocol, words := range dialects {
		t.Run(protocol, func(t *testing.T) {
			s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = time.Minute })
			c := s.dial(t, protocol)
			assert.Equal(t, protocol, c.Subprotocol())
			c.initiate(t)

			c.write(t, `{"id":"1","type":"`+words.subscribe+`","payload":{"query":`+quote(subscription)+`}}`)
			deliver(t, s.stub.changes, changed(7))
			assert.JSONEq(t, `{"id":"1","type":"`+words.next+`","payload":{"data":{"agentStateChanged":{"version":7}}}}`, c.read(t))

			c.write(t, `{"id":"1","type":"`+words.stop+`"}`)
			receive(t, receive(t, s.stub.subscribed, "the subscription").Done(), "its end")
			if protocol == "graphql-ws" {
				assert.JSONEq(t, `{"id":"1","type":"complete"}`, c.read(t))
			} else {
				c.silent(t)
			}
			require.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
			s.finish(t)
		})
	}
}

func TestMutationOverAWebSocketKeepsDigits(t *testing.T) {
	for protocol, words := range dialects {
		t.Run(protocol, func(t *testing.T) {
			s := newServer(t)
			c := s.dial(t, protocol)
			c.initiate(t)
			document := strings.Replace(addTool("$p"), "mutation", "mutation($p: JSON!)", 1)
			c.write(t, `{"id":"1","type":"`+words.subscribe+`","payload":{"query":`+quote(document)+`,
				"variables":{"p":[12345678901234567890.120]}}}`)
			var got struct{ Payload json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(c.read(t)), &got))
			assert.Equal(t, `{"data":{"addToolCall":{"toolCall":{"parameters":[12345678901234567890.120]}}}}`, string(got.Payload))
		})
	}
}

func TestNewerSubprotocolIsTakenWhereBothAreOffered(t *testing.T) {
	s := newServer(t)
	assert.Equal(t, "graphql-transport-ws", s.dial(t, "graphql-ws", "graphql-transport-ws").Subprotocol())
	assert.Equal(t, "graphql-ws", s.dial(t, "other", "graphql-ws").Subprotocol())
	assert.Equal(t, websocket.CloseError{Code: 4406, Reason: "Subprotocol not acceptable"}, s.dial(t, "other").closed(t))
	s.dial(t).initiate(t) // an old client that names none
}

func TestErrorsOverAWebSocketAreThoseOfTheRequest(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxQueryTokens = 20 })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for payload, code := range map[string]string{
		`{"query":"{ nothing }"}`:                                                         "GRAPHQL_VALIDATION_FAILED",
		`{"query":"{` + strings.Repeat(" agentStateCount", 30) + `}"}`:                    "LIMIT_EXCEEDED",
		`{"query":"","extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`:     "PERSISTED_QUERY_NOT_FOUND",
		`{"query":"{ a }","extensions":{"persistedQuery":{"version":1,"sha256Hash":""}}}`: "BAD_USER_INPUT",
	} {
		c.write(t, `{"id":"1","type":"subscribe","payload":`+payload+`}`)
		got := c.read(t)
		assert.Contains(t, got, `"type":"error"`, payload)
		assert.Contains(t, got, `"code":"`+code+`"`, payload)
		c.silent(t) // an error is the end of its operation
	}
}

func TestWebSocketIsPinged(t *testing.T) {
	for protocol, ping := range map[string]string{"graphql-transport-ws": `{"type":"ping"}`, "graphql-ws": `{"type":"ka"}`} {
		t.Run(protocol, func(t *testing.T) {
			s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = 200 * time.Millisecond })
			c := s.dial(t, protocol)
			c.initiate(t)
			times := 1
			if protocol == "graphql-ws" {
				times = 2 // the first comes with the connection_ack
			}
			for range times {
				_, message, err := c.Read(c.ctx)
				require.NoError(t, err)
				assert.JSONEq(t, ping, string(message))
			}
		})
	}
}

func TestMessageLimitOfAWebSocket(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.MaxRequestBytes = 100_000 })
	message := func(size int) string {
		const head, tail = `{"id":"1","type":"subscribe","payload":{"query":"{ agentStateCount }","pad":"`, `"}}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, message(100_000))
	assert.Contains(t, c.read(t), `{"agentStateCount":42}`)
	assert.Contains(t, c.read(t), "complete")

	c.write(t, message(100_001))
	_, _, err := c.Read(c.ctx)
	assert.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(err), err)
}

func TestWebSocketEndsWhenTheServerStops(t *testing.T) {
	s := newServer(t)
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":`+quote(subscription)+`}}`)
	ctx := receive(t, s.stub.subscribed, "the subscription")
	s.stop()
	assert.Equal(t, websocket.CloseError{Code: websocket.StatusGoingAway, Reason: "the server stops; connect again"}, c.closed(t))
	receive(t, ctx.Done(), "the end of the subscription")
	s.finish(t)
}

func TestWebSocketOfAnotherOriginIsRefused(t *testing.T) {
	s := newServer(t)
	_, res, err := websocket.Dial(t.Context(), s.URL+"/graphql", &websocket.DialOptions{
		HTTPClient: s.Client(), HTTPHeader: http.Header{"Origin": {"https://evil.example"}},
	})
	require.Error(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 403, res.StatusCode)
	assert.Contains(t, string(body), `"code":"FORBIDDEN"`)
	own := &websocket.DialOptions{HTTPClient: s.Client(), HTTPHeader: http.Header{"Origin": {s.URL}}}
	conn, res, err := websocket.Dial(t.Context(), s.URL+"/graphql", own)
	require.NoError(t, err)
	if res.Body != nil {
		res.Body.Close()
	}
	require.NoError(t, conn.CloseNow())
}

// What encoding/json would take and change without a word is no message.
func TestMessagesOverAWebSocketAreReadStrictly(t *testing.T) {
	for protocol, words := range dialects {
		for name, message := range map[string]string{
			"half of a surrogate pair": `{"id":"1","type":"%s","payload":{"query":"{agentStateCount}","variables":{"a":"\ud800"}}}`,
			"bad UTF-8":                `{"id":"1","type":"%s","payload":{"query":"{agentStateCount}","variables":{"a":"` + "\xff" + `"}}}`,
			"repeated key":             `{"id":"1","type":"%s","payload":{"query":"{agentStateCount}","query":"{health{status}}"}}`,
			"two values":               `{"id":"1","type":"%s","payload":{"query":"{agentStateCount}"}}{}`,
			"no object":                `["%s"]`,
			"nothing":                  ``,
			"nested too deep":          `{"id":"1","type":"%s","payload":{"query":"{agentStateCount}","variables":{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}}}`,
		} {
			t.Run(protocol+", "+name, func(t *testing.T) {
				s := newServer(t)
				c := s.dial(t, protocol)
				c.initiate(t)
				kind := websocket.MessageText
				if name == "bad UTF-8" {
					kind = websocket.MessageBinary // in a text message the library itself would refuse it
				}
				require.NoError(t, c.Write(c.ctx, kind, []byte(strings.Replace(message, "%s", words.subscribe, 1))))
				closed := c.closed(t)
				assert.Equal(t, websocket.StatusCode(4400), closed.Code)
				assert.Regexp(t, `^Send messages that (is|are|has)`, closed.Reason)
			})
		}
	}
}

// Each breach of the protocol has its close code. https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
func TestCloseCodes(t *testing.T) {
	const subscribe = `{"id":"1","type":"subscribe","payload":{"query":"subscription { agentStateChanged(threadId: \"a\") { version } }"}}`
	const init = `{"type":"connection_init"}`
	for name, c := range map[string]struct {
		messages []string
		code     websocket.StatusCode
		reason   string
	}{
		"two inits":              {[]string{init, init}, 4429, "Too many initialisation requests"},
		"subscribed too early":   {[]string{subscribe}, 4401, "Unauthorized"},
		"id in use":              {[]string{init, subscribe, subscribe}, 4409, "Subscriber for 1 already exists"},
		"no type":                {[]string{init, `{"id":"1"}`}, 4400, "Give each message a `type`."},
		"type that is no string": {[]string{init, `{"type":1}`}, 4400, "Give each message a `type`."},
		"type of a server":       {[]string{init, `{"type":"next"}`}, 4400, `Send no message of the type "next": it is none of a client of graphql-transport-ws.`},
		"type of another time":   {[]string{init, `{"type":"start"}`}, 4400, `Send no message of the type "start": it is none of a client of graphql-transport-ws.`},
		"no id":                  {[]string{init, `{"type":"subscribe","payload":{}}`}, 4400, "Give `id` as a string that is not empty."},
		"long id":                {[]string{init, `{"type":"subscribe","id":"` + strings.Repeat("i", 256) + `","payload":{}}`}, 4400, "Give `id` at most 255 bytes."},
		"empty id":               {[]string{init, `{"type":"subscribe","id":"","payload":{}}`}, 4400, "Give `id` as a string that is not empty."},
		"no payload":             {[]string{init, `{"type":"subscribe","id":"1"}`}, 4400, "Give `payload` as an object."},
		"stop without an id":     {[]string{init, `{"type":"complete"}`}, 4400, "Give `id` as a string."},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			conn := s.dial(t, "graphql-transport-ws")
			for i, message := range c.messages {
				conn.write(t, message)
				if message == init && i == 0 {
					assert.JSONEq(t, `{"type":"connection_ack"}`, conn.read(t))
				}
			}
			assert.Equal(t, websocket.CloseError{Code: c.code, Reason: c.reason}, conn.closed(t))
			s.finish(t)
		})
	}
}

// An operation that goes on and on does not keep a client from hearing that the server stops.
func TestAnOperationThatOutlivesTheStop(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.StopGrace = 20 * time.Millisecond })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":"{ recentAgentStates { id } }"}}`)
	ctx := receive(t, s.stub.subscribed, "the query")
	s.stop()
	assert.Equal(t, websocket.StatusGoingAway, c.closed(t).Code)
	receive(t, ctx.Done(), "the end of the query")
	s.finish(t)
}

func TestManyOperationsOnOneConnection(t *testing.T) {
	s := newServer(t)
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for i := range 20 { // an id is free again once its operation has ended, or was stopped
		c.write(t, `{"id":"q","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)
		assert.JSONEq(t, `{"id":"q","type":"next","payload":{"data":{"agentStateCount":42}}}`, c.read(t), i)
		assert.JSONEq(t, `{"id":"q","type":"complete"}`, c.read(t))
		c.write(t, `{"id":"s","type":"subscribe","payload":{"query":`+quote(subscription)+`}}`)
		receive(t, s.stub.subscribed, "the subscription")
		c.write(t, `{"id":"s","type":"complete"}`)
	}
	c.write(t, `{"id":"s","type":"complete"}`) // of none
	c.write(t, `{"type":"pong"}`)
	c.silent(t)
}

func TestOperationsOfAConnectionAreBounded(t *testing.T) {
	const most = 1000
	s := newServer(t)
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for i := range most {
		c.write(t, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":%s}}`, i, quote(subscription)))
		receive(t, s.stub.subscribed, "the subscription")
	}
	c.write(t, `{"id":"x","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)
	assert.JSONEq(t, `{"id":"x","type":"error","payload":[{"message":"Run at most 1000 operations on one connection at once.",
		"extensions":{"code":"LIMIT_EXCEEDED","limit":1000,"actual":1001}}]}`, c.read(t))
	c.write(t, `{"id":"7","type":"complete"}`)
	for got := ""; !strings.Contains(got, `{"agentStateCount":42}`); { // as soon as that one has ended
		c.write(t, `{"id":"x","type":"subscribe","payload":{"query":"{ agentStateCount }"}}`)
		got = c.read(t)
		require.Regexp(t, `LIMIT_EXCEEDED|42`, got)
	}
}

// In the older subprotocol an id that is used again replaces what it stood for, and a client may say that it goes.
func TestTheOlderSubprotocol(t *testing.T) {
	s := newServer(t)
	c := s.dial(t, "graphql-ws")
	c.initiate(t)
	start := `{"id":"1","type":"start","payload":{"query":` + quote(subscription) + `}}`
	c.write(t, start)
	first := receive(t, s.stub.subscribed, "the subscription")
	c.write(t, start)
	receive(t, first.Done(), "the end of the first")
	receive(t, s.stub.subscribed, "the second subscription")
	deliver(t, s.stub.changes, changed(8))
	assert.JSONEq(t, `{"id":"1","type":"data","payload":{"data":{"agentStateChanged":{"version":8}}}}`, c.read(t))
	c.write(t, `{"type":"connection_terminate"}`)
	assert.Equal(t, websocket.StatusNormalClosure, c.closed(t).Code)
	s.finish(t)
}

func TestAClientThatAnswersNoPingIsGivenUp(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.KeepAlive = 20 * time.Millisecond })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":`+quote(subscription)+`}}`)
	receive(t, receive(t, s.stub.subscribed, "the subscription").Done(), "its end")

	c = s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	for range 10 { // one that answers stays
		_, message, err := c.Read(c.ctx)
		require.NoError(t, err)
		require.JSONEq(t, `{"type":"ping"}`, string(message))
		c.write(t, `{"type":"pong"}`)
	}
}

func TestAClientThatReadsNothingIsCutOff(t *testing.T) {
	s := newServer(t, func(c *httpapi.Config) { c.WriteTimeout = 50 * time.Millisecond })
	c := s.dial(t, "graphql-transport-ws")
	c.initiate(t)
	big := strings.Repeat("x", 60_000)
	c.write(t, `{"id":"1","type":"subscribe","payload":{"query":`+quote(strings.Replace(subscription, "version", "a"+big+": version", 1))+`}}`)
	ctx := receive(t, s.stub.subscribed, "the subscription")
	for version := 1; ctx.Err() == nil; version++ {
		select {
		case s.stub.changes <- changed(version):
		case <-ctx.Done():
		}
	}
	s.finish(t)
	assert.Contains(t, s.log.String(), "has taken nothing for too long")
}
