//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
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
	// last is the number of the last message of each.
	last []atomic.Int64
	// got counts what came since the last await, grown tells that something has.
	got   atomic.Int64
	grown chan struct{}
}

const subscribe = `subscription($id: ID!) { messageAdded(threadId: $id) { seq messageId type content timestamp } }`

// opensAtOnce is how many clients come at once.
const opensAtOnce = 32

// listen opens n clients, one for each thread that name gives, and returns when all are subscribed.
func (b *bench) listen(ctx context.Context, on *process, n int, name func(i int) string) (*crowd, error) {
	newest := make(map[string]int64)
	for i := range n {
		if thread := name(i); newest[thread] == 0 && on != b.floor {
			var err error
			if newest[thread], err = on.publish(ctx, thread); err != nil {
				return nil, err
			}
		}
	}
	c := &crowd{conns: make([]*websocket.Conn, n), last: make([]atomic.Int64, n), grown: make(chan struct{}, 1)}
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
	for i, conn := range c.conns {
		c.running.Go(func() { c.read(conn, &c.last[i]) })
	}
	if on == b.floor {
		return c, c.await(ctx, 1)
	}
	return c, c.awaitSubscribed(ctx, on, newest, name)
}

// awaitSubscribed publishes to each thread, and again, until everybody has had the newest message of its thread, so that nothing more is on its
// way: the protocol has no word for being subscribed.
func (c *crowd) awaitSubscribed(ctx context.Context, on *process, newest map[string]int64, name func(i int) string) error {
	for range 60 {
		for thread := range newest {
			var err error
			if newest[thread], err = on.publish(ctx, thread); err != nil {
				return err
			}
		}
		for range 100 {
			behind := false
			for i := range c.last {
				behind = behind || c.last[i].Load() != newest[name(i)]
			}
			if !behind {
				c.got.Store(0)
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return errors.New("some listeners hear nothing")
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
func (c *crowd) read(conn *websocket.Conn, last *atomic.Int64) {
	for {
		_, message, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		if len(message) < 50 { // a ping
			_ = conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"pong"}`))
			continue
		}
		last.Store(seqOf(message))
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
