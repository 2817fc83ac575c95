package store

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
)

// behindProxy opens a store that reaches a real Redis through a proxy, and one that goes straight to the same Redis.
func behindProxy(t *testing.T) (proxy *redistest.Proxy, through, straight *Store) {
	t.Helper()
	straight = engines[1].open(t)
	proxy = redistest.NewProxy(t, straight.opts.Connection.Addrs[0])
	through = twin(t, straight, func(o *Options) { o.Connection.Addrs = []string{proxy.Addr()} })
	return proxy, through, straight
}

// A write whose answer is lost may have happened, and only its caller knows whether it may be sent again. That go-redis must not do
// so by itself is what these show: each is a write that would come out differently if it ran twice.
func TestAWriteIsSentOnce(t *testing.T) {
	t.Parallel()
	plan := Update{AddPlan: &Plan{PlanID: "p"}}
	for _, c := range []struct {
		name, request string
		flushed       bool
		write         func(ctx context.Context, th *Threads) error
	}{
		{"a script", "evalsha", false, func(ctx context.Context, th *Threads) error {
			_, err := th.Update(ctx, "one", plan, nil)
			return err
		}},
		{"a script inside a transaction", "evalsha", false, func(ctx context.Context, th *Threads) error {
			_, err := th.Update(ctx, "one", plan, &everything)
			return err
		}},
		{"a script that is sent with its source", luaUpdate[:20], true, func(ctx context.Context, th *Threads) error {
			_, err := th.Update(ctx, "one", plan, nil)
			return err
		}},
		{"the same inside a transaction", luaUpdate[:20], true, func(ctx context.Context, th *Threads) error {
			_, err := th.Update(ctx, "one", plan, &everything)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			proxy, through, straight := behindProxy(t)
			th := through.For("ann")
			before := mustCreate(t, straight.For("ann"), "one")
			other := mustCreate(t, straight.For("ann"), "two")
			_, err := th.Update(t.Context(), "two", Update{}, nil) // Redis knows the script from here on
			require.NoError(t, err)
			assert.Equal(t, other.Version+1, mustGet(t, th, "two").Version)
			request := redistest.Contains(c.request)
			if c.flushed {
				through.rdb.AddHook(&forgetful{sha: updateScript.sha})
			}
			proxy.CutAfterRequest(request)
			require.ErrorIs(t, c.write(t.Context(), th), ErrUnavailable)
			assert.Equal(t, 1, proxy.Matched(), "it was sent once")
			state := mustGet(t, straight.For("ann"), "one")
			assert.Equal(t, before.Version+1, state.Version, "it has happened once")
			assert.Len(t, state.Plan, 1)
			require.NoError(t, c.write(t.Context(), th), "the next one works")
		})
	}
}

// forgetful is a hook that asks Redis for a script it does not know, whatever others have loaded meanwhile.
type forgetful struct {
	trips
	sha string
}

func (f *forgetful) spoil(cmds ...redis.Cmder) {
	for _, cmd := range cmds {
		for i, arg := range cmd.Args() {
			if arg == f.sha {
				cmd.Args()[i] = "0000000000000000000000000000000000000000"
			}
		}
	}
}

func (f *forgetful) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		f.spoil(cmd)
		return next(ctx, cmd)
	}
}

func (f *forgetful) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		f.spoil(cmds...)
		return next(ctx, cmds)
	}
}

func TestDeletionsAreSentOnce(t *testing.T) {
	t.Parallel()
	proxy, through, straight := behindProxy(t)
	th := through.For("ann")
	for _, id := range []string{"t01", "t02", "t03"} {
		mustCreate(t, straight.For("ann"), id)
	}
	require.NoError(t, th.Delete(t.Context(), "t01", nil))
	proxy.CutAfterRequest(redistest.Contains("evalsha"))
	require.ErrorIs(t, th.Delete(t.Context(), "t02", nil), ErrUnavailable)
	assert.Equal(t, 1, proxy.Matched())
	age(t, straight.For("ann"), 31*day, false, "t03")
	proxy.CutAfterRequest(redistest.Contains("evalsha"))
	_, err := th.Cleanup(t.Context(), 30*day, false, 10)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Equal(t, 1, proxy.Matched(), "a pipeline of scripts")
	shows(t, straight.For("ann"), nil)
}

