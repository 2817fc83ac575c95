package httpapi

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"agentstate/internal/auth"
)

// initTimeout is how long a WebSocket may take to send its connection_init.
const initTimeout = 10 * time.Second

// webSocket is the transport of GraphQL over WebSockets, in both subprotocols that there are.
type webSocket struct {
	streams *Streams
	panics  panicLog
	origins origins
	// maxBytes bounds a message of the client, and keepAlive is the time between pings; 0 is none. writeTimeout is how long
	// the client may take to receive a message.
	maxBytes                             int64
	keepAlive, writeTimeout, initTimeout time.Duration
	stopGrace                            time.Duration // how long operations may take when the server stops
	doors                                doors
	who                                  auth.Authenticator // nil is no authentication
	couriers                             couriers

	describe sync.Once
	request  *http.Request
}

var _ graphql.Transport = (*webSocket)(nil)

func (*webSocket) Supports(r *http.Request) bool { return isHandshake(r) }

// Do answers the handshake. The connection then has a goroutine of its own, which ends with it: with the return of Do the request
// and its buffers are free.
func (t *webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if !t.origins.welcome(r) {
		foreignOrigin.write(w, mediaJSON)
		return
	}
	caller, release, refused := t.doors.enter(r)
	if refused != nil {
		refused.write(w, mediaJSON)
		return
	}
	hijacker := &slimHijacker{ResponseWriter: w, wire: &wire{patience: t.writeTimeout}}
	conn, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{
		Subprotocols:       []string{newer.name, older.name}, // the first that the client offers too is taken
		InsecureSkipVerify: true,                             // the origin was checked
	})
	if err != nil {
		release()
		return // Accept has answered
	}
	conn.SetReadLimit(t.maxBytes)
	words := &newer
	if conn.Subprotocol() != newer.name {
		words = &older // it was there before clients named a subprotocol
	}
	// Nothing of the request's context: that ends with Do, and what it holds is used again by others.
	c := &wsConn{
		transport: t, conn: conn, wire: hijacker.wire, words: words, exec: exec, operations: make(map[string]*wsOperation),
		payer: caller, release: release, request: t.described(r),
	}
	c.wire.start, c.wire.broken = c.spawn, c.giveUp
	if caller := auth.From(r.Context()); caller.Known() {
		c.identify(caller)
	}
	acceptable := conn.Subprotocol() != "" || r.Header.Get("Sec-Websocket-Protocol") == ""
	if !acceptable {
		c.leaving = true // nothing is executed any more
		go c.close(closing{closeSubprotocol, "Subprotocol not acceptable"})
	}
	c.open()
}

// described gives of a request what the log tells of it; all handshakes share it.
func (t *webSocket) described(r *http.Request) *http.Request {
	t.describe.Do(func() { t.request = &http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}} })
	return t.request
}

// slimHijacker hands a connection over with small buffers. Those of net/http, 4 KiB for each direction, are most of what a
// listener costs that waits; larger messages go past a small buffer anyway.
type slimHijacker struct {
	http.ResponseWriter
	wire *wire
}

// The wire reads ahead, and messages are put together elsewhere: what is left are control frames, of 127 bytes at most.
const (
	readBuffer  = 16
	writeBuffer = 160
)

// Hijack takes the connection, with the wire in between.
func (h *slimHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire.Conn = conn
	h.wire.atOnce.of(conn)
	if n := buffers.Reader.Buffered(); n > 0 { // the client has not waited for the answer
		h.wire.early, _ = buffers.Peek(n)
	}
	h.wire.reader = bufio.NewReaderSize(h.wire, readBuffer)
	return h.wire, bufio.NewReadWriter(h.wire.reader, bufio.NewWriterSize(h.wire, writeBuffer)), nil
}

// dialect is what a subprotocol calls its messages. An empty word is one that it does not have.
type dialect struct {
	name string
	// Of the client.
	subscribe, stop, terminate string
	// Of the server. echo says that the client's stop is answered by complete.
	next, keepAlive string
	echo            bool
}

var (
	// newer is https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
	newer = dialect{name: "graphql-transport-ws", subscribe: "subscribe", stop: "complete", next: "next", keepAlive: "ping"}
	// older is https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md
	older = dialect{
		name: "graphql-ws", subscribe: "start", stop: "stop", terminate: "connection_terminate", next: "data", keepAlive: "ka", echo: true,
	}
)

// The close codes of the newer subprotocol, which are used for the older one too.
const (
	closeInvalidMessage websocket.StatusCode = 4400
	closeUnauthorized   websocket.StatusCode = 4401
	closeSubprotocol    websocket.StatusCode = 4406
	closeInitTimeout    websocket.StatusCode = 4408
	closeDuplicateID    websocket.StatusCode = 4409
	closeTwoInits       websocket.StatusCode = 4429
)
