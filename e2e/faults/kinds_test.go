//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// fault is one kind of what goes wrong. inject lets it happen, and lets it be over; it gives where and for how long.
type fault struct {
	name   string
	inject func(w *world, random *rand.Rand) string
}

// faults are all kinds. In `make faults` each happens many times, in another order each round.
var faults = []fault{
	{"connections cut", func(w *world, random *rand.Rand) string {
		s, times := w.any(random), 1+random.IntN(5)
		for range times {
			s.proxy.CutAll()
			hold(random, 20, 100)
		}
		return fmt.Sprintf("%s, %d times", s.Name, times)
	}},
	{"redis unreachable", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.proxy.Block(true)
		s.proxy.CutAll()
		d := hold(random, 100, 1500)
		s.proxy.Block(false)
		return fmt.Sprintf("%s, %v", s.Name, d)
	}},
	{"replies delayed", func(w *world, random *rand.Rand) string {
		s, by := w.any(random), time.Duration(1+random.IntN(30))*time.Millisecond
		s.proxy.Delay(by)
		d := hold(random, 200, 1000)
		s.proxy.Delay(0)
		return fmt.Sprintf("%s, each by %v, %v", s.Name, by, d)
	}},
	{"announcements lost", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.proxy.Mute(true)
		d := hold(random, 100, 1500)
		s.proxy.Mute(false)
		return fmt.Sprintf("%s, %v", s.Name, d)
	}},
	{"replies lost", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.proxy.DropReplies(true)
		d := hold(random, 50, 500)
		s.proxy.CutAll() // a connection that has missed a reply is of no more use
		s.proxy.DropReplies(false)
		return fmt.Sprintf("%s, %v", s.Name, d)
	}},
	{"redis killed", func(w *world, random *rand.Rand) string {
		w.redis.Kill()
		d := hold(random, 10, 800)
		w.redis.Restart()
		return d.String()
	}},
	{"redis stopped", func(w *world, random *rand.Rand) string {
		w.redis.Stop()
		w.redis.Restart()
		return ""
	}},
	{"redis frozen", func(w *world, random *rand.Rand) string {
		w.redis.Pause()
		d := hold(random, 100, 1500)
		w.redis.Resume()
		return d.String()
	}},
	{"server killed", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.Kill()
		d := hold(random, 10, 500)
		s.Start()
		return fmt.Sprintf("%s, away for %v", s.Name, d)
	}},
	{"server stopped", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.Stop()
		s.Start()
		return s.Name
	}},
	{"server frozen", func(w *world, random *rand.Rand) string {
		s := w.any(random)
		s.Freeze(true)
		d := hold(random, 100, 1000)
		s.Freeze(false)
		return fmt.Sprintf("%s, %v", s.Name, d)
	}},
	{"clients paused", func(w *world, random *rand.Rand) string {
		d := time.Duration(200+random.IntN(1500)) * time.Millisecond
		n := 0
		for _, l := range w.listeners {
			if random.IntN(2) == 0 {
				l.paused.Store(time.Now().Add(d).UnixNano())
				n++
			}
		}
		return fmt.Sprintf("%d listeners, %v", n, d)
	}},
}

// any gives one of the servers.
func (w *world) any(random *rand.Rand) *server { return w.servers[random.IntN(len(w.servers))] }

// hold lets a fault last for a while, in milliseconds, which it gives.
func hold(random *rand.Rand, least, most int) time.Duration {
	d := time.Duration(least+random.IntN(most-least)) * time.Millisecond
	time.Sleep(d)
	return d
}
