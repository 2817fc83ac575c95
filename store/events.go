package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Events is one pub/sub connection to Redis, for any number of channels; where announcements are sharded, for those of one shard. One
// goroutine may call Receive while others call the other methods.
type Events struct {
	pubsub  *redis.PubSub
	sharded bool
	// lost makes the client of a cluster look where the slots are.
	lost func(context.Context)
	// begun is closed with the first Subscribe, or with Close. Before that a sharded connection has no node to go to.
	begun chan struct{}
	begin func()

	mu sync.Mutex
	// leaving counts how often each channel was asked to be no longer heard, without an answer yet.
	leaving map[Channel]int
}

// Events opens a pub/sub connection. It dials nothing yet. Whoever opens it closes it; after an error of Receive it is of no more use.
func (s *Store) Events(ctx context.Context) *Events {
	e := &Events{
		pubsub: s.rdb.Subscribe(ctx), sharded: s.sharded, lost: func(context.Context) {},
		begun: make(chan struct{}), leaving: make(map[Channel]int),
	}
	e.begin = sync.OnceFunc(func() { close(e.begun) })
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		e.lost = cluster.ReloadState
	}
	return e
}

// Subscribe asks for the events of channels. That it has happened, Receive tells by a Joined event for each.
func (e *Events) Subscribe(ctx context.Context, channels ...Channel) error {
	if !e.sharded {
		return translate(e.pubsub.Subscribe(ctx, names(channels)...))
	}
	defer e.begin()
	err := e.pubsub.SSubscribe(ctx, names(channels)...)
	if err != nil {
		e.lost(ctx)
	}
	return translate(err)
}

// Unsubscribe asks for no more events of channels; some may still come.
func (e *Events) Unsubscribe(ctx context.Context, channels ...Channel) error {
	if !e.sharded {
		return translate(e.pubsub.Unsubscribe(ctx, names(channels)...))
	}
	e.mu.Lock()
	for _, c := range channels {
		e.leaving[c]++
	}
	e.mu.Unlock()
	return translate(e.pubsub.SUnsubscribe(ctx, names(channels)...))
}

// Ping makes Redis send something, so that a silent connection can be told from a dead one. Receive swallows the answer, and
// calls its alive function.
func (e *Events) Ping(ctx context.Context) error { return translate(e.pubsub.Ping(ctx)) }

// Receive waits for the next event; it ends with an error when the connection does, where its slot goes to another node, or with Close.
// alive is called for everything that comes.
func (e *Events) Receive(ctx context.Context, alive func()) (Event, error) {
	if e.sharded {
		select {
		case <-e.begun:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
	for {
		got, err := e.pubsub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				e.lost(ctx)
			}
			return Event{}, translate(err)
		}
		alive()
		switch got := got.(type) {
		case *redis.Message:
			event, err := parseEvent(got.Channel, got.Payload)
			if err != nil {
				// Somebody else writes to our channel. What it says is unknown, so the thread must be looked at.
				return Event{Channel: Channel(got.Channel), Joined: true}, nil //nolint:nilerr // that is the answer to it
			}
			return event, nil
		case *redis.Subscription:
			switch got.Kind {
			case "subscribe", "ssubscribe":
				return Event{Channel: Channel(got.Channel), Joined: true}, nil
			case "sunsubscribe":
				if !e.hasLeft(Channel(got.Channel)) {
					e.lost(ctx)
					return Event{}, errSlotGone
				}
			}
		}
	}
}

// errSlotGone says that a node has ended a subscription by itself, which it does where the slot of the channel is another node's from
// now on. go-redis 9.23 does not follow it, and would wait for ever.
var errSlotGone = fmt.Errorf("%w: the slot of the channels has gone to another node", ErrUnavailable)

// hasLeft tells whether the end of a subscription was asked for, and takes note that it was answered.
func (e *Events) hasLeft(c Channel) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.leaving[c]
	if n <= 1 {
		delete(e.leaving, c)
	} else {
		e.leaving[c] = n - 1
	}
	return n > 0
}

// Close ends the connection, and a Receive that waits.
func (e *Events) Close() error {
	e.begin()
	return e.pubsub.Close()
}

func names(channels []Channel) []string {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = string(c)
	}
	return names
}
