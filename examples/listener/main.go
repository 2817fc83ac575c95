// Listener follows the messages of a thread in a terminal, over GraphQL's WebSocket protocol, with nothing of agentstate but its API. It
// comes back behind the last message when the connection breaks, so it misses nothing and shows nothing twice.
//
//	go run ./examples/listener -url http://127.0.0.1:8080 support-42
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the server")
	after := flag.String("after", "", "show all messages behind this cursor; without it those from now on")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "listener: give one thread to listen to")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	l := &listener{url: *url, thread: flag.Arg(0), cursor: *after, token: os.Getenv("AGENTSTATE_TOKEN"), out: os.Stdout}
	err := l.run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !interrupted {
		fmt.Fprintln(os.Stderr, "listener:", err)
		os.Exit(1)
	}
}

// listener follows one thread. cursor is that of the last message it has shown.
type listener struct {
	url, thread, cursor, token string
	out                        io.Writer
}

// run listens until the thread is gone (nil), the server refuses, or ctx ends.
func (l *listener) run(ctx context.Context) error {
	pause := 100 * time.Millisecond
	for {
		began := time.Now()
		err := l.listen(ctx)
		var refused *refusal
		if err == nil || ctx.Err() != nil || errors.As(err, &refused) && !refused.passes() {
			return err
		}
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		fmt.Fprintln(os.Stderr, "listener: connecting again:", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter needs no secrecy
		}
		pause = min(2*pause, 10*time.Second)
	}
}

// frame is a message of graphql-transport-ws.
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// refusal is an error of the server.
type refusal struct {
	Message    string
	Extensions struct{ Code string }
}

func (r *refusal) Error() string { return r.Message }

// passes tells whether it is worth trying again.
func (r *refusal) passes() bool { return r.Extensions.Code == "UNAVAILABLE" }

const position = `query ($thread: ID!) { agentState(threadId: $thread) { messageCursor } }`

const subscription = `subscription ($thread: ID!, $after: String) {
	messageAdded(threadId: $thread, after: $after) { seq cursor type text timestamp }
}`

// listen is one connection.
func (l *listener) listen(ctx context.Context) error {
	socket, response, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(l.url, "http")+"/graphql",
		&websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		if response != nil && response.StatusCode == http.StatusForbidden {
			return &refusal{Message: "the server does not let us in: " + response.Status}
		}
		return err
	}
	defer socket.CloseNow() //nolint:errcheck // the connection is of no use any more
	socket.SetReadLimit(1 << 20)
	begin := frame{Type: "connection_init"}
	if l.token != "" {
		begin.Payload = encode(map[string]string{"Authorization": "Bearer " + l.token})
	}
	if err := wsjson.Write(ctx, socket, begin); err != nil {
		return err
	}
	var ack frame
	if err := wsjson.Read(ctx, socket, &ack); err != nil {
		return err
	}
	// From now on means from one place on, so that a connection that breaks ahead of the first message costs nothing either.
	if l.cursor == "" {
		if err := ask(ctx, socket, "position", position, map[string]any{"thread": l.thread}, l.begin); err != nil {
			return err
		}
	}
	return ask(ctx, socket, "messages", subscription, map[string]any{"thread": l.thread, "after": l.cursor}, l.show)
}

// ask sends a query or a subscription, and hands on each answer until it is complete.
func ask(ctx context.Context, socket *websocket.Conn, id, query string, variables map[string]any, take func(data json.RawMessage) error) error {
	payload := encode(map[string]any{"query": query, "variables": variables})
	if err := wsjson.Write(ctx, socket, frame{ID: id, Type: "subscribe", Payload: payload}); err != nil {
		return err
	}
	for {
		var f frame
		err := wsjson.Read(ctx, socket, &f)
		if err != nil {
			return err
		}
		switch f.Type {
		case "ping":
			err = wsjson.Write(ctx, socket, frame{Type: "pong"})
		case "next":
			var answer struct {
				Data   json.RawMessage
				Errors []*refusal
			}
			if err = json.Unmarshal(f.Payload, &answer); err == nil && len(answer.Errors) > 0 {
				err = answer.Errors[0]
			}
			if err == nil {
				err = take(answer.Data)
			}
		case "error":
			var errs []*refusal
			if err = json.Unmarshal(f.Payload, &errs); err == nil && len(errs) > 0 {
				err = errs[0]
			}
		case "complete":
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// begin remembers where the thread ends.
func (l *listener) begin(data json.RawMessage) error {
	var got struct {
		AgentState *struct{ MessageCursor string }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	if got.AgentState == nil {
		return &refusal{Message: "There is no such thread."}
	}
	l.cursor = got.AgentState.MessageCursor
	return nil
}

// show prints a message, and remembers where we are.
func (l *listener) show(data json.RawMessage) error {
	var got struct {
		MessageAdded struct {
			Seq                int
			Cursor, Type, Text string
			Timestamp          time.Time
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	m := got.MessageAdded
	_, err := fmt.Fprintf(l.out, "%s  #%d %-8s %s\n", m.Timestamp.Local().Format(time.TimeOnly), m.Seq, strings.ToLower(m.Type), m.Text)
	l.cursor = m.Cursor
	return err
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of texts, which always can be encoded
	}
	return raw
}
