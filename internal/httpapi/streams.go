package httpapi

import (
	"context"
	"fmt"
	"sync"
)

// Streams ends what does not end by itself, WebSockets and event streams, when the server stops, while other requests may
// finish. http.Server.Shutdown does neither: it forgets hijacked connections and waits for event streams.
type Streams struct {
	stopping context.Context //nolint:containedctx // the life of the server's streams, not that of a call
	stop     context.CancelFunc

	mu   sync.Mutex
	open int
	// leaving are the streams that say goodbye themselves.
	leaving map[leaver]struct{}
	// idle is closed when the streams were told to stop and none is open any more.
	idle chan struct{}
}

// NewStreams gives streams that live until Close.
func NewStreams() *Streams {
	ctx, cancel := context.WithCancel(context.Background())
	return &Streams{stopping: ctx, stop: cancel, idle: make(chan struct{}), leaving: make(map[leaver]struct{})}
}

// Close ends all streams. A stream that is opened after it ends at once.
func (s *Streams) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Err() != nil {
		return
	}
	s.stop()
	for stream := range s.leaving {
		go stream.leave() // which ends with the stream
	}
	if s.open == 0 {
		close(s.idle)
	}
}

// Wait waits, after Close, until the streams have said goodbye, or ctx ends.
func (s *Streams) Wait(ctx context.Context) error {
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("streams were still open: %w", ctx.Err())
	}
}

// Open counts the streams that are open.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// leaver is a stream that has something to do when the server stops, and ends then.
type leaver interface{ leave() }

// enter counts a stream that will be told to leave. The stream calls left at its end.
func (s *Streams) enter(stream leaver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Err() != nil { // nobody waits for it
		go stream.leave()
		return
	}
	s.open++
	s.leaving[stream] = struct{}{}
}

// left counts a stream that has ended.
func (s *Streams) left(stream leaver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, counted := s.leaving[stream]; counted {
		delete(s.leaving, stream)
		s.ended()
	}
}

// ended counts a stream that has ended. The caller holds mu.
func (s *Streams) ended() {
	if s.open--; s.open == 0 && s.stopping.Err() != nil {
		close(s.idle)
	}
}

// join gives the context of a stream, which ends with the request's or with Close. The stream calls leave at its end.
func (s *Streams) join(ctx context.Context) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.stopping, cancel)
	s.mu.Lock()
	counted := s.stopping.Err() == nil // after Close nobody waits for it
	if counted {
		s.open++
	}
	s.mu.Unlock()
	return ctx, func() {
		unhook()
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if !counted {
			return
		}
		s.ended()
	}
}
