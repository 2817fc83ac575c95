package store

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// gate lets no command through to Redis until the layout there is known to be this store's. It is a hook of go-redis ahead of all
// others, so that nobody can forget it, and costs one atomic load once it is open. A Redis that is away at the start is asked
// when it comes, before the first command. Afterwards it is asked again at an interval, because it may have been emptied or replaced:
// then the layout is written anew, or the gate closes where another server was faster with another one.
type gate struct {
	ask  func(ctx context.Context) (claimed bool, err error)
	log  *slog.Logger
	open atomic.Bool

	ctx     context.Context //nolint:containedctx // that of its own work, which ends with stop and not with a caller
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu sync.Mutex
	// asking is the question that is under way, for all who wait for it; claimed tells that the layout was written before.
	asking  *question
	claimed bool
	refused string
}

// question is one look at the layout; err is set when done is closed.
type question struct {
	done chan struct{}
	err  error
}

// own marks the commands of the gate itself.
type own struct{}

// startGate makes a gate that asks within a timeout, and again every interval (0 for never).
func startGate(ask func(ctx context.Context) (bool, error), timeout, every time.Duration, log *slog.Logger) *gate {
	g := &gate{log: log}
	g.ctx, g.cancel = context.WithCancel(context.WithValue(context.Background(), own{}, true))
	g.ask = func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return ask(ctx)
	}
	if every > 0 {
		g.working.Go(func() { g.watch(every) })
	}
	return g
}

// stop ends what the gate does in the background.
func (g *gate) stop() {
	g.mu.Lock()
	g.cancel()
	g.mu.Unlock()
	g.working.Wait()
}

// pass waits until the layout is known: nil where it is this store's, *LayoutError where it is not, and what Redis says otherwise.
func (g *gate) pass(ctx context.Context) error {
	if g.open.Load() || ctx.Value(own{}) != nil {
		return nil
	}
	q := g.question()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// question gives the question that is under way, and asks one where there is none. It is nobody's alone, so no caller's end ends it.
func (g *gate) question() *question {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asking != nil {
		return g.asking
	}
	q := &question{done: make(chan struct{})}
	if q.err = g.ctx.Err(); q.err != nil { // stopped
		close(q.done)
		return q
	}
	g.asking = q
	g.working.Go(func() {
		claimed, err := g.ask(g.ctx)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.asking, q.err = nil, err
		g.settle(claimed, err)
		close(q.done)
	})
	return q
}

// settle opens or closes the gate by an answer, and logs what the operator should know. No answer leaves it as it is.
func (g *gate) settle(claimed bool, err error) {
	if wrong, ok := errors.AsType[*LayoutError](err); ok {
		g.open.Store(false)
		if text := wrong.Error(); text != g.refused {
			g.refused = text
			g.log.Error("nothing is read or written: " + text)
		}
		return
	}
	if err != nil {
		return
	}
	if claimed && g.claimed {
		g.log.Warn("Redis has lost the layout of its keys, and has it again: it was emptied, or evicts keys")
	}
	if g.refused != "" {
		g.log.Info("the layout in Redis is this server's again")
	}
	g.claimed, g.refused = true, ""
	g.open.Store(true)
}

// watch asks again and again, with some jitter.
func (g *gate) watch(every time.Duration) {
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-time.After(every/2 + rand.N(every)): //nolint:gosec // jitter needs no secrecy
		}
		<-g.question().done
	}
}

// DialHook is part of redis.Hook.
func (g *gate) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook lets a command through.
func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := g.pass(ctx); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook lets a pipeline or a transaction through.
func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := g.pass(ctx); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}
