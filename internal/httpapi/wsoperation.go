package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/auth"
	"agentstate/internal/live"
)

// wsOperation is an operation under way. It is known by its address: its id may be used again while it ends.
type wsOperation struct {
	conn   *wsConn
	id     string
	quoted string          // id as JSON
	ctx    context.Context //nolint:containedctx // the life of the operation, which nobody's call is
	cancel context.CancelFunc
	// lasting says that it is a subscription; the connection's mutex guards it.
	lasting bool
	// definition is what the document says that it is, when it was read.
	definition *ast.OperationDefinition
	// over says that nothing more is sent for it; the connection's writing guards it.
	over bool

	// The rest is of subscriptions that do not wait. state is one of those below, and responses gives what there is for it.
	asker     live.Asker
	state     atomic.Int32
	responses graphql.ResponseHandler
}

// The states of a subscription that does not wait.
const (
	serving      int32 = iota // somebody sends what there is
	servingAgain              // and there may be something that he has not seen
	resting                   // there is nothing to do
	called                    // a courier will come
)

// wake makes a courier come, now or when the one that is there has seen that there is nothing more. It neither waits nor asks.
func (op *wsOperation) wake() {
	for {
		switch op.state.Load() {
		case resting:
			if op.state.CompareAndSwap(resting, called) {
				op.conn.transport.couriers.call(op)
				return
			}
		case serving:
			if op.state.CompareAndSwap(serving, servingAgain) {
				return
			}
		default:
			return
		}
	}
}

// rest tells that there is nothing to do; it is false where something has come meanwhile.
func (op *wsOperation) rest() bool {
	if op.state.CompareAndSwap(serving, resting) {
		return true
	}
	op.state.Store(serving)
	return false
}

// leave ends the context of the operation, and with it what is executed, or waits.
func (op *wsOperation) leave() {
	op.cancel()
	op.asker.Gone.Store(true)
	op.wake()
}

// responsesAtOnce is how many responses a courier sends for one operation before it turns to others.
const responsesAtOnce = 16

// serve sends what there is, as far as the client takes it. It neither waits for an event nor for the client.
func (op *wsOperation) serve() {
	c := op.conn
	over := true
	defer func() {
		if over { // by a panic too
			c.finish(op)
		}
	}()
	defer c.rescue(courier, op)
	op.state.Store(serving)
	for range responsesAtOnce {
		if !op.asker.Gone.Load() && c.wire.cloggedFor(op) {
			if op.rest() {
				over = false
				return
			}
			continue
		}
		resp := op.responses(op.ctx)
		switch resp {
		case live.Waiting:
			if op.rest() {
				over = false
				return
			}
		case nil:
			c.complete(courier, op)
			return
		default:
			c.sendAs(courier, op, false, "", resp)
		}
	}
	over = false
	op.state.Store(called)
	c.transport.couriers.call(op)
}

// maxOperationID bounds the id of an operation in bytes: every message for it repeats it.
const maxOperationID = 255

// subscribe starts an operation, be it a query, a mutation or a subscription.
func (c *wsConn) subscribe(message map[string]any) error {
	id, ok := message["id"].(string)
	payload, isObject := message["payload"].(map[string]any)
	switch {
	case !ok || id == "":
		return closing{closeInvalidMessage, "Give `id` as a string that is not empty."}
	case len(id) > maxOperationID:
		return closing{closeInvalidMessage, fmt.Sprintf("Give `id` at most %d bytes.", maxOperationID)}
	case !isObject:
		return closing{closeInvalidMessage, "Give `payload` as an object."}
	case !c.initiated:
		return closing{closeUnauthorized, "Unauthorized"}
	}
	c.mu.Lock()
	other, n, leaving := c.operations[id], c.busy, c.leaving
	c.mu.Unlock()
	if other != nil && c.words == &newer {
		return closing{closeDuplicateID, "Subscriber for " + clip(id) + " already exists"}
	}
	if leaving {
		return nil // the client comes back with it
	}
	if other != nil {
		c.halt(other) // the older subprotocol replaces it
	}
	if refused := c.transport.doors.rates.take(c.transport.streams.stopping, c.payer, time.Now()); refused != nil {
		c.send(errorMessage(id, refused.response().Errors))
		return nil
	}
	if maxOperations := c.transport.doors.maxOperations; n >= maxOperations {
		if observer := c.transport.doors.observer; observer != nil {
			observer.Limit(LimitOperations)
		}
		c.send(errorMessage(id, refusal{
			code: codeLimitExceeded, message: fmt.Sprintf("Run at most %d operations on one connection at once.", maxOperations),
			extensions: map[string]any{"limit": maxOperations, "actual": n + 1},
		}.response().Errors))
		return nil
	}
	c.begin(id, payload)
	return nil
}

