package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxOperations is how many operations may run on one connection at once.
const maxOperations = 1000

// wsConn is one connection. Its goroutine reads; each operation has one of its own, and all of them write.
type wsConn struct {
	transport webSocket
	conn      *websocket.Conn
	// wire is the connection below conn. A deadline on it costs a fraction of a context with a timeout for each message.
	wire    net.Conn
	writing sync.Mutex
	words   *dialect
	exec    graphql.GraphExecutor
	request *http.Request // what the log tells of the handshake

	initiated bool // of the reading goroutine alone
	// heard is when the client was last heard of, in nanoseconds since the start of the connection.
	start time.Time
	heard atomic.Int64

	mu         sync.Mutex
	operations map[string]*wsOperation
	// busy counts the operations whose goroutines have not ended: one that was stopped may still be about to write.
	busy    int
	running sync.WaitGroup
}

// wsOperation is an operation under way. It is known by its address: its id may be used again while it ends.
type wsOperation struct {
	id     string
	cancel context.CancelFunc
}

// closing is why a connection is closed by the server.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c closing) Error() string { return c.reason }

// serve reads until the connection ends, or ctx does: then it says goodbye so that the client comes back. When it returns,
// the operations have ended.
func (c *wsConn) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer c.running.Wait()
	defer cancel()
	c.start = time.Now()
	unhook := context.AfterFunc(ctx, func() { c.close(closing{websocket.StatusGoingAway, "the server stops; connect again"}) })
	defer unhook()
	stopTimer := c.awaitInit()
	defer stopTimer()
	stopPings := c.keepAlive(ctx)
	defer stopPings()
	err := c.read(ctx, stopTimer)
	if why, ok := errors.AsType[closing](err); ok {
		unhook()
		c.close(why)
	}
	_ = c.conn.CloseNow() // nothing is left to be said
}

// awaitInit closes the connection where its connection_init does not come in time, unless it is stopped.
func (c *wsConn) awaitInit() (stop func() bool) {
	return time.AfterFunc(c.transport.initTimeout, func() {
		c.close(closing{closeInitTimeout, "Connection initialisation timeout"})
	}).Stop
}

// keepAlive pings until it is stopped or ctx ends, and gives up a connection of which nothing was heard since two pings. In the older
// subprotocol clients do not answer.
func (c *wsConn) keepAlive(ctx context.Context) (stop func() bool) {
	every := c.transport.keepAlive
	if every == 0 {
		return func() bool { return true }
	}
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(every, func() {
		<-ready
		if ctx.Err() != nil { // it was stopped while it ran
			return
		}
		if silent := time.Since(c.start) - time.Duration(c.heard.Load()); c.words == &newer && silent > 2*every {
			_ = c.conn.CloseNow()
			return
		}
		c.send(`{"type":"` + c.words.keepAlive + `"}`)
		timer.Reset(every)
	})
	close(ready)
	return timer.Stop
}

// read takes in what the client sends; the error is a closing, or why nothing can be read.
func (c *wsConn) read(ctx context.Context, initiated func() bool) error {
	for {
		_, data, err := c.conn.Read(context.Background()) // ends with the connection
		if err != nil {
			return err
		}
		c.heard.Store(int64(time.Since(c.start)))
		message, refused := decodeObjectOf("messages", data)
		if refused != nil {
			return closing{closeInvalidMessage, refused.message}
		}
		if err := c.handle(ctx, message, initiated); err != nil {
			return err
		}
	}
}

// handle does what a message says.
func (c *wsConn) handle(ctx context.Context, message map[string]any, initiated func() bool) error {
	kind, _ := message["type"].(string)
	switch kind {
	case "":
		return closing{closeInvalidMessage, "Give each message a `type`."}
	case "connection_init":
		if c.initiated {
			return closing{closeTwoInits, "Too many initialisation requests"}
		}
		if !initiated() {
			return nil // too late: the connection is being closed
		}
		c.initiated = true
		c.send(`{"type":"connection_ack"}`)
		if c.words == &older {
			c.send(`{"type":"ka"}`)
		}
		return nil
	case c.words.subscribe:
		return c.subscribe(ctx, message)
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

// subscribe starts an operation, be it a query, a mutation or a subscription.
func (c *wsConn) subscribe(ctx context.Context, message map[string]any) error {
	id, ok := message["id"].(string)
	payload, isObject := message["payload"].(map[string]any)
	switch {
	case !ok || id == "":
		return closing{closeInvalidMessage, "Give `id` as a string that is not empty."}
	case !isObject:
		return closing{closeInvalidMessage, "Give `payload` as an object."}
	case !c.initiated:
		return closing{closeUnauthorized, "Unauthorized"}
	}
	c.mu.Lock()
	other, n := c.operations[id], c.busy
	c.mu.Unlock()
	if other != nil && c.words == &newer {
		return closing{closeDuplicateID, "Subscriber for " + clip(id) + " already exists"}
	}
	if other != nil {
		other.cancel() // the older subprotocol replaces it
	}
	if n >= maxOperations {
		c.sendErrors(id, refusal{
			code: codeLimitExceeded, message: fmt.Sprintf("Run at most %d operations on one connection at once.", maxOperations),
			extensions: map[string]any{"limit": maxOperations, "actual": n + 1},
		}.response().Errors)
		return nil
	}
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(ctx))
	op := &wsOperation{id: id, cancel: cancel}
	c.mu.Lock()
	c.operations[id] = op
	c.busy++
	c.mu.Unlock()
	c.running.Go(func() { c.execute(ctx, op, payload) })
	return nil
}

// stop ends an operation at the client's wish. Behind it nothing more comes for its id; one that has ended already is meant well.
func (c *wsConn) stop(id string) {
	c.mu.Lock()
	op := c.operations[id]
	delete(c.operations, id)
	c.mu.Unlock()
	if op == nil {
		return
	}
	op.cancel()
	if c.words.echo {
		c.send(`{"id":` + quoted(id) + `,"type":"complete"}`)
	}
}

// execute starts an operation. What it gives is sent from another goroutine, whose stack is small: most of its life a subscription
// waits, and to parse and validate it takes a large one.
func (c *wsConn) execute(ctx context.Context, op *wsOperation, payload map[string]any) {
	under := true
	defer func() {
		if under {
			c.done()
		}
	}()
	defer c.rescue(op)
	params, refused := toParams(payload)
	if refused != nil {
		c.fail(op, refused.response().Errors)
		return
	}
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	opCtx, errs := createOperation(ctx, c.exec, params)
	if errs != nil {
		c.fail(op, c.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), errs).Errors)
		return
	}
	responses, opContext := c.exec.DispatchOperation(ctx, opCtx)
	under = false
	c.running.Go(func() { c.forward(opContext, op, responses) })
}

