package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"agentstate/internal/coding"
)

// restPath is below which the REST endpoints are.
const restPath = "/redis/"

// shared is what pages of allowed origins may use beside what GraphQL has: methods, and headers of requests and of answers.
type shared struct{ methods, sent, answered []string }

var restShared = shared{
	methods:  []string{http.MethodPut, http.MethodDelete},
	sent:     []string{"Idempotency-Key", "Prefer"},
	answered: []string{"Message-Id", "Idempotent-Replayed", "Preference-Applied"},
}

// restAPI puts ahead of the REST endpoints what is ahead of GraphQL: origins, who calls, how often, and how large a body may be.
func restAPI(cfg Config, doors doors, pages origins) http.Handler {
	requests := requestReader{maxBytes: cfg.MaxRequestBytes, timeout: cfg.Limits.BodyTimeout, observer: cfg.Observer}
	answered := paced(cfg.WriteTimeout, cfg.REST)
	return unswitched(pages.guard(authenticate(cfg.Auth, doors, doors.rates.middleware(doors.caller, requests.whole(answered)))))
}

// unswitched takes a request for what it is, although it offers to become a WebSocket: for handshakes the doors stand open.
func unswitched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHandshake(r) {
			r = r.Clone(r.Context())
			r.Header.Del("Upgrade")
		}
		next.ServeHTTP(w, r)
	})
}

// whole reads the body of a request ahead of next, out of gzip where it says so, and refuses one that is too large or breaks off.
func (q requestReader) whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if r.ContentLength > q.maxBytes {
			q.tooLarge(r.ContentLength).lingering(w, r).write(w, mediaJSON)
			return
		}
		body, refused := q.bodyOf(w, r)
		if refused != nil {
			refused.write(w, mediaJSON)
			return
		}
		r = r.WithContext(r.Context()) // a copy
		r.Body, r.ContentLength = io.NopCloser(body), int64(body.Len())
		next.ServeHTTP(w, r)
	})
}

// detailTaker is the way to a client of the REST endpoints, which has refusals in their form.
type detailTaker struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (d detailTaker) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// detailed makes refusals of requests to the REST endpoints take their form, wherever they are refused.
func detailed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, restPath) {
			w = detailTaker{w}
		}
		next.ServeHTTP(w, r)
	})
}

// takesDetail tells whether w is, below what else is around it, the way to a client of the REST endpoints.
func takesDetail(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case detailTaker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// writeDetail answers with the refusal as FastAPI does: {"detail": "one sentence"}.
func (f refusal) writeDetail(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.header)
	detail := f.message
	if id, ok := f.extensions["errorId"].(string); ok {
		detail = strings.TrimSuffix(detail, ".") + " " + id + "."
	}
	body, err := json.Marshal(map[string]string{"detail": detail})
	if err != nil {
		panic(fmt.Errorf("a refusal holds only strings: %w", err))
	}
	header := w.Header()
	header.Set("Content-Type", mediaJSON)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
	if f.after != nil {
		f.after()
	}
}

// pacedWriter is the way to a client that gets an answer in parts: each must be taken in time, and they are compressed where the client
// takes that.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	gzip    bool
	// packer compresses; nil where nothing is to be compressed.
	packer *gzip.Writer
}

// Unwrap is for http.ResponseController.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// paced gives each part of an answer of next its time to be taken; 0 is no limit. A handler that breaks off by a panic leaves an answer
// that the client sees to be broken.
func paced(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		p := &pacedWriter{
			ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout,
			gzip: coding.AcceptsGzip(r.Header.Values("Accept-Encoding")),
		}
		defer p.forget()
		next.ServeHTTP(p, r)
		p.finish()
	})
}

// WriteHeader decides whether the answer is compressed: what is longer than a packet, or of no length that is known.
func (p *pacedWriter) WriteHeader(status int) {
	header := p.Header()
	length, err := strconv.Atoi(header.Get("Content-Length"))
	if p.gzip && p.packer == nil && bodied(status) && header.Get("Content-Encoding") == "" && (err != nil || length >= leastCompressed) {
		header.Del("Content-Length")
		header.Set("Content-Encoding", "gzip")
		p.packer = packers.Get().(*gzip.Writer) //nolint:forcetypeassert // nothing else is put in
		p.packer.Reset(p.ResponseWriter)
	}
	p.ResponseWriter.WriteHeader(status)
}

// bodied tells whether an answer of this status has a body.
func bodied(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified && status >= http.StatusOK
}

func (p *pacedWriter) Write(part []byte) (int, error) {
	p.deadline()
	if p.packer != nil {
		return p.packer.Write(part)
	}
	return p.ResponseWriter.Write(part)
}

func (p *pacedWriter) deadline() {
	if p.timeout > 0 {
		_ = p.control.SetWriteDeadline(time.Now().Add(p.timeout)) // that there is none, as on a recorder of tests, is no reason not to serve
	}
}

// finish sends what is left.
func (p *pacedWriter) finish() {
	p.deadline()
	if p.packer != nil && p.packer.Close() == nil {
		_ = p.control.Flush() // while there is a deadline
	}
}

// forget lifts the deadline, which is that of the connection, and gives the packer back.
func (p *pacedWriter) forget() {
	if p.timeout > 0 {
		_ = p.control.SetWriteDeadline(time.Time{})
	}
	if p.packer != nil {
		p.packer.Reset(io.Discard)
		packers.Put(p.packer)
	}
}
