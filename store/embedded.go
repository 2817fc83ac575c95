package store

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// embeddedRedis is a Redis inside the process, in memory: for a first look and for tests. It listens on loopback, behind a
// random password, because go-redis' PubSub does not work over its in-process pipe.
type embeddedRedis struct {
	server   *miniredis.Miniredis
	password string
	done     chan struct{}
	ticking  sync.WaitGroup
}

// embeddedTick is how often the clock of the embedded Redis is moved on. Expiry does not depend on it, the scripts and reads look
// at the time themselves; it only frees memory. A tick walks all keys: 2 ms at 10,000 of them.
const embeddedTick = time.Second

func startEmbedded() (*embeddedRedis, error) {
	e := &embeddedRedis{server: miniredis.NewMiniRedis(), password: rand.Text(), done: make(chan struct{})}
	e.server.RequireAuth(e.password)
	if err := e.server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, err
	}
	e.ticking.Go(e.tick)
	return e, nil
}

// tick lets the time of the embedded Redis run; it ends with close.
func (e *embeddedRedis) tick() {
	ticker := time.NewTicker(embeddedTick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-e.done:
			return
		case now := <-ticker.C:
			e.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (e *embeddedRedis) addr() string { return e.server.Addr() }

func (e *embeddedRedis) close() {
	close(e.done)
	e.ticking.Wait()
	e.server.Close()
}
