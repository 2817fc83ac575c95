package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// timedBodies gives clients their time to send the bodies of their requests, also of those that nobody reads: net/http reads some of
// them ahead of the answer. A stream that follows a body has no deadline: net/http lifts it at the end of the body, where it begins to
// listen whether the client goes. 0 is no limit.
func timedBodies(timeout time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if timeout > 0 && r.ContentLength != 0 {
				// That there is no deadline, as on a recorder of tests, is no reason not to serve.
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// broken refuses a body that could not be read to its end, or is not what it should be, which message says; nil where err is.
func (q requestReader) broken(w http.ResponseWriter, r *http.Request, err error, message string) *refusal {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return q.tooLarge(q.maxBytes+1).lingering(w, r) // the rest is read and forgotten
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // behind that nothing can be read from the connection any more
		return &refusal{
			status: http.StatusRequestTimeout, code: codeLimitExceeded,
			message:    fmt.Sprintf("Send the whole request body within %v.", q.timeout),
			extensions: map[string]any{"limit": q.timeout.Seconds(), "actual": q.timeout.Seconds()},
			header:     http.Header{"Connection": {"close"}}, // RFC 9110, section 15.5.9
		}
	}
	return malformed("%s", message)
}

// How much of a body that is too large is read after the answer, and for how long. Most clients read the answer only when they have
// sent everything, and get none if the connection is closed while they send: what they send then resets it.
const (
	lingerBytes = 64 << 20
	lingerTime  = 5 * time.Second
)

// linger reads on, behind an answer, from a client that may be still sending, and forgets it.
func linger(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if control.Flush() == nil && control.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, r.Body, lingerBytes)
	}
}

// lingering makes the refusal of a body that is too large reach a client that is still sending.
func (f *refusal) lingering(w http.ResponseWriter, r *http.Request) *refusal {
	if r.ProtoMajor > 1 {
		return f // there a stream ends without its connection
	}
	// Otherwise net/http reads a little of the body ahead of the answer, and nothing behind it.
	if http.NewResponseController(w).EnableFullDuplex() == nil {
		f.header = http.Header{"Connection": {"close"}}
		f.after = func() { linger(w, r) }
	}
	return f
}
