//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
)

// crowd are clients that listen, each on a WebSocket of its own.
type crowd struct {
	conns   []*websocket.Conn
	running sync.WaitGroup
	// got counts what came since the last await, grown tells that something has.
	got   atomic.Int64
	grown chan struct{}
}

const subscribe = `subscription($id: ID!) { messageAdded(threadId: $id) { seq messageId type content timestamp } }`

// opensAtOnce is how many clients come at once.
const opensAtOnce = 32

// listen opens n clients, one for each thread that name gives, and returns when all are subscribed.
func (b *bench) listen(ctx context.Context, on *process, n int, name func(i int) string) (*crowd, error) {
	seen := make(map[string]bool)
	for i := range n {
		if thread := name(i); !seen[thread] && on != b.floor {
			seen[thread] = true
			if err := on.publish(ctx, thread); err != nil {
				return nil, err
			}
		}
	}
	c := &crowd{conns: make([]*websocket.Conn, n), grown: make(chan struct{}, 1)}
	opening, octx := errgroup.WithContext(ctx)
	opening.SetLimit(opensAtOnce)
	for i := range n {
		opening.Go(func() (err error) {
			c.conns[i], err = open(octx, on, name(i))
			return err
		})
	}
	if err := opening.Wait(); err != nil {
		return nil, err
	}
	for _, conn := range c.conns {
		c.running.Go(func() { c.read(conn) })
	}
	// The protocol has no word for being subscribed: a message that everybody gets tells it.
	if on != b.floor {
		if err := b.awaitSubscribed(ctx, on, c, seen); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// awaitSubscribed publishes to each thread until everybody has heard something and nothing more is on its way.
func (b *bench) awaitSubscribed(ctx context.Context, on *process, c *crowd, threads map[string]bool) error {
	time.Sleep(time.Second)
	for thread := range threads {
		if err := on.publish(ctx, thread); err != nil {
			return err
		}
	}
	return c.await(ctx, 1)
}

// open makes a client that is ready and has subscribed.
func open(ctx context.Context, on *process, thread string) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+on.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}}) //nolint:bodyclose // the connection has it
	if err != nil {
		return nil, err
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"connection_init"}`)); err != nil {
		return nil, err
	}
	if _, ack, err := conn.Read(ctx); err != nil || string(ack) != `{"type":"connection_ack"}` {
		return nil, fmt.Errorf("connection_init was answered by %s: %w", ack, err)
	}
	message, err := json.Marshal(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{
		"query": subscribe, "variables": map[string]any{"id": thread},
	}})
	if err != nil {
		return nil, err
	}
	return conn, conn.Write(ctx, websocket.MessageText, message)
}

// read counts the messages until the connection ends, and answers pings.
func (c *crowd) read(conn *websocket.Conn) {
	for {
		_, message, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		if len(message) < 50 { // a ping
			_ = conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"pong"}`))
			continue
		}
		if c.got.Add(1)%int64(len(c.conns)) == 0 {
			select {
			case c.grown <- struct{}{}:
			default:
			}
		}
	}
}

// await waits until every client has had so many messages more.
func (c *crowd) await(ctx context.Context, each int) error {
	want := int64(each * len(c.conns))
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	for c.got.Load() < want {
		select {
		case <-c.grown:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("only %d of %d messages have come", c.got.Load(), want)
		}
	}
	c.got.Add(-want)
	return nil
}

func (c *crowd) close() {
	var closing sync.WaitGroup
	for _, conn := range c.conns {
		closing.Go(func() { _ = conn.CloseNow() })
	}
	closing.Wait()
	c.running.Wait()
}
