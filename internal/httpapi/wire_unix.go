//go:build unix

package httpapi

import (
	"errors"
	"net"
	"syscall"
)

// atOnce writes to a connection as much as there is room for, and never waits: the sockets of Go do not block by themselves, it is the
// runtime that waits for them.
type atOnce struct {
	raw syscall.RawConn // nil where there is no socket
	// try, made once, writes p, of which n bytes were taken.
	try func(fd uintptr) bool
	p   []byte
	n   int
	err error
}

// of makes it write to conn.
func (a *atOnce) of(conn net.Conn) {
	if socket, ok := conn.(syscall.Conn); ok {
		if raw, err := socket.SyscallConn(); err == nil {
			a.raw = raw
		}
	}
	a.try = a.writeTo
}

// write gives how many bytes were written. Only one caller may write at a time.
func (a *atOnce) write(p []byte) (int, error) {
	if a.raw == nil {
		return 0, nil
	}
	a.p, a.n, a.err = p, 0, nil
	err := a.raw.Write(a.try)
	a.p = nil
	return a.n, errors.Join(err, a.err)
}

// writeTo writes to a file descriptor; true says that there is nothing to wait for.
func (a *atOnce) writeTo(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), a.p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
		case err != nil:
			a.err = err
		default:
			a.n = n
		}
		return true
	}
}
