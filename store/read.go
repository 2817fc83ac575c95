package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// Get reads one thread as of one instant, with the pages that r wants; ErrNotFound where there is none. One round trip. A page
// takes a second one where the oldest messages of the thread were trimmed and it does not lie at the end, and one for each
// 1000 messages looked at where only some types are wanted.
func (t *Threads) Get(ctx context.Context, threadID string, r Read) (*AgentState, error) {
	var pending *pendingThread
	err := t.store.readTx(ctx, func(pipe redis.Pipeliner) { pending = t.queue(ctx, pipe, threadID, r) })
	if err != nil {
		return nil, err
	}
	return pending.finish(ctx)
}

// GetMany reads threads; one that is absent is left out. One round trip, and the extra ones of Get. Each thread is as of one
// instant; on a cluster they are not all as of the same.
func (t *Threads) GetMany(ctx context.Context, threadIDs []string, r Read) ([]*AgentState, error) {
	if len(threadIDs) == 0 {
		return nil, nil
	}
	pending := make([]*pendingThread, len(threadIDs))
	groups := t.groups(threadIDs)
	g, gctx := errgroup.WithContext(ctx)
	for _, group := range groups {
		g.Go(func() error {
			return t.store.readTx(gctx, func(pipe redis.Pipeliner) {
				for _, i := range group {
					pending[i] = t.queue(gctx, pipe, threadIDs[i], r)
				}
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	states := make([]*AgentState, 0, len(threadIDs))
	for _, p := range pending {
		state, err := p.finish(ctx)
		switch {
		case err == nil:
			states = append(states, state)
		case !isNotFound(err):
			return nil, err
		}
	}
	return states, nil
}

// groups splits the places of ids into those that one transaction can read: all of them, or on a cluster a bucket's.
func (t *Threads) groups(threadIDs []string) [][]int {
	all := make([]int, len(threadIDs))
	for i := range all {
		all[i] = i
	}
	if t.store.mode != Cluster {
		return [][]int{all}
	}
	var groups [][]int
	byBucket := make(map[int]int)
	for _, i := range all {
		bucket := bucketOf(t.owner, threadIDs[i])
		at, ok := byBucket[bucket]
		if !ok {
			at, groups = len(groups), append(groups, nil)
			byBucket[bucket] = at
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// pendingThread is a thread whose commands are queued in a transaction.
type pendingThread struct {
	threads  *Threads
	threadID string
	read     Read
	clock    *redis.TimeCmd
	record   *redis.SliceCmd
	pages    []*redis.StringSliceCmd
}

// queue puts the commands that read a thread into a transaction. The clock is that of Redis, so that a thread is past its
// expiry for everybody at once.
func (t *Threads) queue(ctx context.Context, pipe redis.Pipeliner, threadID string, r Read) *pendingThread {
	keys := t.keysOf(threadID)
	p := &pendingThread{threads: t, threadID: threadID, read: r}
	p.clock = pipe.Time(ctx)
	p.record = pipe.HMGet(ctx, keys.record, r.fields()...)
	p.pages = make([]*redis.StringSliceCmd, len(r.Pages))
	for i, page := range r.Pages {
		if from, to, ok := page.guess(); ok {
			p.pages[i] = pipe.LRange(ctx, keys.messages, from, to)
		}
	}
	return p
}

// finish makes the thread of what the commands brought.
func (p *pendingThread) finish(ctx context.Context) (*AgentState, error) {
	state, err := p.threads.record(p.threadID, p.read, p.clock.Val(), p.record)
	if err != nil {
		return nil, err
	}
	if state == nil {
		return nil, ErrNotFound
	}
	state.Pages = make(map[PageKey]*MessagePage, len(p.pages))
	for i, key := range p.read.Pages {
		var got []string
		if p.pages[i] != nil {
			got = p.pages[i].Val()
		}
		page, err := p.threads.page(ctx, state, key, got)
		if err != nil {
			return nil, err
		}
		state.Pages[key] = page
	}
	return state, nil
}

// Exists tells whether there is such a thread. One round trip.
func (t *Threads) Exists(ctx context.Context, threadID string) (bool, error) {
	_, err := t.TTL(ctx, threadID)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// TTL tells how long a thread has still to live; ErrNotFound where there is none. One round trip.
func (t *Threads) TTL(ctx context.Context, threadID string) (*TTL, error) {
	var clock *redis.TimeCmd
	var expires *redis.StringCmd
	err := t.store.readTx(ctx, func(pipe redis.Pipeliner) {
		clock = pipe.Time(ctx)
		expires = pipe.HGet(ctx, t.keysOf(threadID).record, "expires")
	})
	if err != nil {
		return nil, err
	}
	if expires.Err() != nil {
		return nil, ErrNotFound
	}
	in := recordReader{values: map[string]string{"expires": expires.Val()}}
	at := in.time("expires")
	if in.err != nil {
		return nil, in.err
	}
	if !at.After(clock.Val()) {
		return nil, ErrNotFound
	}
	return ttlAt(at, clock.Val()), nil
}

// ttlAt is the TTL of a thread that expires at a time, as seen from now.
func ttlAt(expires, now time.Time) *TTL {
	return &TTL{TTLSeconds: int((expires.Sub(now) + time.Second - 1) / time.Second), ExpiresAt: expires}
}

// Message reads one message; ErrNotFound where there is no such thread or no such message in it. One round trip.
func (t *Threads) Message(ctx context.Context, threadID, messageID string) (*Message, error) {
	c := call{script: messageScript, keys: t.keysOf(threadID).forScript(), args: []any{messageID}}
	status, reply, err := t.store.run(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	if status != "OK" {
		return nil, ErrNotFound
	}
	return t.decode(threadID, Epoch(reply.text(0)), reply.text(1))
}

// decode makes a message of an element.
func (t *Threads) decode(threadID string, epoch Epoch, text string) (*Message, error) {
	e, err := parseElement(text)
	if err != nil {
		return nil, err
	}
	return e.message(t.owner, threadID, epoch)
}
