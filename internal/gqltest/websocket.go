package gqltest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/coder/websocket"
)

// frame is a message of both subprotocols.
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md (graphql-transport-ws)
// https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md (graphql-ws)
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// openWS subscribes over a WebSocket of its own in one of the subprotocols. It returns when the operation was sent, which
// does not mean that the server listens already: the protocols have no word for that.
func (c *Client) openWS(subprotocol, query string, vars any) (*Stream, error) {
	payload, err := c.encode(query, vars)
	if err != nil {
		return nil, err
	}
	start := map[string]string{"graphql-transport-ws": "subscribe", "graphql-ws": "start"}[subprotocol]
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := c.dial(ctx, subprotocol)
	if err == nil {
		err = send(ctx, conn, frame{ID: "1", Type: start, Payload: payload})
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return newStream(ctx, cancel, func(give func(Event) bool) error {
		defer conn.CloseNow() //nolint:errcheck // there is nothing left to lose
		return readFrames(ctx, conn, give)
	}), nil
}

// dial opens a WebSocket and makes it ready for operations.
func (c *Client) dial(ctx context.Context, subprotocol string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	options := &websocket.DialOptions{HTTPClient: c.HTTP, Subprotocols: []string{subprotocol}}
	conn, _, err := websocket.Dial(ctx, c.URL+"/graphql", options) //nolint:bodyclose // the connection has it
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(-1)
	err = send(ctx, conn, frame{Type: "connection_init"})
	var ack frame
	if err == nil {
		ack, err = receive(ctx, conn)
	}
	if err == nil && (ack.Type != "connection_ack" || conn.Subprotocol() != subprotocol) {
		err = fmt.Errorf("gqltest: %s answered connection_init with %s", conn.Subprotocol(), ack.Type)
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return conn, nil
}

func send(ctx context.Context, conn *websocket.Conn, f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, text)
}

func receive(ctx context.Context, conn *websocket.Conn) (frame, error) {
	var f frame
	_, text, err := conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

// readFrames gives what the operation brings until the connection ends, and answers pings.
func readFrames(ctx context.Context, conn *websocket.Conn, give func(Event) bool) error {
	for {
		f, err := receive(ctx, conn)
		if err != nil {
			return err
		}
		var e Event
		switch f.Type {
		case "next", "data":
			var got result
			err = json.Unmarshal(f.Payload, &got)
			e = Event{Data: got.Data, Errors: got.Errors}
		case "error":
			err = json.Unmarshal(f.Payload, &e.Errors)
		case "complete":
			e.Complete = true
		case "ping":
			if err := send(ctx, conn, frame{Type: "pong"}); err != nil {
				return err
			}
			continue
		case "ka", "pong":
			continue
		default:
			return fmt.Errorf("gqltest: unknown message of the server: %s", f.Type)
		}
		if err != nil {
			return fmt.Errorf("gqltest: payload of %s: %w", f.Type, err)
		}
		if !give(e) || f.Type == "error" && !give(Event{Complete: true}) { // an error is the end of its operation
			return nil
		}
	}
}
