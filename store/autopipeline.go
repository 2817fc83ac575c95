package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// mostQueued bounds the writes that wait to be sent together: beyond, Redis is so far behind that to refuse is the better answer.
const mostQueued = 10_000

// together sends the scripts of several callers in one pipeline where they come at the same time (Connection.Autopipeline). It is for
// single scripts alone: go-redis' autopipeliner carries no transactions. The rule that no write is sent twice holds: a batch with a
// command whose NoRetry is true is never sent again. But where its connection breaks, all who are in it hear ErrUnavailable.
type together struct{ pipes *redis.AutoPipeliner }

// newTogether makes it for a client; nil where it is not wanted.
func newTogether(c Connection, rdb redis.UniversalClient) (*together, error) {
	if !c.Autopipeline {
		return nil, nil //nolint:nilnil // none is none
	}
	options := redis.DefaultBlockingAutoPipelineOptions()
	options.MaxQueuedCommands = mostQueued
	pipes, err := rdb.AsyncAutoPipelineWithOptions(options)
	if err != nil {
		return nil, err
	}
	return &together{pipes}, nil
}

func (t *together) close() error {
	if t == nil {
		return nil
	}
	return t.pipes.Close()
}

// Process sends a script with those of others, and waits for its answer as long as the context lasts, which go-redis would not look at. What
// is sent is a command of its own: it is answered when its caller may have gone.
func (t *together) Process(ctx context.Context, cmd redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	asked := cmd.(scriptCmd) //nolint:forcetypeassert // runOn sends no other
	sent := scriptCmd{Cmd: redis.NewCmd(context.WithoutCancel(ctx), asked.Args()...), once: asked.once}
	if err := t.pipes.Submit(context.WithoutCancel(ctx), sent).WaitContext(ctx); ctx.Err() != nil && err == ctx.Err() { //nolint:errorlint // the very one
		asked.SetErr(err)
		return err
	}
	val, err := sent.Result()
	asked.SetVal(val)
	asked.SetErr(err)
	return err
}

// TxPipelined is that of the client: a transaction has a connection of its own.
func (t *together) TxPipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	return t.pipes.TxPipelined(ctx, fn)
}
