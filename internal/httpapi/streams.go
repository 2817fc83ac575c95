package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Streams ends the requests that do not end by themselves, WebSockets and event streams, when the server stops, while the
// others may finish. http.Server.Shutdown does neither: it forgets hijacked connections and waits for event streams.
type Streams struct {
	ctx     context.Context //nolint:containedctx // the life of the server's streams, not that of a call
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewStreams gives streams that live until Close.
func NewStreams() *Streams {
	ctx, cancel := context.WithCancel(context.Background())
	return &Streams{ctx: ctx, cancel: cancel}
}

// Handler gives the requests that open a stream a context that also ends with Close.
func (s *Streams) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" && !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			next.ServeHTTP(w, r)
			return
		}
		s.running.Add(1)
		defer s.running.Done()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Close ends all streams. A stream that is opened after it ends at once.
func (s *Streams) Close() { s.cancel() }

// Wait waits, after Close, until the streams have said goodbye, or ctx ends.
func (s *Streams) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends when the last stream does
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("streams were still open: %w", ctx.Err())
	}
}
