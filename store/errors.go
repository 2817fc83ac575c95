package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// What can go wrong, as far as a caller can do something about it.
var (
	// ErrNotFound says that there is no such thread, or no such message in it.
	ErrNotFound = errors.New("not found")
	// ErrExists says that a thread of that id exists already.
	ErrExists = errors.New("thread exists")
	// ErrUnavailable says that Redis could not be reached, did not answer in time, or cannot take commands at the moment. Whether a
	// write has happened is not known; a message that carries its id can be sent again.
	ErrUnavailable = errors.New("redis is unavailable")
)

// ConflictError says that the thread is not at the expected version.
type ConflictError struct{ Current int }

func (e *ConflictError) Error() string { return fmt.Sprintf("the thread is at version %d", e.Current) }

// MessageExistsError says that the thread has a message of that id with other content.
type MessageExistsError struct{ MessageID string }

func (e *MessageExistsError) Error() string {
	return "a message of that id with other content exists: " + e.MessageID
}

// MessageMissingError says that the thread has no message of that id. It is an ErrNotFound.
type MessageMissingError struct{ MessageID string }

func (e *MessageMissingError) Error() string { return "no message of that id: " + e.MessageID }

// Is makes every MessageMissingError an ErrNotFound.
func (e *MessageMissingError) Is(target error) bool { return target == ErrNotFound }

// LimitError says that What would grow to Actual, and may be Limit at most.
type LimitError struct {
	What          string
	Limit, Actual int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is limited to %d, and would be %d", e.What, e.Limit, e.Actual)
}

// CountLimitError says that to count what matches a pattern more than Limit ids would have to be looked at, or a pattern like that
// takes too long for them.
type CountLimitError struct{ Limit int }

func (e *CountLimitError) Error() string {
	return fmt.Sprintf("to count by a pattern no more than %d thread ids are looked at", e.Limit)
}

// BadCursorError says that the text of a cursor, After or Before of a Range, is none that this package made for that list.
type BadCursorError struct {
	// Argument is `after` or `before`.
	Argument string
}

func (e *BadCursorError) Error() string { return e.Argument + " is not a cursor of this list" }

// Is makes every BadCursorError an ErrBadCursor.
func (e *BadCursorError) Is(target error) bool { return target == ErrBadCursor }

// CursorExpiredError says that a cursor points before what the thread still has, or into another incarnation of it. A
// reader that takes up at Oldest gets all that there is.
type CursorExpiredError struct{ Oldest Cursor }

func (e *CursorExpiredError) Error() string { return "the cursor has expired" }

// unavailablePrefixes are the errors with which a Redis that answers says that it cannot serve at the moment, or not us. A transaction
// is refused with EXECABORT for any of these reasons, and names it or not. To a client without the password a command of
// more than ten words is a protocol error.
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors, and createSharedObjects in Redis' src/server.c
var unavailablePrefixes = []string{
	"LOADING", "BUSY", "MASTERDOWN", "READONLY", "NOREPLICAS", "MISCONF", "OOM", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK",
	"NOAUTH", "WRONGPASS", "Protocol error: unauthenticated", "EXECABORT", "max number of clients reached",
	"UNBLOCKED", // a WAIT on a master that hands over to a replica
}

// translate turns an error of go-redis into one of this package. The caller's own cancellation stays what it is.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case isUnavailable(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return fmt.Errorf("store: redis: %w", err)
	}
}

// isUnavailable tells whether Redis has not answered at all, or has said that it cannot serve. What is no answer of a Redis
// is trouble on the way to it: dialling, the pool, deadlines, a connection that ended.
func isUnavailable(err error) bool {
	var answer redis.Error
	if !errors.As(err, &answer) {
		return true
	}
	return slices.ContainsFunc(unavailablePrefixes, func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) })
}

// ignoreNil drops the error by which go-redis says that a key or field is absent; the command's value says it too.
func ignoreNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
