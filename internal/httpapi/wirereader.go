package httpapi

import (
	"bufio"
	"net"
	"sync"
)

// wireReader reads a connection ahead, so that one can wait for it without reading.
type wireReader struct {
	// reader is the one that reads from the wire, and belongs to who reads messages; where the connection is being closed that is
	// the one who does so, closing says. asking guards both.
	asking  sync.Mutex
	reader  *bufio.Reader
	closing bool

	reading sync.Mutex // guards the rest
	// early is what came ahead of the connection's first message, and ahead[from:to] what was read behind that. err is to be told then.
	early    []byte
	from, to uint8
	ahead    [readAhead]byte
	err      error
}

const readAhead = 64

// fill waits until there is something to read.
func (r *wireReader) fill(conn net.Conn) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if len(r.early) > 0 || r.from < r.to || r.err != nil {
		return
	}
	n, err := conn.Read(r.ahead[:])
	r.from, r.to, r.err = 0, uint8(n), err
}

// unread tells whether there is something to read that has come already, or the connection is being closed.
func (r *wireReader) unread() bool {
	r.asking.Lock()
	defer r.asking.Unlock()
	if r.closing || r.reader.Buffered() > 0 {
		return true
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	return len(r.early) > 0 || r.from < r.to
}

// handOver leaves reading to the handshake that closes the connection.
func (r *wireReader) handOver() {
	r.asking.Lock()
	defer r.asking.Unlock()
	r.closing = true
}

func (r *wireReader) read(conn net.Conn, p []byte) (int, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	switch {
	case len(r.early) > 0:
		n := copy(p, r.early)
		if r.early = r.early[n:]; len(r.early) == 0 {
			r.early = nil // it is a large buffer
		}
		return n, nil
	case r.from < r.to:
		n := copy(p, r.ahead[r.from:r.to])
		r.from += uint8(n)
		return n, nil
	case r.err != nil:
		return 0, r.err
	default:
		return conn.Read(p)
	}
}
