package httpapi

import (
	"net/http"
	"strings"
	"time"

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
	ctx, leave := t.streams.join(r.Context())
	defer leave()
	t.Websocket.Do(w, r.WithContext(ctx), exec)
}

var _ graphql.Transport = webSocket{}

// orderedSubprotocols accepts WebSockets from pages of the server's own host and from outside a browser. gqlgen itself
// would take the older subprotocol where a client offers both.
type orderedSubprotocols struct {
	transport.CoderWebsocketImplementation
}

func (a orderedSubprotocols) Accept(
	w http.ResponseWriter, r *http.Request, options transport.WebsocketAcceptOptions,
) (transport.WebsocketConn, error) {
	options.Subprotocols = subprotocols
	return a.CoderWebsocketImplementation.Accept(w, r, options)
}
