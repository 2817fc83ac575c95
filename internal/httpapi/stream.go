package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"agentstate/internal/auth"
	"agentstate/internal/position"
)

// encoding is how a stream of responses is written: what the protocols differ in.
type encoding interface {
	// media is the Content-Type.
	media() string
	// open begins the body, and silence keeps a stream alive that has nothing to say.
	open() []byte
	silence() []byte
	// place tells a listener its cursor ahead of any response; nil for a protocol that has none.
	place(cursor string) []byte
	// next writes the parts of a response that brings the listener to a cursor, which may be empty.
	next(cursor string, head, data, tail []byte) [][]byte
	// complete ends the body where the operation is over, and stopped where the server is: the client shall come back.
	complete() []byte
	stopped() []byte
}

// streamer serves responses one behind the other in the body of an answer.
type streamer struct {
	streams      *Streams
	panics       panicLog
	keepAlive    time.Duration
	writeTimeout time.Duration
	doors        doors
}

// serve streams the results of an operation, or the errors that forbid it. When serve returns, the operation's context is
// cancelled and nothing writes to w any more.
func (t streamer) serve(
	w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, opCtx *graphql.OperationContext, errs gqlerror.List,
	enc encoding, at *position.Position,
) {
	_, release, refused := t.doors.enter(r)
	if refused != nil {
		refused.write(w, mediaJSON)
		return
	}
	defer release()
	ctx, leave := t.streams.join(position.With(graphql.WithOperationContext(r.Context(), opCtx), at))
	defer leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if opCtx != nil && opCtx.Operation != nil && opCtx.Operation.Operation == ast.Subscription { // others end by themselves
		defer auth.From(ctx).OnEnd(cancel)()
	}
	s := newStreamWriter(w, enc, t, func() { cancel(nil) })
	defer s.close()
	defer func() {
		if v := recover(); v != nil {
			failure := t.panics.caught(r, v).response()
			s.start()
			s.next("", failure)
			s.send(enc.complete())
		}
	}()
	if errs != nil {
		s.start()
		s.next("", exec.DispatchError(ctx, errs))
		s.send(enc.complete())
		return
	}
	// This subscribes. The header comes after it: a client that sees its stream open misses nothing from then on.
	responses, opContext := exec.DispatchOperation(ctx, opCtx)
	s.start()
	if begin := enc.place(at.Last); at.Last != "" && begin != nil {
		s.send(begin)
		at.Last = ""
	}
	for resp := responses(opContext); resp != nil; resp = responses(opContext) {
		s.next(at.Last, resp)
		at.Last = ""
	}
	switch why := context.Cause(ctx); {
	case errors.Is(why, auth.ErrExpired), errors.Is(why, auth.ErrRevoked):
		s.next("", notKnown(why).response()) // the client comes back with another token, and its cursor
		s.send(enc.complete())
	case why == nil:
		s.send(enc.complete())
	default:
		s.send(enc.stopped()) // to a client that has left, it is nothing
	}
}

// streamWriter writes a stream to a client. A write that fails or takes too long calls cancel, and all further ones do nothing.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	enc     encoding
	streamer
	cancel context.CancelFunc

	started bool // by the one goroutine that serves the stream

	mu    sync.Mutex // guards what follows and all writing
	timer *time.Timer
	done  bool
}

func newStreamWriter(w http.ResponseWriter, enc encoding, t streamer, cancel context.CancelFunc) *streamWriter {
	return &streamWriter{w: w, enc: enc, streamer: t, control: http.NewResponseController(w), cancel: cancel}
}

// start sends the header, once, so that the client knows that its stream is open, and starts to keep it alive. That is done by
// a timer: a goroutine for each silent stream would cost its stack.
func (s *streamWriter) start() {
	if s.started {
		return
	}
	s.started = true
	header := s.w.Header()
	header.Set("Content-Type", s.enc.media())
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events otherwise
	s.w.WriteHeader(http.StatusOK)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepAlive > 0 {
		s.timer = time.AfterFunc(s.keepAlive, s.silence)
	}
	s.write(s.enc.open())
}

func (s *streamWriter) silence() { s.send(s.enc.silence()) }

func (s *streamWriter) next(cursor string, resp *graphql.Response) {
	head, tail, err := frame(resp)
	if err != nil {
		panic(err)
	}
	data := []byte(resp.Data)
	if bytes.ContainsAny(data, "\r\n") {
		// In JSON a line end can only be space between tokens; in a stream it would end the field, or begin a boundary.
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil {
			panic(err)
		}
		data = line.Bytes()
	}
	s.send(s.enc.next(cursor, head, data, tail)...)
}

func (s *streamWriter) send(parts ...[]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(parts...)
}

// close lets nothing more be written. A sign of life that is under way ends first, within the timeout.
func (s *streamWriter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	if s.timer != nil {
		s.timer.Stop()
	}
	// For the end of the body, which net/http writes. It lifts the deadline before it reads the next request.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.writeTimeout))
}

// write sends the parts and puts the next sign of life off. The caller holds mu. Without a deadline a client that stops reading
// would hold the goroutine for ever; a lasting one would end an HTTP/2 stream that is merely silent.
func (s *streamWriter) write(parts ...[]byte) {
	if s.done {
		return
	}
	// That there are no deadlines on w, as in a recorder of tests, is no reason not to write.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.writeTimeout))
	for _, part := range parts {
		_, _ = s.w.Write(part) //nolint:gosec,nolintlint // JSON in a stream, not HTML, which gosec sees on some days; its error comes again from Flush
	}
	if err := s.control.Flush(); err != nil {
		s.panics.stalled(err, s.writeTimeout)
		s.done = true
		s.cancel()
		return
	}
	_ = s.control.SetWriteDeadline(time.Time{})
	if s.timer != nil {
		s.timer.Reset(s.keepAlive)
	}
}
