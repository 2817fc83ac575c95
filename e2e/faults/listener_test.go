//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"

	"agentstate/internal/gqltest"
)

// listener follows a thread as a client with a cursor does: whenever its stream ends it comes back behind its last message, at the
// next server.
type listener struct {
	w         *world
	name      string
	thread    int
	target    int
	transport gqltest.Transport

	reconnected atomic.Int64
	// paused is until when it takes nothing, in nanoseconds of the epoch.
	paused atomic.Int64

	mu     sync.Mutex
	cursor string
	last   int
	got    []string
	// changed is closed and made anew with each message.
	changed chan struct{}
}

func (l *listener) run(ctx context.Context) {
	for ctx.Err() == nil {
		stream, err := l.transport.Open(l.w.servers[l.target].Client, messageAdded, vars{"id": threadID(l.thread), "after": l.cursor})
		if err == nil {
			ok := l.read(ctx, stream)
			stream.Close()
			if !ok {
				return
			}
		}
		l.target = (l.target + 1) % servers
		l.reconnected.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // as a client waits before it comes back
		}
	}
}

// read takes what a stream brings until it ends; false says that something came that must not.
func (l *listener) read(ctx context.Context, stream *gqltest.Stream) bool {
	for {
		if wait := time.Until(time.Unix(0, l.paused.Load())); wait > 0 {
			time.Sleep(wait)
		}
		e, ok := stream.Within(100 * time.Millisecond)
		switch {
		case ctx.Err() != nil:
			return false
		case !ok:
			continue // nothing has come yet, or, behind Closed, never will
		case e.Closed != nil:
			return true
		case len(e.Errors) > 0:
			return assert.Equal(l.w.tb, "UNAVAILABLE", e.Errors[0].Code(), "%s: %s", l.name, e.Errors[0].Message)
		case e.Complete:
			return assert.Fail(l.w.tb, "a stream was completed although its thread lives", l.name)
		}
		if !l.take(e) {
			return false
		}
	}
}

// take checks that a message is the next one.
func (l *listener) take(e gqltest.Event) bool {
	var got struct {
		MessageAdded struct {
			Seq               int
			MessageID, Cursor string
		}
	}
	if err := json.Unmarshal(e.Data, &got); err != nil {
		return assert.Fail(l.w.tb, "what came is no message", "%s: %v", e.Data, err)
	}
	m := got.MessageAdded
	l.mu.Lock()
	defer l.mu.Unlock()
	if !assert.Equal(l.w.tb, l.last+1, m.Seq, "%s (%s) got the wrong message", l.name, l.transport.Name) {
		return false
	}
	l.last, l.cursor = m.Seq, m.Cursor
	l.got = append(l.got, m.MessageID)
	close(l.changed)
	l.changed = make(chan struct{})
	return true
}
