package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// eventStream is the transport for server-sent events: GraphQL over SSE, distinct connections mode,
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, with POST, and with GET for the browser's EventSource.
type eventStream struct {
	requests     requestReader
	streams      *Streams
	panics       panicLog
	keepAlive    time.Duration
	writeTimeout time.Duration
	doors        doors
}

var _ graphql.Transport = eventStream{}

func (eventStream) Supports(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	return strings.Contains(strings.ToLower(strings.Join(accept, ",")), mediaEvents) && negotiate(accept).prefersStream
}

func (t eventStream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, refused := t.requests.read(w, r)
	if refused != nil {
		refused.write(w, mediaJSON)
		return
	}
	opCtx, errs := createOperation(r.Context(), exec, params)
	if errs == nil {
		if refused := checkMethod(r, opCtx.Operation.Operation); refused != nil {
			refused.write(w, mediaJSON)
			return
		}
	}
	t.serve(w, r, exec, opCtx, errs)
}

// serve streams the results of an operation, or the errors that forbid it: the protocol wants them in the stream, because
// an EventSource shows nothing of an answer with another status. `complete` tells the client that it is over, so it is not
// sent when the server stops: the client shall come back. When serve returns, the operation's context is cancelled and
// nothing writes to w any more.
func (t eventStream) serve(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, errs gqlerror.List,
) {
	_, release, refused := t.doors.enter(r)
	if refused != nil {
		refused.write(w, mediaJSON)
		return
	}
	defer release()
	ctx, leave := t.streams.join(graphql.WithOperationContext(r.Context(), opCtx))
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newEventWriter(w, t.panics, t.keepAlive, t.writeTimeout, cancel)
	defer s.close()
	defer func() {
		if v := recover(); v != nil {
			failure := t.panics.caught(r, v).response()
			s.start()
			s.next(failure)
			s.complete()
		}
	}()
	if errs != nil {
		s.start()
		s.next(exec.DispatchError(ctx, errs))
		s.complete()
		return
	}
	// This subscribes. The header comes after it: a client that sees its stream open misses nothing from then on.
	responses, opContext := exec.DispatchOperation(ctx, opCtx)
	s.start()
	for resp := responses(opContext); resp != nil; resp = responses(opContext) {
		s.next(resp)
	}
	if ctx.Err() == nil {
		s.complete()
	}
}

// eventWriter writes events to a client. A write that fails or takes too long calls cancel, and all further ones do nothing.
type eventWriter struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	panics    panicLog
	timeout   time.Duration
	keepAlive time.Duration
	cancel    context.CancelFunc

	started bool // by the one goroutine that serves the stream

	mu    sync.Mutex // guards what follows and all writing
	timer *time.Timer
	done  bool
}

func newEventWriter(w http.ResponseWriter, panics panicLog, keepAlive, timeout time.Duration, cancel context.CancelFunc) *eventWriter {
	return &eventWriter{w: w, panics: panics, control: http.NewResponseController(w), timeout: timeout, keepAlive: keepAlive, cancel: cancel}
}

// start sends the header, once, so that the client knows that its stream is open, and starts the comments. They come from
// a timer: a goroutine for each silent stream would cost its stack.
func (s *eventWriter) start() {
	if s.started {
		return
	}
	s.started = true
	header := s.w.Header()
	header.Set("Content-Type", mediaEvents)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events otherwise
	header.Set("X-Content-Type-Options", "nosniff")
	s.w.WriteHeader(http.StatusOK)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepAlive > 0 {
		s.timer = time.AfterFunc(s.keepAlive, s.comment)
	}
	s.write([]byte(":\n\n"))
}

func (s *eventWriter) comment() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write([]byte(":\n\n"))
}

func (s *eventWriter) next(resp *graphql.Response) {
	head, tail, err := frame(resp)
	if err != nil {
		panic(err)
	}
	data := resp.Data
	if bytes.ContainsAny(data, "\r\n") {
		// A line end would end the field; in JSON it can only be space between tokens.
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil {
			panic(err)
		}
		data = line.Bytes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write([]byte("event: next\ndata: "), head, data, tail, []byte("\n\n"))
}

// complete ends the stream in the terms of the protocol. An EventSource passes an event on only if it has a data line.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage
func (s *eventWriter) complete() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write([]byte("event: complete\ndata:\n\n"))
}

// close lets nothing more be written. A comment that is under way ends first, within the timeout.
func (s *eventWriter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	if s.timer != nil {
		s.timer.Stop()
	}
	// For the end of the body, which net/http writes. It lifts the deadline before it reads the next request.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
}

// write sends the parts and puts the next comment off. The caller holds mu. Without a deadline a client that stops reading
// would hold the goroutine for ever; a lasting one would end an HTTP/2 stream that is merely silent.
func (s *eventWriter) write(parts ...[]byte) {
	if s.done {
		return
	}
	// That there are no deadlines on w, as in a recorder of tests, is no reason not to write.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	for _, part := range parts {
		_, _ = s.w.Write(part) //nolint:gosec,nolintlint // JSON in an event stream, not HTML, which gosec sees on some days; its error comes again from Flush
	}
	if err := s.control.Flush(); err != nil {
		s.panics.stalled(err, s.timeout)
		s.done = true
		s.cancel()
		return
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	if s.timer != nil {
		s.timer.Reset(s.keepAlive)
	}
}
