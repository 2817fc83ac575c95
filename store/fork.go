package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/fork.lua
var luaFork string

var forkScript = newScript(luaFork, true)

// bringBatch is how many messages are brought at first; then as many as are likely to have bringBytes, but no more than four times as many,
// since the next ones may be larger.
const bringBatch, bringBytes = 100, 1 << 20

// Fork says what a new thread is made of.
type Fork struct {
	// UpTo is the number of the last message that the new thread gets; nil for all of them.
	UpTo *int
	// TTL is in whole seconds; zero for that of the other thread. Metadata is a JSON object, nil for that of the other thread.
	TTL      time.Duration
	Metadata json.RawMessage
}

// ErrNoSuchPlace says that a thread does not have all messages up to a number: it has never had so many, or the oldest were trimmed.
var ErrNoSuchPlace = errors.New("the thread has no such place")

// Fork makes the thread newID of the beginning of another one: its messages with their ids, numbers and times, and all that the other
// one is beside its version and times; and reads it as r says. It is of one instant of the other thread, and nothing is seen of the new
// one before it is whole. Errors: ErrNotFound, ErrExists, ErrNoSuchPlace, and ErrUnavailable where the messages are changed all the time.
// Five round trips, and two for each further megabyte or so.
func (t *Threads) Fork(ctx context.Context, threadID, newID string, f Fork, r *Read) (*AgentState, error) {
	if _, err := t.adoptAbsent(ctx, threadID, newID); err != nil {
		return nil, err
	}
	for range stageAttempts {
		state, err := t.fork(ctx, threadID, newID, f, r)
		if !errors.Is(err, errStageMoved) {
			return state, err
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errStageMoved)
}

// copied are the fields of a record that a fork takes over as they are.
var copied = []string{"plan", "toolcalls", "trimmed"}

// forking is a fork under way.
type forking struct {
	*Threads
	source, target threadKeys
	list, ids      string
	// head is the other thread as it was at first.
	head map[string]string
	// staged is how many places were brought, and counts the messages among them by the letters of their types.
	staged int
	counts map[string]int
}

var forkFields = append([]string{"epoch", "seq", "base", "edits", "expires", "ttl", "relevant", "context", "metadata"}, copied...)

func (t *Threads) fork(ctx context.Context, threadID, newID string, f Fork, r *Read) (*AgentState, error) {
	k := &forking{Threads: t, source: t.keysOf(threadID), target: t.keysOf(newID), counts: make(map[string]int)}
	k.list, k.ids = t.store.stageKeys(k.target.bucket)
	var err error
	if k.head, err = k.read(ctx); err != nil {
		return nil, err
	}
	in := recordReader{values: k.head}
	seq, base, trimmed := int(in.int("seq")), int(in.int("base")), int(in.int("base"))
	if _, ok := k.head["trimmed"]; ok {
		trimmed = int(in.int("trimmed"))
	}
	if f.UpTo != nil {
		if *f.UpTo > seq || *f.UpTo < trimmed {
			return nil, ErrNoSuchPlace
		}
		seq = *f.UpTo
		base = min(base, seq) // up to there all may have been removed
	}
	// This look is cheap; to bring what nobody will have is not.
	if taken, err := t.heads(ctx, []string{newID}); err != nil {
		return nil, err
	} else if taken[0].Epoch != "" {
		return nil, ErrExists
	}
	state, err := k.bringAndFinish(ctx, threadID, newID, f, seq, base, r)
	if err != nil {
		t.store.unstage(ctx, k.list, k.ids)
	}
	return state, err
}

// bringAndFinish brings the messages, and makes the thread of them where they are still those of one instant.
func (k *forking) bringAndFinish(ctx context.Context, threadID, newID string, f Fork, seq, base int, r *Read) (*AgentState, error) {
	if err := k.bring(ctx, threadID, base, seq); err != nil {
		return nil, err
	}
	if now, err := k.read(ctx); err != nil {
		return nil, err
	} else if now["epoch"] != k.head["epoch"] || now["edits"] != k.head["edits"] {
		return nil, errStageMoved
	}
	return k.finish(ctx, newID, f, seq, base, r)
}

// read reads the record of the other thread.
func (k *forking) read(ctx context.Context) (map[string]string, error) {
	var clock *redis.TimeCmd
	var record *redis.SliceCmd
	err := k.store.readTx(ctx, func(pipe redis.Pipeliner) {
		clock, record = pipe.Time(ctx), pipe.HMGet(ctx, k.source.record, forkFields...)
	})
	if err != nil {
		return nil, err
	}
	in := recordReader{values: valuesOf(forkFields, record)}
	if in.values["epoch"] == "" || !in.time("expires").After(clock.Val()) {
		return nil, ErrNotFound
	}
	return in.values, in.err
}

// bring brings the places behind base up to seq. What is trimmed behind the reader's back does not matter: it is there at the first instant.
func (k *forking) bring(ctx context.Context, threadID string, base, seq int) error {
	epoch, ahead := Epoch(k.head["epoch"]), base
	for batch := bringBatch; base+k.staged < seq; {
		from := base + k.staged + 1
		p := &part{threadID: threadID, epoch: epoch, from: from, to: min(from+batch-1, seq), base: ahead}
		if err := k.readParts(ctx, []*part{p}); err != nil {
			return err
		}
		if p.oldest.Epoch != epoch || p.base >= from || len(p.elements) != p.to-from+1 {
			return errStageMoved
		}
		bytes, err := k.stage(ctx, p.elements)
		if err != nil {
			return err
		}
		ahead, batch = p.base, max(1, min(4*len(p.elements), bringBytes*len(p.elements)/max(bytes, 1), mostStaged))
	}
	return nil
}

// stage puts elements behind those that are staged, and tells how many bytes they have.
func (k *forking) stage(ctx context.Context, elements []element) (bytes int, err error) {
	ids := make([]any, 0, 2*len(elements))
	args := append(make([]any, 0, 3+3*len(elements)), k.staged, stageFor.Milliseconds(), len(elements))
	for _, e := range elements {
		text := newElement(e.seq, strconv.FormatInt(e.arrival, 10), e.id, e.letter, e.body)
		args, bytes = append(args, text), bytes+len(text)
		if k.counts[e.letter]++; e.letter != removedLetter {
			ids = append(ids, e.id, e.seq)
		}
	}
	run := call{script: stageScript, keys: []string{k.list, k.ids}, args: append(args, ids...)}
	status, reply, err := k.store.run(ctx, run, nil)
	switch {
	case err != nil:
		return 0, err
	case status == "LOST":
		return 0, errStageMoved
	case status != "OK":
		return 0, statusError(status, reply)
	}
	k.staged += len(elements)
	return bytes, nil
}

// finish makes the thread of what was brought.
func (k *forking) finish(ctx context.Context, newID string, f Fork, seq, base int, r *Read) (*AgentState, error) {
	ttl, metadata := k.head["ttl"], k.head["metadata"]
	if f.TTL != 0 {
		ttl = strconv.FormatInt(int64(f.TTL/time.Second), 10)
	}
	if f.Metadata != nil {
		metadata = string(f.Metadata)
	}
	args := []any{k.owner, newID, string(k.store.opts.NewEpoch()), seq, base, ttl, k.head["relevant"], k.head["context"], metadata}
	for _, name := range copied {
		if text, ok := k.head[name]; ok {
			args = append(args, name, text)
		}
	}
	for letter, n := range k.counts {
		args = append(args, letter, n)
	}
	run := call{script: forkScript, keys: append(k.target.forScript(), k.list, k.ids), args: args}
	var pending *pendingThread
	status, reply, err := k.store.run(ctx, run, func(pipe redis.Pipeliner) {
		if r != nil {
			pending = k.queue(ctx, pipe, newID, *r)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case status == "LOST":
		return nil, errStageMoved
	case status != "OK":
		return nil, statusError(status, reply)
	case r == nil:
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	return k.finishOne(ctx, pending)
}
