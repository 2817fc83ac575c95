package resolver

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/operation"
	"agentstate/internal/scalar"
	"agentstate/store"
)

// The error codes of the API that are made here. GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED and PERSISTED_QUERY_NOT_FOUND
// come from gqlgen, and some of LIMIT_EXCEEDED, BAD_USER_INPUT and FORBIDDEN from the HTTP edge.
const (
	CodeBadUserInput  = "BAD_USER_INPUT"
	CodeNotFound      = "NOT_FOUND"
	CodeAlreadyExists = "ALREADY_EXISTS"
	CodeConflict      = "CONFLICT"
	CodeLimitExceeded = "LIMIT_EXCEEDED"
	CodeCursorExpired = "CURSOR_EXPIRED"
	CodeUnavailable   = "UNAVAILABLE"
	CodeInternal      = "INTERNAL_SERVER_ERROR"
	// Callers meet these two at the edge too, which knows nobody or lets nobody in.
	CodeUnauthenticated = "UNAUTHENTICATED"
	CodeForbidden       = "FORBIDDEN"
)

// retryAfterSeconds is what a client is told to wait while Redis is away.
const retryAfterSeconds = 1

// Error is an error that a client sees as it is: one sentence that says what to do, a code, and facts for programs. The cause is
// for the log.
type Error struct {
	Code       string
	Message    string
	Extensions map[string]any
	cause      error
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.cause }

// badInput says what is wrong with an argument, given by its path.
func badInput(argument, format string, args ...any) *Error {
	return &Error{
		Code: CodeBadUserInput, Message: fmt.Sprintf(format, args...) + ".", Extensions: map[string]any{"argument": argument},
	}
}

// tooLarge says that a value is beyond a limit.
func tooLarge(argument, what string, limit, actual int) *Error {
	return &Error{
		Code:       CodeLimitExceeded,
		Message:    fmt.Sprintf("Send less: %s is limited to %d, and was %d.", what, limit, actual),
		Extensions: map[string]any{"argument": argument, "limit": limit, "actual": actual},
	}
}

// about turns an error of the store or the feed into one for clients, for a call about a thread. It is the table of error codes.
// What it does not know stays as it is, and becomes INTERNAL_SERVER_ERROR.
func about(err error, threadID string) error {
	var (
		conflict *store.ConflictError
		taken    *store.MessageExistsError
		limit    *store.LimitError
		expired  *store.CursorExpiredError
		edits    *store.EditsExpiredError
		missing  *store.MessageMissingError
		cursor   *store.BadCursorError
		count    *store.CountLimitError
	)
	e := &Error{cause: err, Extensions: map[string]any{}}
	if threadID != "" {
		e.Extensions["threadId"] = threadID
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing):
		e.Code, e.Message = CodeNotFound, "There is no such message in the thread; check the id, or read the thread again."
		e.Extensions["messageId"] = missing.MessageID
	case errors.Is(err, store.ErrNotFound):
		e.Code, e.Message = CodeNotFound, "There is no such thread; create it first, or check the id."
	case errors.Is(err, store.ErrExists):
		e.Code, e.Message = CodeAlreadyExists, "A thread of this id exists; take another id, or use the thread."
	case errors.As(err, &taken):
		e.Code, e.Message = CodeAlreadyExists, "The thread has a message of this id with other content; give the new message another id."
		e.Extensions["messageId"] = taken.MessageID
	case errors.As(err, &conflict):
		e.Code = CodeConflict
		e.Message = fmt.Sprintf("The thread is at version %d; read it again, and repeat the change on what it is now.", conflict.Current)
		e.Extensions["currentVersion"] = conflict.Current
	case errors.As(err, &limit):
		e.Code = CodeLimitExceeded
		e.Message = fmt.Sprintf("Start another thread, or send less: %s is limited to %d, and would be %d.", limit.What, limit.Limit, limit.Actual)
		e.Extensions["limit"], e.Extensions["actual"] = limit.Limit, limit.Actual
	case errors.As(err, &count):
		e.Code = CodeLimitExceeded
		e.Message = fmt.Sprintf("Give a pattern that begins with more text, or leave totalCount out: no more than %d thread ids are looked at to count.", count.Limit)
		e.Extensions["limit"], e.Extensions["actual"] = count.Limit, count.Limit+1
	case errors.As(err, &expired):
		e.Code, e.Message = CodeCursorExpired, "The thread no longer has everything behind this cursor; start again from oldestCursor."
		e.Extensions["oldestCursor"] = nil
		if expired.Oldest.Epoch != "" {
			e.Extensions["oldestCursor"] = expired.Oldest.String()
		}
	case errors.As(err, &edits):
		e.Code, e.Message = CodeCursorExpired, "More has changed since this cursor than is kept; read the messages anew, and go on behind newestCursor."
		e.Extensions["oldestCursor"], e.Extensions["newestCursor"] = nil, edits.Newest.String()
	case errors.As(err, &cursor):
		return badInput(cursor.Argument, "Give %s a cursor of this list as it was received", cursor.Argument)
	case errors.Is(err, store.ErrBadCursor):
		return badInput("after", "Give after a cursor of this thread as it was received")
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e.Code, e.Message = CodeUnavailable, "The store cannot be reached at the moment; try again."
		e.Extensions["retryAfterSeconds"] = retryAfterSeconds
		delete(e.Extensions, "threadId")
	default:
		return err
	}
	return e
}

