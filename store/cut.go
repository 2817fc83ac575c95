package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/copy.lua
var luaCopy string

var copyScript = newScript(luaCopy, true)

const (
	// copyBatch is how many messages are copied at first, then as many as are likely to have copyBytes, and mostCopied at most: a
	// millisecond or two of Redis.
	copyBatch, copyBytes, mostCopied = 50, 1 << 20, 500
)

// A cut that takes many messages away and leaves some would have Redis do nothing else for long: 100,000 messages took more than a second.
// So the thread is staged as it shall be, step by step, where nobody sees it, and one short script puts it in the place of what is there. That
// needs the messages that stay to be the same still; what was added meanwhile goes with the others.

// stagedCut is what is staged of a thread that is cut.
type stagedCut struct {
	list, ids string
	// cut is the number of the last place that stays as it is.
	cut int
	// epoch, edits and base are those that the thread must still have; seq is up to where it is staged.
	epoch            string
	edits, base, seq int
	at               time.Time
	counts           map[string]int
}

// cutLong is the run of edit.lua of an edit that truncates, where the cut must be staged up to a place.
func (t *Threads) cutLong(ctx context.Context, threadID string, c call, steps []Step, cut int, r *Read) (string, reply, *AgentState, error) {
	last := -1 // the last truncation is the one that counts; of what the reducer makes there is no second one
	for i, step := range steps {
		if step.do == "truncate" {
			last = i
		}
	}
	place := len(c.args) - 5*(len(steps)-last)
	keys := c.keys
	for range stageAttempts {
		k, err := t.stageCut(ctx, threadID, cut)
		if err == nil {
			c.args[place+2], c.args[place+3] = k.columns()
			c.keys = append(slices.Clone(keys), k.list, k.ids)
			var status string
			var reply reply
			var state *AgentState
			if status, reply, state, err = t.write(ctx, threadID, c, r); err == nil && status == "OK" {
				return status, reply, state, nil
			}
			t.store.unstage(ctx, k.list, k.ids)
			if err != nil || status != "SHIFTED" {
				return status, reply, state, err
			}
		} else if !errors.Is(err, errStageMoved) {
			return "", nil, nil, err
		}
		// By now there may be nothing that needs to be staged.
		c.args[place+2], c.args[place+3], c.keys = "", "", keys
		status, reply, state, err := t.write(ctx, threadID, c, r)
		if err != nil || status != "LONG" {
			return status, reply, state, err
		}
		cut = reply.int(0)
	}
	return "", nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, errStageMoved)
}

// columns are what the step of a truncation has of what is staged.
func (k *stagedCut) columns() (counts, head string) {
	var parts []string
	for _, letter := range slices.Sorted(maps.Keys(k.counts)) {
		parts = append(parts, letter+"="+strconv.Itoa(k.counts[letter]))
	}
	return strings.Join(parts, ","), fmt.Sprintf("%s:%d:%d:%d", k.epoch, k.edits, k.base, k.seq)
}

var cutFields = []string{"epoch", "seq", "base", "edits", "expires"}

// stageCut stages a thread as it shall be behind a cut. Errors: ErrNotFound, errStageMoved.
func (t *Threads) stageCut(ctx context.Context, threadID string, cut int) (_ *stagedCut, err error) {
	keys := t.keysOf(threadID)
	var clock *redis.TimeCmd
	var record *redis.SliceCmd
	err = t.store.readTx(ctx, func(pipe redis.Pipeliner) {
		clock, record = pipe.Time(ctx), pipe.HMGet(ctx, keys.record, cutFields...)
	})
	if err != nil {
		return nil, err
	}
	in := recordReader{values: valuesOf(cutFields, record)}
	k := &stagedCut{
		cut: cut, epoch: in.values["epoch"], at: clock.Val(), counts: make(map[string]int),
		edits: int(in.int("edits")), base: int(in.int("base")), seq: int(in.int("seq")),
	}
	k.list, k.ids = t.store.stageKeys(keys.bucket)
	switch {
	case in.err != nil:
		return nil, in.err
	case k.epoch == "" || !in.time("expires").After(k.at):
		return nil, ErrNotFound
	case k.cut <= k.base || k.cut >= k.seq:
		return nil, errStageMoved // then nothing needs to be staged any more
	}
	if err = k.copy(ctx, t, keys); err == nil {
		err = k.empty(ctx, t)
	}
	if err != nil {
		t.store.unstage(ctx, k.list, k.ids)
		return nil, err
	}
	return k, nil
}

// copy stages the messages that stay.
func (k *stagedCut) copy(ctx context.Context, t *Threads, keys threadKeys) error {
	all := append(keys.forScript(), k.list, k.ids)
	batch := copyBatch
	for staged := 0; staged < k.cut-k.base; {
		n := min(batch, k.cut-k.base-staged)
		run := call{script: copyScript, keys: all, args: []any{k.epoch, k.edits, k.base, staged, n, stageFor.Milliseconds()}}
		status, r, err := t.store.run(ctx, run, nil)
		switch {
		case err != nil:
			return err
		case status != "OK":
			return errStageMoved
		}
		for i := 1; i+1 < len(r); i += 2 {
			k.counts[r.text(i)] += r.int(i + 1)
		}
		staged += n
		batch = max(1, min(4*n, copyBytes*n/max(r.int(0), 1), mostCopied))
	}
	return nil
}

// empty stages the places of those that go.
func (k *stagedCut) empty(ctx context.Context, t *Threads) error {
	tail := fmt.Sprintf(":%d:%s:0:%d-%d", k.at.UnixMicro(), removedLetter, k.cut+1, k.seq)
	for from := k.cut + 1; from <= k.seq; from += mostStaged {
		n := min(mostStaged, k.seq-from+1)
		args := append(make([]any, 0, 3+n), from-1-k.base, stageFor.Milliseconds(), n)
		for seq := from; seq < from+n; seq++ {
			args = append(args, strconv.Itoa(seq)+tail)
		}
		status, _, err := t.store.run(ctx, call{script: stageScript, keys: []string{k.list, k.ids}, args: args}, nil)
		if err != nil {
			return err
		}
		if status != "OK" {
			return errStageMoved
		}
	}
	return nil
}