// done counts an operation whose goroutines end.
func (c *wsConn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
}

// forward sends what an operation gives, until it ends or ctx does.
func (c *wsConn) forward(ctx context.Context, op *wsOperation, responses graphql.ResponseHandler) {
	defer c.done()
	defer c.rescue(op)
	head := `{"id":` + quoted(op.id) + `,"type":"` + c.words.next + `","payload":`
	for resp := responses(ctx); resp != nil; resp = responses(ctx) {
		c.sendFor(op, head, resp)
	}
	if ctx.Err() == nil { // else the client has stopped it, or the server stops, and the client shall come back
		c.end(op, `{"id":`+quoted(op.id)+`,"type":"complete"}`)
	}
}

// rescue ends an operation that panics with an error; it is deferred.
func (c *wsConn) rescue(op *wsOperation) {
	if v := recover(); v != nil {
		c.fail(op, c.transport.panics.caught(c.request, v).response().Errors)
	}
}

// fail ends an operation that could not be executed. Behind an error there is no complete.
func (c *wsConn) fail(op *wsOperation, errs gqlerror.List) {
	c.end(op, errorMessage(op.id, errs))
}

func (c *wsConn) sendErrors(id string, errs gqlerror.List) { c.send(errorMessage(id, errs)) }

func errorMessage(id string, errs gqlerror.List) string {
	list, err := json.Marshal(errs)
	if err != nil {
		panic(fmt.Errorf("marshalling errors: %w", err))
	}
	return `{"id":` + quoted(id) + `,"type":"error","payload":` + string(list) + `}`
}

// end ends an operation with its last message, unless the client has stopped it.
func (c *wsConn) end(op *wsOperation, message string) {
	defer op.cancel()
	c.sendAs(op, true, message, nil)
}

// sendFor sends a response of an operation, unless the client has stopped it.
func (c *wsConn) sendFor(op *wsOperation, head string, resp *graphql.Response) {
	c.sendAs(op, false, head, resp)
}

// wants tells whether an operation is still under way, and with last that it is no longer.
func (c *wsConn) wants(op *wsOperation, last bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.operations[op.id] != op {
		return false
	}
	if last {
		delete(c.operations, op.id)
	}
	return true
}

// buffers are those of messages.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// mostPooled is up to which size a buffer is kept for the next message.
const mostPooled = 64 << 10

// send writes a message that belongs to no operation, or ends none.
func (c *wsConn) send(message string) { c.sendAs(nil, false, message, nil) }

// sendAs writes a message: all of it, or its head where a response goes with it. One of an operation goes out only if that is still
// wanted when its turn has come. A client that does not take it in time is cut off, and so is one whose connection is broken:
// then the reading goroutine ends.
func (c *wsConn) sendAs(op *wsOperation, last bool, head string, resp *graphql.Response) {
	buffer := buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool makes nothing else
	defer func() {
		if buffer.Cap() <= mostPooled {
			buffer.Reset()
			buffers.Put(buffer)
		}
	}()
	buffer.WriteString(head)
	if resp != nil {
		writeFrame(buffer, resp)
		buffer.WriteByte('}')
	}
	c.writing.Lock() // one after the other, so that none puts off the deadline of one that is stuck
	defer c.writing.Unlock()
	if op != nil && !c.wants(op, last) {
		return
	}
	if err := c.write(buffer.Bytes()); err != nil {
		c.transport.panics.stalled(err, c.transport.writeTimeout)
		_ = c.conn.CloseNow()
	}
}

// write writes a message in its time. Behind it there is no deadline: the answer to a ping of the WebSocket itself has its own. The
// caller holds writing.
func (c *wsConn) write(message []byte) error {
	if err := c.wire.SetWriteDeadline(time.Now().Add(c.transport.writeTimeout)); err != nil {
		return err
	}
	if err := c.conn.Write(context.Background(), websocket.MessageText, message); err != nil {
		return err
	}
	return c.wire.SetWriteDeadline(time.Time{})
}

// close closes the connection with a code and a reason, and waits for the client's goodbye, a few seconds at most. Of several
// calls the first one counts.
func (c *wsConn) close(why closing) {
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