// Present makes the error that a client sees. Errors that are not meant for clients become INTERNAL_SERVER_ERROR with an id,
// under which the log has the cause.
func (r *Resolver) Present(ctx context.Context, err error) *gqlerror.Error {
	shown := graphql.DefaultErrorPresenter(ctx, err)
	if code, _ := shown.Extensions["code"].(string); code != "" {
		return shown // of gqlgen, or presented already
	}
	var (
		known *Error
		value *scalar.Error
	)
	switch {
	case errors.As(err, &known):
	case errors.As(about(err, ""), &known):
	case errors.As(err, &value):
		known = badInput(argumentOf(ctx, shown.Path), "In %s %s", argumentOf(ctx, shown.Path), value.Error())
		shown.Path = graphql.GetPath(ctx)
	default:
		known = r.internal(ctx, err)
	}
	switch {
	case known.Code != CodeUnavailable:
	case errors.Is(ctx.Err(), context.Canceled): // nobody is there to see it
		r.Log.DebugContext(ctx, "an operation ended before it had an answer", "path", shown.Path.String(), "error", known.cause)
	default:
		r.Log.WarnContext(ctx, "redis is unavailable", "path", shown.Path.String(), "error", known.cause)
	}
	shown.Message = known.Message
	shown.Extensions = map[string]any{"code": known.Code}
	for name, fact := range known.Extensions {
		shown.Extensions[name] = fact
	}
	return shown
}

// internal logs an error and gives a client only the id under which it is logged.
func (r *Resolver) internal(ctx context.Context, err error) *Error {
	id := uuid.NewString()
	label := ""
	if graphql.HasOperationContext(ctx) {
		label = operation.Label(graphql.GetOperationContext(ctx).Operation)
	}
	attrs := []any{"errorId", id, "operation", label, "path", graphql.GetPath(ctx).String(), "error", err}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, "stack", panicked.stack)
	}
	r.Log.ErrorContext(ctx, "internal error", attrs...)
	return &Error{
		Code: CodeInternal, Message: "Something went wrong in the server; tell its operator the errorId.",
		Extensions: map[string]any{"errorId": id},
	}
}

// panicError is a panic in a resolver.
type panicError struct {
	cause any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.cause) }

// Recover counts a panic in a resolver and turns it into an error, which Present logs with the stack.
func (r *Resolver) Recover(_ context.Context, cause any) error {
	r.Panics.Add(1)
	return &panicError{cause: cause, stack: string(debug.Stack())}
}

// argumentOf gives the path of an argument, such as input.messages[3].timestamp: the part of an error's path behind that of
// the field.
func argumentOf(ctx context.Context, path ast.Path) string {
	field := graphql.GetPath(ctx)
	if len(path) > len(field) {
		path = path[len(field):]
	}
	var text strings.Builder
	for _, part := range path {
		switch part := part.(type) {
		case ast.PathName:
			if text.Len() > 0 {
				text.WriteByte('.')
			}
			text.WriteString(string(part))
		case ast.PathIndex:
			text.WriteString("[" + strconv.Itoa(int(part)) + "]")
		}
	}
	return text.String()
}
