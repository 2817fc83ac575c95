package httpapi

import (
	"context"
	"fmt"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// deadlines is the gqlgen extension that ends queries and mutations at a deadline. Subscriptions live as long as they are wanted.
type deadlines struct {
	limit time.Duration // 0 is none
}

// ExtensionName names the extension.
func (deadlines) ExtensionName() string { return "Deadlines" }

// Validate has nothing to check.
func (deadlines) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation gives an operation its deadline, and tells of it where it has passed. What the operation asks of Redis ends there.
//
// The code is UNAVAILABLE, not LIMIT_EXCEEDED: what an operation may ask for is bounded otherwise, so one that takes long waits for
// something, and the same one may well succeed a little later. An answer that was complete in time, or has no errors, goes out as it is.
func (d deadlines) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if d.limit == 0 || op.Operation == nil || op.Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	deadline := time.Now().Add(d.limit)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	responses := next(ctx)
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		defer cancel()
		resp := responses(ctx)
		if time.Now().Before(deadline) { // not by ctx.Err: a connection to Redis has the same deadline, and may see it a little earlier
			return resp
		}
		late := d.late(op.Operation.Operation)
		if resp == nil { // it was not even begun
			return &graphql.Response{Errors: gqlerror.List{late}}
		}
		for i, err := range resp.Errors {
			if err.Extensions["code"] == codeUnavailable {
				resp.Errors[i] = &gqlerror.Error{Message: late.Message, Extensions: late.Extensions, Path: err.Path, Locations: err.Locations}
			}
		}
		return resp
	}
}

// late is the error of an operation that was ended. Whether a write that was under way was done nobody knows here.
func (d deadlines) late(kind ast.Operation) *gqlerror.Error {
	message := fmt.Sprintf("Try again, or ask for less: the query took longer than %v.", d.limit)
	if kind == ast.Mutation {
		message = fmt.Sprintf("Read whether it was done, or send it again: the mutation took longer than %v and may have been done; "+
			"a message with its messageId is stored once however often it is sent.", d.limit)
	}
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": codeUnavailable, "retryAfterSeconds": 1}}
}
