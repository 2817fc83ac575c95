package httpapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// panicLog turns panics outside resolvers into log entries and answers, and logs why a client was cut off.
type panicLog struct {
	log   *slog.Logger
	count *atomic.Int64 // nil where nobody wants to know
	// observer hears of who is cut off, and of operations; nil is nobody.
	observer Observer
}

// caught counts a panic, logs the recovered value v with its stack and the operation that the context of r knows under a new id, and gives the answer, which tells nothing but the id. It
// must be called by the deferred function itself, while the stack of the panic is still there. http.ErrAbortHandler, by
// which a handler breaks its connection, goes on its way.
func (p panicLog) caught(r *http.Request, v any) refusal {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	if p.count != nil {
		p.count.Add(1)
	}
	id := rand.Text()
	// Without the URL's query, which may hold what a client wrote.
	p.log.LogAttrs(r.Context(), slog.LevelError, "panic while serving a request",
		slog.String("errorId", id), slog.String("operation", labelIn(r.Context())), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
	return refusal{
		status: http.StatusInternalServerError, code: codeInternal,
		message:    "Something went wrong in the server; tell its operator the errorId.",
		extensions: map[string]any{"errorId": id},
	}
}

// stalled logs that a client was cut off because it took nothing for so long, where that is what a write says. It cannot be told
// itself: it would have to take that.
func (p panicLog) stalled(err error, after time.Duration) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if p.observer != nil {
			p.observer.CutOff()
		}
		p.log.Info("a listener has taken nothing for too long and was cut off; it can come back with its cursor", "after", after)
	}
}

// middleware answers 500 where next panics.
func (p panicLog) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				p.caught(r, v).write(w, mediaJSON)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// guarded is a transport whose panics are answered here: gqlgen's handler would recover from them first, and answer without
// a media type.
type guarded struct {
	graphql.Transport
	panics panicLog
}

func (g guarded) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	r = r.WithContext(noted(r.Context()))
	defer func() {
		if v := recover(); v != nil {
			g.panics.caught(r, v).write(w, mediaJSON)
		}
	}()
	g.Transport.Do(w, r, observed(exec, g.panics.observer))
}
