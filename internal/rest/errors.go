package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"agentstate/store"
)

// refused is an error as the client sees it: {"detail": "one sentence"}.
type refused struct {
	status int
	detail string
	header http.Header // may be nil
}

func (e *refused) Error() string { return e.detail }

func (e *refused) write(w http.ResponseWriter) {
	for name, values := range e.header {
		w.Header()[name] = values
	}
	writeJSON(w, e.status, map[string]string{"detail": e.detail})
}

// problem is one thing that is wrong with what was sent. Type is pydantic's word for it, Loc where it is: ["body", "messages", 0,
// "content"], ["query", "limit"], ["path", "thread_id"].
type problem struct {
	Loc  []any  `json:"loc"`
	Msg  string `json:"msg"`
	Type string `json:"type"`
}

// invalid is bad input as FastAPI tells it, with all that is wrong: a 422.
type invalid []problem

func (e invalid) Error() string {
	return fmt.Sprintf("%d problems, the first at %v: %s", len(e), e[0].Loc, e[0].Msg)
}

// fail answers with an error. It is the table of status codes.
func (c *call) fail(err error) {
	if c.r.Context().Err() != nil { // nobody is there to see it
		c.Log.DebugContext(c.r.Context(), "a request ended before it had an answer", "path", c.r.URL.Path, "error", err)
		return
	}
	var (
		bad   invalid
		known *refused
		full  *store.LimitError
		taken *store.MessageExistsError
	)
	switch {
	case errors.As(err, &bad):
		writeJSON(c.w, http.StatusUnprocessableEntity, map[string]invalid{"detail": bad})
		return
	case errors.As(err, &known):
	case errors.As(err, &full):
		if c.Observer != nil {
			c.Observer.DataLimit()
		}
		what := fmt.Sprintf("Start another thread, or send less: %s is limited to %d, and would be %d.", full.What, full.Limit, full.Actual)
		writeJSON(c.w, http.StatusUnprocessableEntity, map[string]invalid{"detail": {{Loc: []any{"body"}, Msg: what, Type: "too_long"}}})
		return
	case errors.Is(err, store.ErrNotFound):
		known = &refused{status: http.StatusNotFound, detail: "Agent state not found for thread " + c.threadID}
	case errors.As(err, &taken):
		known = &refused{status: http.StatusConflict, detail: fmt.Sprintf(
			"Thread %s has a message %q with other content: give the new message another message_id or Idempotency-Key.", c.threadID, taken.MessageID)}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		c.Log.WarnContext(c.r.Context(), "redis is unavailable", "path", c.r.URL.Path, "error", err)
		known = c.unavailable()
	default:
		id := uuid.NewString()
		c.Log.ErrorContext(c.r.Context(), "internal error", "errorId", id, "method", c.r.Method, "path", c.r.URL.Path, "error", err)
		known = &refused{status: http.StatusInternalServerError, detail: "Something went wrong in the server; tell its operator the errorId " + id + "."}
	}
	known.write(c.w)
}

// retryAfterSeconds is what a client is told to wait while Redis is away.
const retryAfterSeconds = 1

// unavailable is the answer while Redis is away, or too slow. Never is a thread said not to be there because nobody could look.
func (c *call) unavailable() *refused {
	detail := "The store cannot be reached at the moment; try again."
	if c.writes {
		detail = "The store cannot be reached at the moment; try again: it may have been done, and a message with its message_id is stored once however often it is sent."
	}
	return &refused{
		status: http.StatusServiceUnavailable, detail: detail,
		header: http.Header{"Retry-After": {strconv.Itoa(retryAfterSeconds)}},
	}
}

// writeJSON answers with a value that is marshalled.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Errorf("an answer holds only strings and numbers: %w", err))
	}
	writeBody(w, status, body)
}

// writeBody answers with a whole body. A failed write is a client that has gone: nobody is left to be told.
func writeBody(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store") // answers are private and of the moment
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
