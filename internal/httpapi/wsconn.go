package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"

	"agentstate/internal/auth"
)

// wsConn is one connection. Its goroutine reads. An operation has one of its own while it is executed; a subscription that waits has
// none, and what comes for it couriers send.
type wsConn struct {
	transport *webSocket
	conn      *websocket.Conn
	wire      *wire      // below conn
	writing   sync.Mutex // is never held while somebody waits
	words     *dialect
	exec      graphql.GraphExecutor
	payer     string        // for whom it and its operations count: the owner, where he is known, and the address otherwise
	caller    *auth.Caller  // whose operations they are; nil as long as that is not known
	unheed    func()        // ends the waiting for the end of his token
	release   func()        // makes its place free
	request   *http.Request // what the log tells of the handshake
	// pace bounds what is read, once that is more than a listener sends: bytes has been read.
	pace  pace
	bytes int

	// timer is for the connection_init, and then for pings. unanswered counts those that went out since the client was last heard of.
	timer      *time.Timer
	unanswered atomic.Int32

	mu sync.Mutex
	// initiated says that there was a connection_init, leaving that the server stops, and ended that nothing is read any more.
	initiated, leaving, ended bool
	operations                map[string]*wsOperation
	// busy counts the operations that have not ended: one that was stopped may still be about to write.
	busy int
	// finite are those under way that end by themselves: all but subscriptions.
	finite sync.WaitGroup
	// running are all operations, and what else must end before the connection has ended.
	running sync.WaitGroup
}

// closing is why a connection is closed by the server.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c closing) Error() string { return c.reason }

// open begins to serve the connection. Its goroutine, which is one after the other, ends with it.
func (c *wsConn) open() {
	c.transport.streams.enter(c)
	c.timer = time.AfterFunc(c.transport.initTimeout, c.tick)
	go c.wait()
}

// wait waits for the client to send something, which it may never do again. Nearly all connections are here nearly all of the time, so it
// is a goroutine that does nothing else, and has the smallest of stacks: who reads and executes needs a large one, and a stack that has grown
// stays so.
func (c *wsConn) wait() {
	c.wire.await()
	go c.attend()
}

// attend takes in what the client has sent, and waits for more, or ends the connection.
func (c *wsConn) attend() {
	err := c.readAll()
	if err == nil {
		go c.wait()
		return
	}
	defer c.transport.streams.left(c)
	defer c.release()
	c.end()
	if why, ok := errors.AsType[closing](err); ok {
		c.close(why)
	}
	_ = c.conn.CloseNow() // nothing is left to be said
	c.running.Wait()
}

// end stops everything that runs on the connection.
func (c *wsConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.timer.Stop()
	if c.unheed != nil {
		c.unheed()
	}
	for _, op := range c.operations {
		op.leave()
	}
}

// spawn starts a goroutine that the end of the connection waits for, or ends itself where it has come already.
func (c *wsConn) spawn(run func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		go run()
		return
	}
	c.running.Go(run)
}

// leave says goodbye, since the server stops, so that the client comes back. Subscriptions go on then and there; what is executed now
// gets its answer before that, if it does not take too long.
func (c *wsConn) leave() {
	c.mu.Lock()
	c.leaving = true
	for _, op := range c.operations {
		if op.lasting {
			op.leave()
		}
	}
	c.mu.Unlock()
	answered := make(chan struct{})
	go func() { // ends with the operations, which end at the latest below
		defer close(answered)
		c.finite.Wait()
		c.awaitClient()
	}()
	late := time.NewTimer(c.transport.stopGrace)
	defer late.Stop()
	select {
	case <-answered:
	case <-late.C:
	}
	c.mu.Lock()
	for _, op := range c.operations {
		op.leave()
	}
	c.mu.Unlock()
	c.close(closing{websocket.StatusGoingAway, "the server stops; connect again"})
}

// tick closes the connection where its connection_init has not come in time. Behind that it pings, now and then, and gives up a connection
// of which nothing was heard since two pings; in the older subprotocol clients do not answer.
func (c *wsConn) tick() {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.running.Add(1)
	initiated := c.initiated
	c.mu.Unlock()
	defer c.running.Done()
	switch {
	case !initiated:
		c.close(closing{closeInitTimeout, "Connection initialisation timeout"})
		return
	case c.wire.clogged() != nil: // there is more to be taken than a ping, and that has its own time
	case c.words == &newer && c.unanswered.Load() >= 2:
		_ = c.conn.CloseNow()
		return
	default:
		c.unanswered.Add(1)
		c.send(`{"type":"` + c.words.keepAlive + `"}`)
	}
	c.nextTick()
}

