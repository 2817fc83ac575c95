package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Stale gives the same threads for reads that may be behind by the replication lag: a replica answers them where there is one that
// follows its master, and the master otherwise. A read of several round trips may get some from the one and some from the other; it
// holds no less than what its first one saw. Writes go to the master as ever.
func (t *Threads) Stale() *Threads {
	if t.store.replicas == nil {
		return t
	}
	return &Threads{store: t.store, owner: t.owner, stale: true}
}

// fresh gives the threads as the master has them.
func (t *Threads) fresh() *Threads { return t.store.For(t.owner) }

// pipelined runs the commands of a read in a pipeline, on replicas where they may be behind, and what these do not answer on the
// master. Its error is that of go-redis.
func (t *Threads) pipelined(ctx context.Context, queue func(pipe redis.Pipeliner) error) error {
	if !t.stale {
		_, err := t.store.rdb.Pipelined(ctx, queue)
		return err
	}
	collected := t.store.rdb.Pipeline()
	if err := queue(collected); err != nil {
		return err
	}
	left := t.store.replicas.answer(ctx, collected.Cmds())
	if len(left) == 0 {
		return nil
	}
	_, err := t.store.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		resend(ctx, pipe, left)
		return nil
	})
	return err
}

// readTx is Store.readTx for keys of one slot, of which one is given; on a replica where the answer may be behind.
func (t *Threads) readTx(ctx context.Context, key string, queue func(pipe redis.Pipeliner)) error {
	if t.stale && t.store.replicas.read(ctx, key, queue) {
		return nil
	}
	return t.store.readTx(ctx, queue)
}

// runOne runs a script that only reads.
func (t *Threads) runOne(ctx context.Context, c call) (status string, r reply, err error) {
	if !t.stale {
		return t.store.run(ctx, c, nil)
	}
	err = t.runAll(ctx, []call{c}, func(_ int, said string, rest reply) { status, r = said, rest })
	return status, r, err
}

// runAll is Store.runAll for scripts that only read.
func (t *Threads) runAll(ctx context.Context, calls []call, each func(i int, status string, r reply)) error {
	for i := range calls {
		calls[i].onReplica = t.stale
	}
	return runAllBy(ctx, t.pipelined, calls, each)
}

// readAgain reads threads anew.
func (t *Threads) readAgain(ctx context.Context, pending []*pendingThread) ([]*AgentState, error) {
	ids := make([]string, len(pending))
	for i, p := range pending {
		ids[i] = p.threadID
	}
	again := make([]*pendingThread, len(pending))
	err := t.readEach(ctx, ids, func(ctx context.Context, pipe redis.Pipeliner, i int) {
		again[i] = t.queue(ctx, pipe, ids[i], pending[i].read)
	})
	if err != nil {
		return nil, err
	}
	return t.finish(ctx, again)
}
