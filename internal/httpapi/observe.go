package httpapi

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/live"
)

// Observer hears of what the edge does, from any goroutine. It must not block, and keep nothing of what it is given.
type Observer interface {
	// BeginOperation is called ahead of the execution of an operation, which goes on with the context that it gives.
	BeginOperation(ctx context.Context, op *ast.OperationDefinition) context.Context
	// EndOperation is called behind it, once and with that context, and of a request that came to no operation with that of the request.
	EndOperation(ctx context.Context, op Operation)
	// Limit hears that a caller has met a limit.
	Limit(kind Limit)
	// CutOff hears that a listener was cut off because it took nothing for too long.
	CutOff()
}

// Operation is how an operation has ended.
type Operation struct {
	// Definition is nil where the request came to no operation that was executed.
	Definition *ast.OperationDefinition
	// Code is that of the first error of the last response; "" where there is none.
	Code string
	// Took is the time from the request to the answer, and of a subscription until it was subscribed.
	Took time.Duration
	// Responses is how many there were, and Bytes how large their data was, ahead of compression.
	Responses, Bytes int
}

// Limit is what kind of limit a caller has met.
type Limit string

// The kinds of limits.
const (
	LimitRate        Limit = "rate"        // requests per second
	LimitConnections Limit = "connections" // WebSockets and event streams that are open
	LimitOperations  Limit = "operations"  // at once on one WebSocket
	LimitBody        Limit = "body"        // bytes of a request
	LimitDocument    Limit = "document"    // the form and the price of a document, and its variables
	LimitData        Limit = "data"        // what a thread may hold, and a mutation may bring
)

// AllLimits are the kinds of limits.
var AllLimits = []Limit{LimitRate, LimitConnections, LimitOperations, LimitBody, LimitDocument, LimitData}

// hit tells an observer that a limit was met where something was refused; neither may be there.
func hit(observer Observer, kind Limit, refused *refusal) {
	if observer != nil && refused != nil {
		observer.Limit(kind)
	}
}

// observedExecutor tells an observer of all operations that a transport has executed.
type observedExecutor struct {
	graphql.GraphExecutor
	observer Observer
}

// observed gives the executor as it is where nobody observes it.
func observed(exec graphql.GraphExecutor, observer Observer) graphql.GraphExecutor {
	if observer == nil {
		return exec
	}
	return observedExecutor{exec, observer}
}

// CreateOperationContext tells of what is refused ahead of its execution.
func (x observedExecutor) CreateOperationContext(
	ctx context.Context, params *graphql.RawParams,
) (*graphql.OperationContext, gqlerror.List) {
	op, errs := x.GraphExecutor.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		code := codeOf(errs)
		if code == errcode.ParseFailed && len(errs[0].Locations) == 0 { // that of too many tokens, see presentTokenLimit
			code = codeLimitExceeded
		}
		if code == codeLimitExceeded {
			x.observer.Limit(LimitDocument)
		}
		x.observer.EndOperation(ctx, Operation{Code: code, Took: since(graphql.GetStartTime(ctx)), Responses: 1})
	}
	return op, errs
}

// DispatchOperation tells of the execution.
func (x observedExecutor) DispatchOperation(
	ctx context.Context, op *graphql.OperationContext,
) (graphql.ResponseHandler, context.Context) {
	ctx = x.observer.BeginOperation(ctx, op.Operation)
	run := execution{observer: x.observer, ctx: ctx, op: Operation{Definition: op.Operation}, start: op.Stats.OperationStart}
	dispatched := false
	defer func() {
		if !dispatched { // it panics
			run.end(codeInternal)
		}
	}()
	responses, ctx := x.GraphExecutor.DispatchOperation(ctx, op)
	dispatched = true
	if op.Operation.Operation == ast.Subscription {
		run.op.Took = since(run.start)
		return run.listen(responses), ctx
	}
	return run.answer(responses), ctx
}

// execution is one execution under way. Who asks for responses does so one after the other.
type execution struct {
	observer Observer
	ctx      context.Context //nolint:containedctx // that of the execution, which is no longer than it
	op       Operation
	start    time.Time
	over     bool
}

// answer observes a query or a mutation, which is over with its first response.
func (e *execution) answer(next graphql.ResponseHandler) graphql.ResponseHandler {
	return func(ctx context.Context) *graphql.Response {
		code := codeInternal // where it panics
		defer func() {
			if !e.over {
				e.op.Took = since(e.start)
				e.end(code)
			}
		}()
		resp := next(ctx)
		code = ""
		switch {
		case resp != nil:
			e.take(resp)
			code = codeOf(resp.Errors)
		case !e.over:
			code = codeUnavailable // it was cancelled ahead of its answer
		}
		return resp
	}
}

// listen observes a subscription, which is over when there is no response any more, or one has errors and no data.
func (e *execution) listen(next graphql.ResponseHandler) graphql.ResponseHandler {
	return func(ctx context.Context) *graphql.Response {
		returned := false
		defer func() {
			if !returned { // it panics
				e.end(codeInternal)
			}
		}()
		resp := next(ctx)
		returned = true
		switch resp {
		case live.Waiting:
		case nil:
			e.end("")
		default:
			e.take(resp)
			if len(resp.Errors) > 0 && resp.Data == nil {
				e.end(codeOf(resp.Errors))
			}
		}
		return resp
	}
}

func (e *execution) take(resp *graphql.Response) {
	e.op.Responses++
	e.op.Bytes += len(resp.Data)
}

// end tells of the end, once.
func (e *execution) end(code string) {
	if e.over {
		return
	}
	e.over = true
	if e.op.Code = code; code == codeLimitExceeded {
		e.observer.Limit(LimitData)
	}
	e.observer.EndOperation(e.ctx, e.op)
}

// codeOf gives the code of the first error; "" where there is none.
func codeOf(errs gqlerror.List) string {
	if len(errs) == 0 {
		return ""
	}
	code, _ := errs[0].Extensions["code"].(string)
	if code == "" {
		return codeInternal // which no error of this server is without
	}
	return code
}

// since gives the time since then, 0 where then is not known.
func since(then time.Time) time.Duration {
	if then.IsZero() {
		return 0
	}
	return time.Since(then)
}
