package httpapi

import (
	"encoding/binary"
	"math"
	"net"
	"sync"
	"time"
)

const (
	// mostKept bounds the control frames that are kept for a client that takes nothing.
	mostKept = 64 << 10
	// drainChunk is how many bytes a slow client must take in the time that it has.
	drainChunk = 16 << 10
)

// wire is the connection below a WebSocket. Who writes a message to it does not wait for the client: what the system has no room
// for is kept, and a goroutine writes it as the client takes it. Until then the wire is clogged, and those who write look ahead of it whether it is
// (clogged), so that few messages are kept: one, and one more of each courier at most. A client that takes nothing for too long is given up.
type wire struct {
	net.Conn
	atOnce atOnce
	wireReader
	// patience is how long a client may take nothing.
	patience time.Duration
	// start runs a goroutine that is waited for, and broken is called, once, when the connection is of no more use.
	start  func(func())
	broken func(error)

	mu sync.Mutex
	// goodbye says that the frame that closes the connection was written.
	goodbye bool
	// kept is what the client has not taken yet. While there is something, taken is not nil, and closed after that; waiting are woken then.
	kept    []byte
	control int // how much of that were control frames
	taken   chan struct{}
	waiting map[*wsOperation]struct{}
	failed  error
}

// Read reads what has come.
func (w *wire) Read(p []byte) (int, error) { return w.read(w.Conn, p) }

// await waits until there is something to read, be it an error.
func (w *wire) await() { w.fill(w.Conn) }

// Write writes a control frame, which comes as a whole. Few of them are kept: with more it waits, as only a client comes to that which
// asks for more pongs than it takes.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.control > mostKept && w.failed == nil {
		taken := w.taken
		w.mu.Unlock()
		<-taken
		w.mu.Lock()
	}
	if err := w.push(p); err != nil {
		return 0, err
	}
	if w.taken != nil {
		w.control += len(p)
	}
	w.goodbye = w.goodbye || len(p) > 0 && p[0] == final|opClose
	return len(p), nil
}

// message writes a text message, of which frame holds the text behind room for the header of a frame. It does not wait. Behind the frame
// that closes the connection there must be none (RFC 6455, section 5.5.1), and one that comes late is left out.
func (w *wire) message(frame []byte) {
	frame = withHeader(frame)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.goodbye {
		_ = w.push(frame) // where it fails the connection is given up
	}
}

// The first byte of a frame, and how much its header can take (RFC 6455, section 5.2).
const (
	final      = 0x80
	opText     = 0x1
	opClose    = 0x8
	headerRoom = 10
)

// withHeader writes the header of a text message, which is not masked as it comes from a server, into the room ahead of its text.
func withHeader(frame []byte) []byte {
	n := len(frame) - headerRoom
	start := headerRoom - 2
	switch {
	case n < 126:
		frame[start+1] = byte(n)
	case n <= math.MaxUint16:
		start = headerRoom - 4
		frame[start+1] = 126
		binary.BigEndian.PutUint16(frame[start+2:], uint16(n))
	default:
		start = 0
		frame[start+1] = 127
		binary.BigEndian.PutUint64(frame[start+2:], uint64(n))
	}
	frame[start] = final | opText
	return frame[start:]
}

// push writes what there is room for, and keeps the rest. The caller holds mu.
func (w *wire) push(p []byte) error {
	if w.failed != nil {
		return w.failed
	}
	if len(w.kept) == 0 {
		n, err := w.atOnce.write(p)
		if err != nil {
			w.fail(err)
			return err
		}
		p = p[n:]
	}
	if len(p) == 0 {
		return nil
	}
	w.kept = append(w.kept, p...)
	if w.taken == nil {
		w.taken = make(chan struct{})
		w.start(w.drain)
	}
	return nil
}

// drain writes what is kept, until there is nothing more or the client is given up.
func (w *wire) drain() {
	for {
		w.mu.Lock()
		chunk := w.kept[:min(len(w.kept), drainChunk)]
		if len(chunk) == 0 || w.failed != nil {
			_ = w.SetWriteDeadline(time.Time{})
			w.free()
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		err := w.SetWriteDeadline(time.Now().Add(w.patience))
		n := 0
		if err == nil {
			n, err = w.Conn.Write(chunk)
		}
		w.mu.Lock()
		w.kept = w.kept[n:]
		if err != nil {
			w.fail(err)
		}
		w.mu.Unlock()
	}
}

// free lets everybody go on who waits for the client. The caller holds mu.
func (w *wire) free() {
	w.kept, w.control = nil, 0
	close(w.taken)
	w.taken = nil
	for op := range w.waiting {
		op.wake()
	}
	w.waiting = nil
}

// fail gives the connection up. The caller holds mu.
func (w *wire) fail(err error) {
	if w.failed == nil {
		w.failed = err
		w.start(func() { w.broken(err) })
	}
}

// clogged tells by a channel, which is closed when it no longer is, that the client has not taken all that was written.
func (w *wire) clogged() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.taken
}

// cloggedFor tells whether the client has not taken all that was written, and wakes an operation when it has.
func (w *wire) cloggedFor(op *wsOperation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taken == nil {
		return false
	}
	if w.waiting == nil {
		w.waiting = make(map[*wsOperation]struct{})
	}
	w.waiting[op] = struct{}{}
	return true
}
