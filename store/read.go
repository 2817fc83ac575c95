package store

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// get is Get without a look for what may be adopted.
func (t *Threads) get(ctx context.Context, threadID string, r Read) (*AgentState, error) {
	var pending *pendingThread
	err := t.readTx(ctx, t.keysOf(threadID).record, func(pipe redis.Pipeliner) { pending = t.queue(ctx, pipe, threadID, r) })
	if err != nil {
		return nil, err
	}
	return t.finishOne(ctx, pending)
}

// getMany is GetMany without a look for what may be adopted.
func (t *Threads) getMany(ctx context.Context, threadIDs []string, r Read) ([]*AgentState, error) {
	if len(threadIDs) == 0 {
		return nil, nil
	}
	pending := make([]*pendingThread, len(threadIDs))
	err := t.readEach(ctx, threadIDs, func(ctx context.Context, pipe redis.Pipeliner, i int) {
		pending[i] = t.queue(ctx, pipe, threadIDs[i], r)
	})
	if err != nil {
		return nil, err
	}
	return t.finish(ctx, pending)
}

// readEach runs the commands that queue adds for each of some threads in one transaction, or on a cluster in one for each of their
// buckets, all at the same time.
func (t *Threads) readEach(ctx context.Context, threadIDs []string, queue func(ctx context.Context, pipe redis.Pipeliner, i int)) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, group := range t.groups(threadIDs) {
		g.Go(func() error {
			return t.readTx(ctx, t.keysOf(threadIDs[group[0]]).record, func(pipe redis.Pipeliner) {
				for _, i := range group {
					queue(ctx, pipe, i)
				}
			})
		})
	}
	return g.Wait()
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
		bucket := t.store.keys.bucketOf(t.owner, threadIDs[i])
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
	p := &pendingThread{threadID: threadID, read: r}
	p.clock = pipe.Time(ctx)
	p.record = r.queueRecord(ctx, pipe, keys.record)
	p.pages = make([]*redis.StringSliceCmd, len(r.Pages))
	for i, page := range r.Pages {
		if from, to, ok := page.guess(); ok {
			p.pages[i] = pipe.LRange(ctx, keys.messages, from, to)
		}
	}
	return p
}

// finishOne is finish for one thread; ErrNotFound where it is absent.
func (t *Threads) finishOne(ctx context.Context, pending *pendingThread) (*AgentState, error) {
	states, err := t.finish(ctx, []*pendingThread{pending})
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		return nil, ErrNotFound
	}
	return states[0], nil
}

// finish makes threads of what the commands brought, and reads what is still missing of their pages. An absent one is left out.
func (t *Threads) finish(ctx context.Context, pending []*pendingThread) ([]*AgentState, error) {
	states := make([]*AgentState, 0, len(pending))
	var readers []*pageReader
	var withPending []*AgentState
	for _, p := range pending {
		state, err := t.record(p.threadID, p.read, p.clock.Val(), p.record)
		if err != nil {
			return nil, err
		}
		if state == nil {
			continue
		}
		states = append(states, state)
		if p.read.PendingToolCalls {
			withPending = append(withPending, state)
		}
		state.Pages = make(map[PageKey]*MessagePage, len(p.pages))
		for i, key := range p.read.Pages {
			reader := openPage(state, key)
			if p.pages[i] != nil {
				if err := reader.takeGuess(p.pages[i].Val()); err != nil {
					return nil, err
				}
			}
			state.Pages[key] = reader.page
			readers = append(readers, reader)
		}
	}
	if err := t.readPages(ctx, readers); err != nil {
		return nil, err
	}
	if t.stale && slices.ContainsFunc(readers, (*pageReader).hasExpired) {
		return t.fresh().readAgain(ctx, pending) // the cursor may be of what the replica does not have yet
	}
	if len(withPending) > 0 {
		if err := t.fillPending(ctx, withPending); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Exists tells whether there is such a thread. One round trip.
func (t *Threads) Exists(ctx context.Context, threadID string) (bool, error) {
	_, err := t.TTL(ctx, threadID)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// remaining is TTL without a look for what may be adopted.
func (t *Threads) remaining(ctx context.Context, threadID string) (*TTL, error) {
	var clock *redis.TimeCmd
	var expires *redis.StringCmd
	record := t.keysOf(threadID).record
	err := t.readTx(ctx, record, func(pipe redis.Pipeliner) {
		clock = pipe.Time(ctx)
		expires = pipe.HGet(ctx, record, "expires")
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
	status, reply, err := t.runOne(ctx, c)
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
