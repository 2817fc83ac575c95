package feed

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// errWire is how the connections of a test end.
var errWire = errors.New("the wire is cut")

// air is a Redis pub/sub in memory, as far as a hub sees it, with whatever can go wrong.
type air struct {
	mu sync.Mutex
	// changed is closed when something has, and made anew.
	changed chan struct{}
	wires   []*wire
	// down lets no connection live, and deaf makes new ones silent: commands seem to work, and nothing ever comes.
	down, deaf bool
	// refused is the command that fails: subscribe, unsubscribe or ping.
	refused string
}

// wire is one connection, a Source.
type wire struct {
	air *air
	// subscribed are the channels, queue is what was not received yet; a zero Event is the answer to a ping.
	subscribed map[store.Channel]bool
	queue      []store.Event
	deaf       bool
	// end is why nothing can be received any more; closed says that Close was called.
	end    error
	closed bool
	// commands are those that were given, pings left out.
	commands []command
}

type command struct {
	name     string
	channels []store.Channel
}

func newAir() *air { return &air{changed: make(chan struct{})} }

func (a *air) open(context.Context) Source {
	w := &wire{air: a, subscribed: make(map[store.Channel]bool)}
	a.do(func() {
		a.wires = append(a.wires, w)
		if w.deaf = a.deaf; a.down {
			w.end = errWire
		}
	})
	return w
}

// do changes something, and wakes who waits for it.
func (a *air) do(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	close(a.changed)
	a.changed = make(chan struct{})
}

// await waits until something is so.
func (a *air) await(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		a.mu.Lock()
		is, changed := so(), a.changed
		a.mu.Unlock()
		if is {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			require.FailNow(tb, "in vain: "+what)
		}
	}
}

// publish announces something on all connections that have subscribed to it.
func (a *air) publish(e store.Event) {
	a.do(func() {
		for _, w := range a.wires {
			if w.subscribed[e.Channel] {
				w.put(e)
			}
		}
	})
}

// cut ends all connections; what was not received is lost.
func (a *air) cut() {
	a.do(func() {
		for _, w := range a.wires {
			w.end = errWire
		}
	})
}

// set changes what goes wrong.
func (a *air) set(down, deaf bool) {
	a.do(func() {
		a.down, a.deaf = down, deaf
		for _, w := range a.wires {
			if w.deaf = deaf; down {
				w.end = errWire
			}
		}
	})
}

// opened counts the connections that there have been.
func (a *air) opened() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.wires)
}

// last is the current connection.
func (a *air) last() *wire {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wires[len(a.wires)-1]
}

// took gives the commands that the connection has taken since it was asked last.
func (w *wire) took() []command {
	w.air.mu.Lock()
	defer w.air.mu.Unlock()
	commands := w.commands
	w.commands = nil
	return commands
}

// put brings something. The caller is in do.
func (w *wire) put(e store.Event) {
	if !w.deaf {
		w.queue = append(w.queue, e)
	}
}

// command gives a command, if the connection lives.
func (w *wire) command(name string, channels []store.Channel, effect func()) (err error) {
	w.air.do(func() {
		if err = w.end; err == nil && w.air.refused == name {
			err = errWire
		}
		if err != nil {
			return
		}
		if channels != nil {
			w.commands = append(w.commands, command{name, channels})
		}
		effect()
	})
	return err
}

func (w *wire) Subscribe(_ context.Context, channels ...store.Channel) error {
	return w.command("subscribe", channels, func() {
		for _, c := range channels {
			w.subscribed[c] = true
			w.put(store.Event{Channel: c, Joined: true})
		}
	})
}

func (w *wire) Unsubscribe(_ context.Context, channels ...store.Channel) error {
	return w.command("unsubscribe", channels, func() {
		for _, c := range channels {
			delete(w.subscribed, c)
		}
	})
}

func (w *wire) Ping(context.Context) error {
	return w.command("ping", nil, func() { w.put(store.Event{}) })
}

// Receive waits for the next event. Like that of a real connection it does not look at the context.
func (w *wire) Receive(_ context.Context, alive func()) (store.Event, error) {
	for {
		w.air.mu.Lock()
		end, changed := w.end, w.air.changed
		var e store.Event
		some := end == nil && len(w.queue) > 0
		if some {
			e, w.queue = w.queue[0], w.queue[1:]
		}
		w.air.mu.Unlock()
		switch {
		case end != nil:
			return store.Event{}, end
		case !some:
			<-changed
		case e.Channel == "":
			alive()
		default:
			alive()
			return e, nil
		}
	}
}

func (w *wire) Close() error {
	w.air.do(func() {
		w.closed = true
		if w.end == nil {
			w.end = errors.New("closed")
		}
	})
	return nil
}
