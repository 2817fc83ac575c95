package feed

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"agentstate/store"
)

// A failure names its seed; -feed.seed repeats what was done then, though not how the goroutines took turns.
var seedFlag = flag.Uint64("feed.seed", 0, "the one seed for TestWhateverHappens")

// TestWhateverHappens lets a thread live, and its announcements come, get lost, come twice, late or in another order, and
// connections end, while listeners come and go, quick and slow. Each must get every message behind its cursor once, in order.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	seeds := make([]uint64, 25)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := chance{world: newWorld(t, impatient), Rand: rand.New(rand.NewPCG(seed, 0))}
			for range 60 {
				c.step()
			}
			c.finish()
		})
	}
}

// chance decides what happens in a world.
type chance struct {
	*world
	*rand.Rand
	// held are announcements that come late, or never.
	held      []store.Event
	listeners []*reader
}

// step does one thing. The numbers are percentages.
func (c *chance) step() {
	switch n := c.IntN(100); {
	case n < 30:
		c.announce(c.say())
	case n < 40:
		c.announce(c.add(2+c.IntN(4), 10))
	case n < 45:
		c.announce(c.add(1, 2*inline))
	case n < 46:
		c.announce(c.update())
	case n < 50:
		if seq := 1 + c.IntN(c.now.Seq+1); seq <= c.now.Seq && !c.isRemoved(c.now.Epoch, seq) {
			c.announce([]func(int) store.Event{c.drop, c.rewrite}[c.IntN(2)](seq))
		}
	case n < 53:
		c.announce(c.remove())
		c.announce(c.create())
	case n < 63 && len(c.held) > 0:
		i := c.IntN(len(c.held))
		c.tell(c.held[i])
		c.held = append(c.held[:i], c.held[i+1:]...)
	case n < 67:
		c.air.cut()
	case n < 69:
		c.tell(c.joinAgain())
	case n < 71:
		c.hub.check(c.tb.Context())
	case n < 80:
		c.settle()
	case n < 90 && len(c.listeners) < 10:
		c.come()
	case n < 93 && len(c.listeners) > 0:
		c.listeners[c.IntN(len(c.listeners))].leave()
	case len(c.listeners) > 0:
		c.listeners[c.IntN(len(c.listeners))].allow(1 + c.IntN(5))
	}
}

// announce lets an event come once, twice, later, or not at all.
func (c *chance) announce(e store.Event) {
	switch n := c.IntN(100); {
	case n < 55:
		c.tell(e)
	case n < 65:
		c.tell(e, e)
	case n < 80:
		c.held = append(c.held, e)
	}
}

// come lets a listener start, from now or from somewhere before; a third of them are slow.
func (c *chance) come() {
	after := ""
	if c.IntN(2) == 0 {
		after = c.cursor(c.IntN(c.now.Seq + 1))
	}
	r := &reader{ear: c.listen(after), allowed: make(chan struct{}, 1000), stop: make(chan struct{})}
	if c.IntN(3) > 0 {
		close(r.allowed)
		r.quick = true
	}
	r.running.Go(r.read)
	c.tb.Cleanup(r.halt)
	c.listeners = append(c.listeners, r)
}

// finish lets some sign come that something happened, and looks what each listener got.
func (c *chance) finish() {
	switch c.IntN(3) {
	case 0:
		c.tell(c.say())
	case 1:
		c.air.cut()
	case 2:
		c.settle()
		c.hub.check(c.tb.Context())
	}
	for _, r := range c.listeners {
		r.halt()
		for _, m := range r.got {
			r.take(m)
		}
		if r.at.Epoch == c.now.Epoch && !r.cancelled {
			r.gets(c.lastOf(c.now.Epoch))
			r.leave()
		}
		for m := range r.stream.C {
			r.take(m)
		}
		switch err := r.stream.Err(); {
		case err != nil:
			requireExpired(c.tb, err)
			require.NotEqual(c.tb, c.now.Epoch, r.at.Epoch, "the thread is there")
		case !r.cancelled:
			require.GreaterOrEqual(c.tb, r.at.Seq, c.lastOf(r.at.Epoch), "it ends as if it had everything")
		}
	}
}

// reader reads what an ear hears: a quick one at once, another one as much as it is allowed to.
type reader struct {
	*ear
	quick     bool
	cancelled bool
	allowed   chan struct{}

	running sync.WaitGroup
	stop    chan struct{}
	halted  sync.Once
	got     []*store.Message
}

func (r *reader) read() {
	for {
		select {
		case <-r.stop:
			return
		case <-r.allowed:
		}
		select {
		case <-r.stop:
			return
		case m, open := <-r.stream.C:
			if !open {
				return
			}
			r.got = append(r.got, m)
		}
	}
}

// allow lets a slow one read n messages more.
func (r *reader) allow(n int) {
	for range n {
		if !r.quick {
			r.allowed <- struct{}{}
		}
	}
}

// halt ends the reading; whoever calls it may read on.
func (r *reader) halt() {
	r.halted.Do(func() { close(r.stop) })
	r.running.Wait()
}

func (r *reader) leave() {
	r.cancelled = true
	r.cancel()
}
