package feed

import (
	"context"
	"time"

	"agentstate/store"
)

// The pauses between attempts to connect.
const (
	minBackoff = 20 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// line is a pub/sub connection that is made again whenever it ends, with the topics whose announcements come over it. Where pub/sub
// is not sharded there is one for everything, from the first listener on until the hub ends. On a cluster there is one for each
// shard with a topic: a connection of sharded pub/sub hears what one slot announces, and where that slot goes to another node it
// ends, and is made anew there.
type line struct {
	hub   *Hub
	shard store.Shard
	// end ends the line.
	end context.CancelFunc
	// kick tells the writer that something is dirty.
	kick chan struct{}

	// topics are those that somebody listens to, or did until just now; dirty are the channels whose subscription may not be what it
	// should be. The hub's mutex guards both.
	topics map[store.Channel]*topic
	dirty  map[store.Channel]struct{}
}

// line gives the line of a shard, and starts it where there is none. The caller holds mu, and has entered.
func (h *Hub) line(shard store.Shard) *line {
	if l := h.lines[shard]; l != nil {
		return l
	}
	ctx, end := context.WithCancel(h.ctx)
	l := &line{
		hub: h, shard: shard, end: end, kick: make(chan struct{}, 1),
		topics: make(map[store.Channel]*topic), dirty: make(map[store.Channel]struct{}),
	}
	h.lines[shard] = l
	h.done.Go(func() { l.run(ctx) })
	return l
}

// drop takes a topic off its line. That of a shard ends with its last topic; who comes later gets another one, even while the
// connection of this one is being closed. The caller holds mu.
func (h *Hub) drop(t *topic) {
	l := t.line
	delete(l.topics, t.channel)
	if l.shard == store.Whole || len(l.topics) > 0 {
		l.mark(t.channel)
		return
	}
	delete(h.lines, l.shard)
	l.end()
}

// mark says that the subscription to a channel may not be what it should be. The caller holds the hub's mutex.
func (l *line) mark(channel store.Channel) {
	l.dirty[channel] = struct{}{}
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// run keeps a connection until ctx ends.
func (l *line) run(ctx context.Context) {
	log := l.hub.log
	if l.shard != store.Whole {
		log = log.With("bucket", int(l.shard))
	}
	backoff := minBackoff
	for ctx.Err() == nil {
		start := time.Now()
		err := l.session(ctx)
		if ctx.Err() != nil {
			return
		}
		l.hub.counts.reconnections.Add(1)
		if time.Since(start) > maxBackoff {
			backoff = minBackoff
		}
		log.Warn("the subscription connection to Redis has ended; connecting again", "error", err, "in", backoff)
		_ = pause(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}
