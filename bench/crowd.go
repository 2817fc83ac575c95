//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"agentstate/store"
)

// crowd are clients that listen to threads of one server, each on a WebSocket of its own. Messages are added past the server, so that it does
// nothing but deliver.
type crowd struct {
	threads   *store.Threads
	names     []string
	newest    map[string]int64
	listeners []*listener
	running   sync.WaitGroup
	// strict says that everybody is subscribed, so that none may miss anything.
	strict atomic.Bool
	// got counts what came since the last await, grown tells that something has.
	got    atomic.Int64
	grown  chan struct{}
	failed chan error
}

type listener struct {
	conn *websocket.Conn
	// last is the number of its last message; whole says that it looks at messages whole.
	last  atomic.Int64
	whole bool
}

// opensAtOnce is how many clients come at once.
const opensAtOnce = 32

// listen opens n clients that listen to the named threads in turn, those of each thread at all targets in turn, and returns when all of
// them hear.
func listen(ctx context.Context, targets []*target, threads *store.Threads, n int, names []string) (*crowd, error) {
	c := &crowd{
		threads: threads, names: names, newest: make(map[string]int64), listeners: make([]*listener, n),
		grown: make(chan struct{}, 1), failed: make(chan error, 1),
	}
	for _, name := range names {
		if err := c.publish(ctx, name); err != nil { // a thread has to be there
			return nil, err
		}
	}
	opening, octx := errgroup.WithContext(ctx)
	opening.SetLimit(opensAtOnce)
	for i := range n {
		opening.Go(func() error {
			conn, err := open(octx, targets[i/len(names)%len(targets)], names[i%len(names)])
			c.listeners[i] = &listener{conn: conn, whole: i < len(names)}
			return err
		})
	}
	if err := opening.Wait(); err != nil {
		c.close()
		return nil, fmt.Errorf("%s: %w", targets[0].name, err)
	}
	for _, l := range c.listeners {
		c.running.Go(func() { c.hear(l) })
	}
	if err := c.awaitSubscribed(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("%s: %w", targets[0].name, err)
	}
	return c, nil
}

// open makes a client that has subscribed, or with the floor is about to be.
func open(ctx context.Context, t *target, thread string) (*websocket.Conn, error) {
	path := "/graphql"
	if t.floor {
		path = "/listen?id=" + url.QueryEscape(thread)
	}
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, ReadBufferSize: 2048, WriteBufferSize: 512}
	conn, response, err := dialer.DialContext(ctx, "ws://"+t.addr+path, http.Header{})
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	if t.floor {
		return conn, nil
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"connection_init"}`)); err != nil {
		return conn, err
	}
	if _, ack, err := conn.ReadMessage(); err != nil || !bytes.Contains(ack, []byte(`"connection_ack"`)) {
		return conn, fmt.Errorf("connection_init was answered by %s: %w", ack, err)
	}
	return conn, conn.WriteMessage(websocket.TextMessage, mustJSON(map[string]any{
		"id": "1", "type": "subscribe", "payload": map[string]any{"query": subscribe, "variables": map[string]any{"id": thread}},
	}))
}

// publish adds the next message to a thread.
func (c *crowd) publish(ctx context.Context, thread string) error {
	a := store.Append{CreateIfMissing: true, Messages: []*store.Message{message(int(c.newest[thread] + 1))}}
	added, err := c.threads.Append(ctx, thread, a, nil)
	if err != nil {
		return err
	}
	c.newest[thread] = int64(added.Messages[0].Seq)
	return nil
}

// awaitSubscribed publishes to each thread, and again, until everybody has had the newest message of its thread: the protocol has no word
// for being subscribed.
func (c *crowd) awaitSubscribed(ctx context.Context) error {
	for range 60 {
		for _, name := range c.names {
			if err := c.publish(ctx, name); err != nil {
				return err
			}
		}
		for range 100 {
			behind := false
			for i, l := range c.listeners {
				behind = behind || l.last.Load() != c.newest[c.names[i%len(c.names)]]
			}
			if !behind {
				c.got.Store(0)
				c.strict.Store(true)
				return nil
			}
			select {
			case err := <-c.failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return errors.New("some listeners hear nothing")
}

// hear takes the messages of a listener until its connection ends, and answers pings.
func (c *crowd) hear(l *listener) {
	for {
		_, frame, err := l.conn.ReadMessage()
		if err != nil {
			return
		}
		if !bytes.Contains(frame, []byte(`"messageAdded":`)) {
			if bytes.Contains(frame, []byte(`"ping"`)) {
				_ = l.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"pong"}`))
				continue
			}
			c.fail(fmt.Errorf("%w: %.400s", errAnswer, frame))
			return
		}
		if err := l.take(frame, c.strict.Load()); err != nil {
			c.fail(err)
			return
		}
		if c.got.Add(1)%int64(len(c.listeners)) == 0 {
			select {
			case c.grown <- struct{}{}:
			default:
			}
		}
	}
}

// take checks a message: that it is the next one, and that it is the one of that number; some look at the whole of it.
func (l *listener) take(frame []byte, strict bool) error {
	_, text, _ := bytes.Cut(frame, []byte(`"messageAdded":{"seq":`))
	digits, rest, _ := bytes.Cut(text, []byte(`,`))
	seq, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %.400s", errAnswer, frame)
	}
	last := l.last.Swap(seq)
	want := message(int(seq))
	if strict && seq != last+1 || len(frame) < len(want.Content) || !bytes.HasPrefix(rest, []byte(`"messageId":"`+want.MessageID+`",`)) {
		return fmt.Errorf("%w behind message %d: %.400s", errAnswer, last, frame)
	}
	if !l.whole {
		return nil
	}
	var got struct {
		ID, Type string
		Payload  struct {
			Data struct{ MessageAdded map[string]any }
		}
	}
	if err := json.Unmarshal(frame, &got); err != nil || got.ID != "1" || got.Type != "next" {
		return fmt.Errorf("%w: %.400s", errAnswer, frame)
	}
	added := got.Payload.Data.MessageAdded
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", fmt.Sprint(added["timestamp"])); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	delete(added, "timestamp")
	return equal(mustJSON(added), map[string]any{"seq": seq, "messageId": want.MessageID, "type": want.Type, "content": want.Content})
}

func (c *crowd) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// await waits until so many messages have come, over all clients.
func (c *crowd) await(ctx context.Context, messages int) error {
	want := int64(messages)
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	look := time.NewTicker(5 * time.Millisecond) // for numbers that are no multiple of the listeners
	defer look.Stop()
	for c.got.Load() < want {
		select {
		case <-c.grown:
		case <-look.C:
		case err := <-c.failed:
			return err
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
	for _, l := range c.listeners {
		if l != nil && l.conn != nil {
			closing.Go(func() { _ = l.conn.Close() })
		}
	}
	closing.Wait()
	c.running.Wait()
}