// What a caller may send again: a message with its id.
func TestAnAppendCanBeSentAgain(t *testing.T) {
	t.Parallel()
	proxy, through, straight := behindProxy(t)
	mustAppend(t, through.For("ann"), "one", say("a", "x"))
	again := Append{Messages: []*Message{say("b", "y")}, ExpectedVersion: ptr(1)}
	proxy.CutAfterRequest(redistest.Contains("evalsha"))
	_, err := through.For("ann").Append(t.Context(), "one", again, &everything)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Equal(t, 1, proxy.Matched())
	appended, err := through.For("ann").Append(t.Context(), "one", again, &everything)
	require.NoError(t, err)
	assert.Equal(t, 1, appended.Duplicates)
	assert.Equal(t, 2, appended.State.Version)
	assert.Equal(t, 2, mustGet(t, straight.For("ann"), "one").Seq)
}

func TestAReadIsRepeated(t *testing.T) {
	t.Parallel()
	reads := map[string]struct {
		command string
		read    func(ctx context.Context, th *Threads) error
	}{
		"Get": {"hmget", func(ctx context.Context, th *Threads) error { _, err := th.Get(ctx, "one", everything); return err }},
		"GetMany": {"hmget", func(ctx context.Context, th *Threads) error {
			_, err := th.GetMany(ctx, []string{"one"}, everything)
			return err
		}},
		"TTL":     {"hget", func(ctx context.Context, th *Threads) error { _, err := th.TTL(ctx, "one"); return err }},
		"Exists":  {"hget", func(ctx context.Context, th *Threads) error { _, err := th.Exists(ctx, "one"); return err }},
		"Message": {"evalsha", func(ctx context.Context, th *Threads) error { _, err := th.Message(ctx, "one", "a"); return err }},
		"Recent":  {"zrevrange", func(ctx context.Context, th *Threads) error { _, err := th.Recent(ctx, 5); return err }},
		"Count":   {"zcount", func(ctx context.Context, th *Threads) error { _, err := th.Count(ctx, Filter{}); return err }},
		"Ping":    {"ping", func(ctx context.Context, th *Threads) error { return th.store.Ping(ctx) }},
	}
	for name, c := range reads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, through, straight := behindProxy(t)
			mustCreate(t, straight.For("ann"), "one", say("a", "x"))
			require.NoError(t, c.read(t.Context(), through.For("ann")))
			proxy.CutAfterRequest(redistest.Contains(c.command))
			require.NoError(t, c.read(t.Context(), through.For("ann")))
			assert.Equal(t, 2, proxy.Matched(), "it was sent again")
		})
	}
}

// Replies that never come: a caller's own deadline ends the wait, and so does the timeout of the store.
func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := engines[1].open(t, func(o *Options) {
		o.Connection.Addrs, o.Connection.Timeout = []string{server.Addr()}, 50*time.Millisecond
	})
	patient := twin(t, s, func(o *Options) { o.Connection.Timeout = time.Hour })
	mustCreate(t, s.For("ann"), "one")
	mustGet(t, patient.For("ann"), "one")
	server.Pause()
	defer server.Resume()
	_, err := s.For("ann").Get(t.Context(), "one", Read{})
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = s.For("ann").Append(t.Context(), "one", Append{Messages: numbered(1, 1)}, nil)
	require.ErrorIs(t, err, ErrUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = patient.For("ann").Get(ctx, "one", Read{})
	require.ErrorIs(t, err, ErrUnavailable, "a deadline is no cancellation")
}
