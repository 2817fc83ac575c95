package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A connection that never says connection_init is closed with 4408 in both subprotocols, whatever it does at the level of the
// WebSocket. The time that it has is not configurable, so this stands inside of the package.
func TestInitTimeout(t *testing.T) {
	for _, protocol := range []string{newer.name, older.name} {
		t.Run(protocol, func(t *testing.T) {
			streams := NewStreams()
			transport := webSocket{
				streams: streams, panics: panicLog{log: slog.New(slog.DiscardHandler)},
				maxBytes: 1000, writeTimeout: time.Minute, initTimeout: 50 * time.Millisecond,
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { transport.Do(w, r, nil) }))
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			conn, res, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{HTTPClient: server.Client(), Subprotocols: []string{protocol}})
			require.NoError(t, err)
			if res.Body != nil {
				defer res.Body.Close()
			}
			defer conn.CloseNow()
			_, message, err := conn.Read(ctx)
			var closed websocket.CloseError
			require.ErrorAs(t, err, &closed, "%s", message)
			assert.Equal(t, websocket.CloseError{Code: closeInitTimeout, Reason: "Connection initialisation timeout"}, closed)
			assert.EqualValues(t, 4408, closed.Code)
			streams.Close()
			require.NoError(t, streams.Wait(ctx))
		})
	}
}
