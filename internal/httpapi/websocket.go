package httpapi

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
)

// initTimeout is how long a WebSocket may take to send its connection_init.
const initTimeout = 10 * time.Second

// webSocket is the transport of GraphQL over WebSockets, in both subprotocols that there are.
type webSocket struct {
	streams *Streams
	panics  panicLog
	// maxBytes bounds a message of the client, and keepAlive is the time between pings; 0 is none. writeTimeout is how long
	// the client may take to receive a message.
	maxBytes                             int64
	keepAlive, writeTimeout, initTimeout time.Duration
}

var _ graphql.Transport = webSocket{}

// Supports tells whether r is the opening handshake of a WebSocket (RFC 6455, section 4.1), and only that: any request may carry
// another Upgrade.
func (webSocket) Supports(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do answers the handshake. The connection then has a goroutine of its own, which ends with it: with the return of Do the request
// and its buffers are free.
func (t webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if !ownOrigin(r) {
		foreignOrigin.write(w, mediaJSON)
		return
	}
	hijacker := &slimHijacker{ResponseWriter: w}
	conn, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{
		Subprotocols:       []string{newer.name, older.name}, // the first that the client offers too is taken
		InsecureSkipVerify: true,                             // the origin was checked
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(t.maxBytes)
	words := &newer
	if conn.Subprotocol() != newer.name {
		words = &older // it was there before clients named a subprotocol
	}
	// Not the request's context: that ends with Do, and what it holds is used again by others.
	ctx, leave := t.streams.join(context.Background())
	c := &wsConn{
		transport: t, conn: conn, wire: hijacker.conn, words: words, exec: exec, operations: make(map[string]*wsOperation),
		request: &http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}},
	}
	acceptable := conn.Subprotocol() != "" || r.Header.Get("Sec-Websocket-Protocol") == ""
	go func() {
		defer leave()
		defer func() {
			if v := recover(); v != nil {
				t.panics.caught(c.request, v)
				_ = conn.CloseNow()
			}
		}()
		if !acceptable {
			c.close(closing{closeSubprotocol, "Subprotocol not acceptable"})
			return
		}
		c.serve(ctx)
	}()
}

// slimHijacker hands a connection over with small buffers. Those of net/http, 4 KiB for each direction, are most of what a
// listener costs that waits; larger messages go past a small buffer anyway.
type slimHijacker struct {
	http.ResponseWriter
	conn net.Conn
}

const (
	readBuffer  = 512
	writeBuffer = 1024
)

// Hijack takes the connection, and remembers it.
func (h *slimHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	if err != nil || buffers.Reader.Buffered() > 0 { // a client that has not waited for the answer
		return conn, buffers, err
	}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, readBuffer), bufio.NewWriterSize(conn, writeBuffer)), nil
}

// ownOrigin tells whether a handshake comes from a page of the server's own host, or from outside a browser, which sends no
// Origin. Browsers let any page open a WebSocket to any host, and send the visitor's credentials along.
func ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	at, err := url.Parse(origin)
	return err == nil && strings.EqualFold(at.Host, r.Host)
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
