package httpapi

import (
	"bytes"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// buffers are those of messages.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// mostPooled is up to which size a buffer is kept for the next message.
const mostPooled = 64 << 10

// awaitClient waits until the client has taken what was sent, or is given up.
func (c *wsConn) awaitClient() {
	for clogged := c.wire.clogged(); clogged != nil; clogged = c.wire.clogged() {
		<-clogged
	}
}

// sender says what a message is written for: patient, it waits until the client has taken what was sent before. Only couriers do not.
type sender struct{ patient bool }

var patient, courier = sender{true}, sender{false}

// send writes a message that belongs to no operation.
func (c *wsConn) send(message string) { c.sendAs(patient, nil, false, message, nil) }

// sendAs writes a message, or a response of an operation as one. What is of an operation goes out only if that is still wanted when its
// turn has come; last says that it is the last one.
func (c *wsConn) sendAs(by sender, op *wsOperation, last bool, message string, resp *graphql.Response) {
	buffer := buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // the pool makes nothing else
	defer release(buffer)
	buffer.Write(room[:])
	buffer.WriteString(message)
	if resp != nil {
		for _, text := range [...]string{`{"id":`, op.quoted, `,"type":"`, c.words.next, `","payload":`} {
			buffer.WriteString(text)
		}
		writeFrame(buffer, resp)
		buffer.WriteByte('}')
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	for clogged := c.wire.clogged(); by.patient && clogged != nil; clogged = c.wire.clogged() { // all who wait go on at once
		c.writing.Unlock()
		<-clogged
		c.writing.Lock()
	}
	if op != nil {
		if op.over {
			return
		}
		op.over = last
	}
	c.wire.message(buffer.Bytes())
}

// room is what comes ahead of a message in its frame.
var room [headerRoom]byte

func release(buffer *bytes.Buffer) {
	if buffer.Cap() <= mostPooled {
		buffer.Reset()
		buffers.Put(buffer)
	}
}

// giveUp ends a connection whose client takes nothing, or has gone.
func (c *wsConn) giveUp(err error) {
	c.transport.panics.stalled(err, c.transport.writeTimeout)
	_ = c.conn.CloseNow()
}
