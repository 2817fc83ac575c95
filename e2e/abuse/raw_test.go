//go:build linux

package abuse

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// wire is a TCP connection with which anything can be done.
type wire struct {
	*net.TCPConn
	unhook func() bool
}

// dial opens a connection, which breaks with the visit's context; nil where the server takes none.
func (f *foe) dial() *wire {
	conn, err := (&net.Dialer{}).DialContext(f.ctx, "tcp", f.addr)
	if err != nil {
		return nil
	}
	c := &wire{TCPConn: conn.(*net.TCPConn)} //nolint:forcetypeassert // of "tcp"
	c.unhook = context.AfterFunc(f.ctx, func() { _ = conn.Close() })
	return c
}

// Close hangs up.
func (c *wire) Close() error {
	c.unhook()
	return c.TCPConn.Close()
}

// upgrade opens a WebSocket; nil where it is refused.
func (f *foe) upgrade() *wire {
	c := f.dial()
	if c == nil {
		return nil
	}
	return f.upgraded(c)
}

// upgraded makes a WebSocket of a connection; nil, and the connection closed, where it is refused.
func (f *foe) upgraded(c *wire) *wire {
	ok := c.text("GET /graphql HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", f.addr)
	if ok {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		// The reader holds nothing back: the server says nothing more before it is spoken to.
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusSwitchingProtocols {
			return c
		}
	}
	_ = c.Close()
	return nil
}

// text writes; false where the server has hung up.
func (c *wire) text(format string, args ...any) bool {
	return c.bytes(fmt.Appendf(nil, format, args...))
}

func (c *wire) bytes(data []byte) bool {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Write(data)
	return err == nil
}

// header writes the head of a final text frame of n bytes, masked with zeros (RFC 6455, section 5.2).
func (c *wire) header(n int) bool {
	head := append([]byte{0x81, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, uint64(n))...)
	return c.bytes(append(head, 0, 0, 0, 0))
}

// message writes a text frame.
func (c *wire) message(text string) bool { return c.header(len(text)) && c.bytes([]byte(text)) }

// dismissed reads frames until the server closes the WebSocket or hangs up; false where the visit ends before. What remains of the
// connection is for the visit to drop: the server waits for a goodbye that does not come.
func (f *foe) dismissed(c *wire) bool {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	const opcode, goodbye = 0x0F, 0x08
	for in := bufio.NewReader(c); ; {
		head, err := in.Peek(2)
		if err != nil {
			return f.ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded)
		}
		if head[0]&opcode == goodbye {
			return true
		}
		size := 2 + int(head[1]) // of a server: not masked
		switch head[1] {
		case 126:
			size = 4
			if head, err = in.Peek(4); err == nil {
				size += int(binary.BigEndian.Uint16(head[2:]))
			}
		case 127:
			size = 10
			if head, err = in.Peek(10); err == nil {
				size += int(binary.BigEndian.Uint64(head[2:]))
			}
		}
		_, _ = in.Discard(size) // where it fails, so does the next Peek
	}
}

// shrink leaves as little room as can be for what is not read.
func shrink(c *wire) { _ = c.SetReadBuffer(1) }

// linger holds a connection for a while.
func (f *foe) linger() { pause(f.ctx, time.Duration(200+f.random.IntN(2000))*time.Millisecond) }

// awaitHangUp waits without reading until the server has hung up: then writing fails, which sends nothing that means anything.
func (f *foe) awaitHangUp(c *wire) bool {
	for f.ctx.Err() == nil {
		if !c.bytes([]byte{0x8A, 0x80, 0, 0, 0, 0}) { // an empty pong
			return f.ctx.Err() == nil
		}
		pause(f.ctx, 50*time.Millisecond)
	}
	return false
}
