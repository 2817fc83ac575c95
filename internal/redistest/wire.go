package redistest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Wire stands between a replica and its master, or anything else, and looks at nothing: what Proxy reads is not what they speak.
type Wire struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu sync.Mutex
	// free is closed while bytes flow.
	free  chan struct{}
	held  bool
	ended chan struct{}
	conns map[net.Conn]struct{}
	// broken refuses new connections.
	broken bool
}

// NewWire starts a wire to target, a host and port. It ends with the test.
func NewWire(tb testing.TB, target string) *Wire {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("redistest: wire: %v", err)
	}
	w := &Wire{listener: listener, target: target, free: make(chan struct{}), ended: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	close(w.free)
	w.running.Go(w.accept)
	tb.Cleanup(w.close)
	return w
}

// Start starts a replica at the other end of the wire, with further arguments for it, and returns when it has all data of the master. It
// ends with the test.
func (w *Wire) Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	host, port, err := net.SplitHostPort(w.listener.Addr().String())
	Require(tb, err)
	replica := Start(tb, append([]string{"--replicaof", host + " " + port}, args...)...)
	Require(tb, awaitLink(tb.Context(), replica.Client()))
	return replica
}

// Hold keeps what is sent from arriving, either way, or lets all of it go on: connections stand, as if the network were slow.
func (w *Wire) Hold(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case on && !w.held:
		w.free = make(chan struct{})
	case !on && w.held:
		close(w.free)
	}
	w.held = on
}

// Break ends all connections and refuses new ones, until it is mended.
func (w *Wire) Break(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken = on; on {
		for conn := range w.conns {
			_ = conn.Close()
		}
	}
}

func (w *Wire) accept() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.serve(conn) })
	}
}

// serve connects a client with the target until one of them ends.
func (w *Wire) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // it only ends
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // as above
	w.mu.Lock()
	refused := w.broken
	if !refused {
		w.conns[client], w.conns[server] = struct{}{}, struct{}{}
	}
	w.mu.Unlock()
	if refused {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { w.forward(client, server) })
	w.forward(server, client)
	back.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, client)
	delete(w.conns, server)
}

// forward brings bytes from one end to the other until either ends.
func (w *Wire) forward(to, from net.Conn) {
	_, _ = io.Copy(heldWriter{w, to}, from)
	_, _ = to.Close(), from.Close()
}

// heldWriter writes when the wire is not held.
type heldWriter struct {
	wire *Wire
	to   net.Conn
}

func (h heldWriter) Write(b []byte) (int, error) {
	h.wire.mu.Lock()
	free := h.wire.free
	h.wire.mu.Unlock()
	select {
	case <-free:
		return h.to.Write(b)
	case <-h.wire.ended:
		return 0, io.ErrClosedPipe
	}
}

func (w *Wire) close() {
	_ = w.listener.Close()
	close(w.ended)
	w.Break(true)
	w.running.Wait()
}
