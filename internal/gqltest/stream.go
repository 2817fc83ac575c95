package gqltest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Stream is a subscription. It is read in the background until it ends, or nobody takes what came: then the server meets a
// client that does not read.
type Stream struct {
	events chan Event
	stop   context.CancelFunc
	ended  chan struct{}
}

// Event is what came: a result with its data, its errors or both, or one of the ends. An `error` of a WebSocket is a result and an end.
type Event struct {
	Data   json.RawMessage
	Errors []Error
	// Complete says that the server has said that the operation is over.
	Complete bool
	// Closed is why the connection has ended, by the server's doing. It is the last event.
	Closed error
}

// Transport is a way to subscribe.
type Transport struct {
	Name string
	// Open subscribes. It returns when the operation was sent and, over an event stream, the stream is open; whoever opens a stream
	// closes it.
	Open func(c *Client, query string, vars any) (*Stream, error)
}

// Subscribe is Open for a stream that must open, and ends with the test.
func (t Transport) Subscribe(tb testing.TB, c *Client, query string, vars any) *Stream {
	tb.Helper()
	s, err := t.Open(c, query, vars)
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// Transports are all ways to subscribe.
var Transports = []Transport{
	{"graphql-transport-ws", func(c *Client, query string, vars any) (*Stream, error) {
		return c.openWS("graphql-transport-ws", query, vars)
	}},
	{"graphql-ws", func(c *Client, query string, vars any) (*Stream, error) { return c.openWS("graphql-ws", query, vars) }},
	{"sse", (*Client).openSSE},
	{"multipart", (*Client).openMultipart},
}

// newStream starts read, which gives what comes to its argument until that is false, and returns at the latest when ctx ends.
func newStream(ctx context.Context, stop context.CancelFunc, read func(give func(Event) bool) error) *Stream {
	s := &Stream{events: make(chan Event, 16), stop: stop, ended: make(chan struct{})}
	give := func(e Event) bool {
		select {
		case s.events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(s.ended)
		defer close(s.events)
		if err := read(give); err != nil && ctx.Err() == nil {
			give(Event{Closed: err})
		}
	}()
	return s
}

// Close hangs up, as a client that crashes would, and waits for the end of the stream's goroutine.
func (s *Stream) Close() {
	s.stop()
	<-s.ended
}

// Within gives the next event; not ok where none comes within d, or the stream has ended.
func (s *Stream) Within(d time.Duration) (e Event, ok bool) {
	select {
	case e, ok = <-s.events:
		return e, ok
	case <-time.After(d):
		return Event{}, false
	}
}

// Next gives the next event, which must come.
func (s *Stream) Next(tb testing.TB) Event {
	tb.Helper()
	e, ok := s.Within(Patience)
	require.True(tb, ok, "nothing more came of the subscription")
	return e
}

// Data decodes the next event, which must be a result without errors.
func (s *Stream) Data(tb testing.TB, into any) {
	tb.Helper()
	e := s.Next(tb)
	require.Empty(tb, e.Errors)
	require.NotNil(tb, e.Data, "the subscription has ended: complete %v, closed %v", e.Complete, e.Closed)
	require.NoError(tb, json.Unmarshal(e.Data, into))
}

// Failure gives the error of the next event, which must be a result with exactly one, and no data.
func (s *Stream) Failure(tb testing.TB) Error {
	tb.Helper()
	e := s.Next(tb)
	require.Len(tb, e.Errors, 1, "data %s, complete %v, closed %v", e.Data, e.Complete, e.Closed)
	require.Contains(tb, []string{"", "null"}, string(e.Data))
	return e.Errors[0]
}

// Completes requires that the server says next that the operation is over.
func (s *Stream) Completes(tb testing.TB) {
	tb.Helper()
	e := s.Next(tb)
	require.True(tb, e.Complete, "data %s, errors %v, closed %v", e.Data, e.Errors, e.Closed)
}