// nextTick winds the timer up for a ping.
func (c *wsConn) nextTick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended && c.transport.keepAlive > 0 {
		c.timer.Reset(c.transport.keepAlive)
	}
}

// initiate takes in a connection_init. It is false where the time for it was over.
func (c *wsConn) initiate() bool {
	if !c.timer.Stop() {
		return false
	}
	c.mu.Lock()
	c.initiated = true
	c.mu.Unlock()
	c.nextTick()
	return true
}

// readAll takes in the messages that have come; the error is a closing, or why nothing can be read.
func (c *wsConn) readAll() (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.transport.panics.caught(c.request, v)
			err = errBroken
		}
	}()
	for first := true; first || c.wire.unread(); first = false {
		message, err := c.readOne()
		if err != nil {
			return err
		}
		if err := c.handle(message); err != nil {
			return err
		}
	}
	return nil
}

// incoming are buffers for messages of clients, of all sizes that they may have: a client that sends large ones, which may be
// refused at their very end, shall cost no more than to receive them.
var incoming = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readOne takes in a message.
func (c *wsConn) readOne() (map[string]any, error) {
	_, reader, err := c.conn.Reader(context.Background()) // ends with the connection
	if err != nil {
		return nil, err
	}
	data := incoming.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool makes nothing else
	defer incoming.Put(data)
	data.Reset()
	if _, err := data.ReadFrom(reader); err != nil {
		return nil, err
	}
	c.unanswered.Store(0)
	if err := c.keepPace(data.Len()); err != nil {
		return nil, err
	}
	message, refused := decodeObjectOf("messages", data.Bytes()) // keeps nothing of it
	if refused != nil {
		return nil, closing{closeInvalidMessage, refused.message}
	}
	return message, nil
}

// unpaced is how many bytes a connection may send before it has a pace: a listener never comes so far, and saves it.
const unpaced = 64 << 10

// keepPace waits as long as a message of so many bytes must, or until the server stops.
func (c *wsConn) keepPace(bytes int) error {
	if c.bytes < unpaced {
		if c.bytes += bytes + messageOverhead; c.bytes >= unpaced {
			c.pace = c.transport.doors.newPace(c.transport.maxBytes)
		}
		return nil
	}
	delay := c.pace.delay(bytes)
	if delay <= 0 {
		return nil
	}
	c.unanswered.Store(math.MinInt32 / 2) // a client that has to wait is not silent
	defer c.unanswered.Store(0)
	return pause(c.transport.streams.stopping, delay)
}

// errBroken is of a connection that the server has broken.
var errBroken = errors.New("the connection is broken")

// handle does what a message says.
func (c *wsConn) handle(message map[string]any) error {
	kind, _ := message["type"].(string)
	switch kind {
	case "":
		return closing{closeInvalidMessage, "Give each message a `type`."}
	case "connection_init":
		if c.initiated { // which is written by this goroutine alone
			return closing{closeTwoInits, "Too many initialisation requests"}
		}
		if why := c.admit(message); why != nil {
			return *why
		}
		if !c.initiate() {
			return nil // too late: the connection is being closed
		}
		c.send(`{"type":"connection_ack"}`)
		if c.words == &older {
			c.send(`{"type":"ka"}`)
		}
		return nil
	case c.words.subscribe:
		return c.subscribe(message)
	case c.words.stop:
		id, ok := message["id"].(string)
		if !ok {
			return closing{closeInvalidMessage, "Give `id` as a string."}
		}
		c.stop(id)
		return nil
	case c.words.terminate: // empty, and so taken above, where there is none
		return closing{websocket.StatusNormalClosure, ""}
	}
	if c.words == &newer {
		switch kind {
		case "ping":
			c.send(`{"type":"pong"}`)
			return nil
		case "pong":
			return nil
		}
	}
	return closing{closeInvalidMessage, fmt.Sprintf("Send no message of the type %q: it is none of a client of %s.", clip(kind), c.words.name)}
}

// close closes the connection with a code and a reason, and waits for the client's goodbye, a few seconds at most. Of several
// calls the first one counts.
func (c *wsConn) close(why closing) {
	c.wire.handOver()
	_ = c.conn.Close(why.code, closeReason(why.reason))
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

// quoted gives a text as JSON.
func quoted(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(fmt.Errorf("a string always can be encoded: %w", err))
	}
	return string(raw)
}