// begin starts an operation.
func (c *wsConn) begin(id string, payload map[string]any) {
	op := &wsOperation{conn: c, id: id, quoted: quoted(id)}
	op.ctx, op.cancel = context.WithCancel(auth.With(context.Background(), c.caller))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leaving {
		return
	}
	c.operations[id] = op
	c.busy++
	c.running.Add(1)
	c.finite.Go(func() { c.execute(op, payload) })
}

// execute executes an operation. It has a goroutine of its own, which ends when the operation is over, or waits without.
func (c *wsConn) execute(op *wsOperation, payload map[string]any) {
	over := true
	defer func() {
		if over {
			c.finish(op)
		}
	}()
	defer c.rescue(patient, op)
	params, refused := toParams(payload)
	if refused != nil {
		c.fail(patient, op, refused.response().Errors)
		return
	}
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	op.asker.Wake = op.wake
	ctx := live.WithAsker(graphql.StartOperationTrace(op.ctx), &op.asker)
	opCtx, errs := createOperation(ctx, c.exec, params)
	if errs != nil {
		c.fail(patient, op, c.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), errs).Errors)
		return
	}
	op.definition = opCtx.Operation
	if op.definition.Operation == ast.Subscription {
		c.last(op)
	}
	responses, ctx := c.exec.DispatchOperation(ctx, opCtx)
	if op.asker.Served {
		over = false
		op.responses, op.ctx = responses, ctx
		op.serve()
		return
	}
	for resp := responses(ctx); resp != nil; resp = responses(ctx) {
		if op.ctx.Err() != nil {
			return // the client has stopped it, or the server stops: nobody wants an error that says so
		}
		c.sendAs(patient, op, false, "", resp)
	}
	c.complete(patient, op)
}

// last takes in that an operation is a subscription.
func (c *wsConn) last(op *wsOperation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	op.lasting = true
	if c.leaving {
		op.leave()
	}
}

// finish counts an operation that has ended.
func (c *wsConn) finish(op *wsOperation) {
	op.cancel()
	c.forget(op)
	c.mu.Lock()
	c.busy--
	c.mu.Unlock()
	c.running.Done()
}

// forget makes the id of an operation free. That comes ahead of its last message, behind which the client may use it again.
func (c *wsConn) forget(op *wsOperation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.operations[op.id] == op {
		delete(c.operations, op.id)
	}
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
	c.halt(op)
	if c.words.echo {
		c.send(completeMessage(op.quoted))
	}
}

// halt ends an operation without a word.
func (c *wsConn) halt(op *wsOperation) {
	c.writing.Lock()
	op.over = true // ahead of its end, which is no news for the client
	c.writing.Unlock()
	op.leave()
}

// rescue ends an operation that panics with an error; it is deferred.
func (c *wsConn) rescue(by sender, op *wsOperation) {
	v := recover()
	if v == nil {
		return
	}
	ctx := noted(op.ctx)
	noteIn(ctx, op.definition)
	c.fail(by, op, c.transport.panics.caught(c.request.WithContext(ctx), v).response().Errors)
	if op.responses != nil { // it must be told that nobody will ask any more, whatever it makes of that
		defer func() { _ = recover() }()
		op.leave()
		_ = op.responses(op.ctx)
	}
}

// complete ends an operation, unless the client has stopped it, or the server stops, so that the client shall come back.
func (c *wsConn) complete(by sender, op *wsOperation) {
	if op.ctx.Err() == nil {
		c.forget(op)
		c.sendAs(by, op, true, completeMessage(op.quoted), nil)
	}
}

// fail ends an operation with errors, unless the client has stopped it. Behind them there is no complete.
func (c *wsConn) fail(by sender, op *wsOperation, errs gqlerror.List) {
	c.forget(op)
	c.sendAs(by, op, true, errorMessage(op.id, errs), nil)
}

// completeMessage and errorMessage are the last ones of an operation.
func completeMessage(quotedID string) string { return `{"id":` + quotedID + `,"type":"complete"}` }

func errorMessage(id string, errs gqlerror.List) string {
	list, err := json.Marshal(errs)
	if err != nil {
		panic(fmt.Errorf("marshalling errors: %w", err))
	}
	return `{"id":` + quoted(id) + `,"type":"error","payload":` + string(list) + `}`
}
