package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
)

// initTimeout is how long a WebSocket may take to send its connection_init.
const initTimeout = 10 * time.Second

// subprotocols are those of a WebSocket in the order of our liking: the first that the client offers too is taken.
var subprotocols = []string{"graphql-transport-ws", "graphql-ws"}

// webSocket is gqlgen's transport where a WebSocket is asked for, and only there: any request may carry another Upgrade.
type webSocket struct {
	transport.Websocket
	streams *Streams
}

func newWebSocket(maxBytes int64, keepAlive time.Duration, streams *Streams) webSocket {
	return webSocket{streams: streams, Websocket: transport.Websocket{
		Implementation:        orderedSubprotocols{},
		InitTimeout:           initTimeout,
		PingPongInterval:      keepAlive, // of graphql-transport-ws
		KeepAlivePingInterval: keepAlive, // of graphql-ws
		PayloadReadLimit:      &maxBytes,
	}}
}

// Supports tells whether r is the opening handshake of a WebSocket (RFC 6455, section 4.1).
func (webSocket) Supports(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do serves the WebSocket until it is closed.
func (t webSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	if !ownOrigin(r) {
		foreignOrigin.write(w, mediaJSON)
		return
	}
	ctx, leave := t.streams.join(r.Context())
	defer leave()
	t.Websocket.Do(w, r.WithContext(ctx), exec)
}

var _ graphql.Transport = webSocket{}

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

// orderedSubprotocols accepts WebSockets. gqlgen itself would take the older subprotocol where a client offers both.
type orderedSubprotocols struct {
	transport.CoderWebsocketImplementation
}

func (a orderedSubprotocols) Accept(
	w http.ResponseWriter, r *http.Request, options transport.WebsocketAcceptOptions,
) (transport.WebsocketConn, error) {
	options.Subprotocols = subprotocols
	conn, err := a.CoderWebsocketImplementation.Accept(w, r, options)
	if err != nil {
		return nil, err
	}
	limited, ok := conn.(limitedConn)
	if !ok {
		return nil, fmt.Errorf("%T has no limits", conn)
	}
	return strictConn{limited}, nil
}

// limitedConn is a WebSocket of gqlgen that keeps to limits.
type limitedConn interface {
	transport.WebsocketConn
	transport.WebsocketReadLimiter
	transport.WebsocketReadDeadliner
}

// strictConn reads the messages of a client as strictly as the body of a POST: what encoding/json would change without a word,
// such as half of a surrogate pair, closes the connection.
type strictConn struct{ limitedConn }

// invalidMessage is the close code for what is no message of the protocol.
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md#invalid-message
const invalidMessage = 4400

// NextReader gives the next message of the client.
func (c strictConn) NextReader() (int, io.Reader, error) {
	kind, r, err := c.limitedConn.NextReader()
	if err != nil {
		return kind, nil, err
	}
	data, err := io.ReadAll(r) // it is in memory already, and bounded by the read limit
	if err != nil {
		return kind, nil, err
	}
	if _, refused := decodeObjectOf("messages", data); refused != nil {
		if err := c.WriteClose(invalidMessage, closeReason(refused.message)); err != nil {
			return kind, nil, err
		}
		return kind, nil, transport.ErrWebsocketClosed
	}
	return kind, bytes.NewReader(data), nil
}

// closeReason shortens a text to what a close frame may hold (RFC 6455, section 5.5).
func closeReason(text string) string {
	const most = 123
	for len(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
