package rest

import (
	"context"
	"net/http"
	"time"
)

// Observer hears of requests to the endpoints, from any goroutine. It must not block.
type Observer interface {
	// BeginRequest is called ahead of a request to an endpoint, "GET /redis/agent-states", which goes on with the context that it gives.
	BeginRequest(ctx context.Context, endpoint string) context.Context
	// EndRequest is called behind it, with that context, also where the answer was broken off.
	EndRequest(ctx context.Context, r Request)
	// DataLimit hears that a request was refused because a thread would hold too much.
	DataLimit()
}

// Request is how a request has ended.
type Request struct {
	Endpoint string
	// Status is that of the answer, 0 where there was none.
	Status int
	Took   time.Duration
	// Bytes is how large the body of the answer was, ahead of compression.
	Bytes int
}

// observed gives the handler of an endpoint of which the observer hears, if there is one.
func (h handler) observed(endpoint string, serve http.HandlerFunc) http.Handler {
	if h.Observer == nil {
		return serve
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := h.Observer.BeginRequest(r.Context(), endpoint)
		start, answer := time.Now(), &measured{ResponseWriter: w}
		defer func() {
			h.Observer.EndRequest(ctx, Request{Endpoint: endpoint, Status: answer.status, Took: time.Since(start), Bytes: answer.bytes})
		}()
		serve(answer, r.WithContext(ctx))
	})
}

// measured notes what an answer was.
type measured struct {
	http.ResponseWriter
	status, bytes int
}

// Unwrap is for http.ResponseController.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// WriteHeader notes the status.
func (m *measured) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
	m.ResponseWriter.WriteHeader(status)
}

// Write notes the size.
func (m *measured) Write(part []byte) (int, error) {
	if m.status == 0 {
		m.status = http.StatusOK
	}
	n, err := m.ResponseWriter.Write(part)
	m.bytes += n
	return n, err
}
