package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// On a cluster everything is announced by sharded pub/sub, in the slot of the thread's bucket, and everywhere else by classic pub/sub. A
// classic message goes to every node of a cluster with 2 kB of its bus around it; a sharded one stays with the master of the slot and
// its replicas. https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub
//
// Who publishes in the one way is not heard by who listens in the other. So how Redis is reached decides it, here and nowhere else, and
// the layout in Redis says it (layout.go): two programs that differ in it do not both serve.

// shardedOn tells whether announcements are sharded on a kind of Redis.
func shardedOn(mode RedisMode) bool { return mode == Cluster }

// Shard is what one pub/sub connection can hear: the channels of one bucket, where announcements are sharded.
type Shard int

// Whole is the shard of all channels where they are not.
const Whole Shard = -1

// Shard gives the shard of a thread.
func (t *Threads) Shard(threadID string) Shard {
	if !t.store.sharded {
		return Whole
	}
	return Shard(t.store.keys.bucketOf(t.owner, threadID))
}

// The line of scripts/lib.lua by which all scripts announce, as it is there, and as it is where that is sharded.
const (
	classicLine = "local PUBLISH = 'PUBLISH'\n"
	shardedLine = "local PUBLISH = 'SPUBLISH'\n"
)

// suited gives the form of a script that announces as this store does.
func (s *Store) suited(c call) call {
	if s.sharded {
		c.script.source, c.script.sha = c.script.shardedSource, c.script.shardedSHA
	}
	return c
}

// tryPublish announces nothing to nobody in each bucket, and tells whether Redis takes that: a script that announces has written by
// then, so it must not be refused there first. It gives a *LayoutError where it never will be taken, and false where some of the
// masters do not answer just now. One round trip to each master.
func (s *Store) tryPublish(ctx context.Context) (sure bool, err error) {
	tries := make([]*redis.IntCmd, len(s.keys.buckets))
	_, _ = s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
		for b := range tries {
			tries[b] = redis.NewIntCmd(ctx, "spublish", s.keys.bucketKey(b, "c:"), "")
			tries[b].SetFirstKeyPos(1)
			_ = pipe.Process(ctx, tries[b])
		}
		return nil
	})
	sure = true
	for _, try := range tries {
		switch err := try.Err(); {
		case err == nil:
		case redis.HasErrorPrefix(err, "NOPERM"):
			return false, s.noSharded("this user may not SPUBLISH: allow +spublish, +ssubscribe and +sunsubscribe, and the channels, to it")
		case redis.HasErrorPrefix(err, "unknown command"):
			return false, s.noSharded("Redis has no SPUBLISH, which 7.0 and later have: upgrade all nodes")
		default:
			sure = false
		}
	}
	return sure, nil
}

func (s *Store) noSharded(why string) *LayoutError {
	return &LayoutError{Prefix: s.opts.Prefix, Want: s.layout(), Refused: fmt.Sprintf("Listeners on a cluster hear by sharded pub/sub, and %s.", why)}
}

// examineSharded looks whether Redis takes announcements. Where it does not, nothing is repaired: that is announced too, and a script
// which is refused has done half of it.
func (d *doctor) examineSharded(ctx context.Context) {
	if !d.s.sharded {
		return
	}
	if _, err := d.s.tryPublish(ctx); err != nil {
		d.Fix = false
		d.add("pubsub", Problem, err.Error()+" Nothing is repaired before that.", "")
	}
}
