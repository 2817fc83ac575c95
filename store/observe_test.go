package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notes is an Observer that keeps what it hears. It wants what it has put into the context back.
type notes struct {
	mu    sync.Mutex
	begun int
	ended []string
}

type noteKey struct{}

func (n *notes) BeginTrip(ctx context.Context, t Trip) context.Context {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begun++
	return context.WithValue(ctx, noteKey{}, t.Name)
}

func (n *notes) EndTrip(ctx context.Context, t Trip, took time.Duration, outcome Outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ctx.Value(noteKey{}) != t.Name || took < 0 || t.Commands < 1 {
		outcome = "with another context"
	}
	n.ended = append(n.ended, t.Name+" "+string(outcome))
}

// of gives what do was heard to do.
func (n *notes) of(do func()) []string {
	n.mu.Lock()
	n.ended, n.begun = nil, 0
	n.mu.Unlock()
	do()
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ended)
}

func TestCallsAreObserved(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, e engine) {
		heard := &notes{}
		s := e.open(t, func(o *Options) { o.Observer = heard })
		th := s.For("")
		mustCreate(t, th, "a", say("m1", "x"))
		assert.Equal(t, []string{"append ok"}, heard.of(func() { mustAppend(t, th, "a", say("m2", "x")) }), "the script, and not what reads behind it")
		assert.Equal(t, []string{"ping ok"}, heard.of(func() { require.NoError(t, s.Ping(t.Context())) }))
		assert.Equal(t, []string{"get ok"}, heard.of(func() { s.rdb.Get(t.Context(), s.keys.prefix+":nothing") }), "that it is absent is an answer")
		assert.Equal(t, []string{"hget refused"}, heard.of(func() {
			s.rdb.HGet(t.Context(), s.keys.layout()+"x", "f")
			s.rdb.Set(t.Context(), s.keys.layout()+"x", "text", time.Minute)
			heard.mu.Lock()
			heard.ended = nil
			heard.mu.Unlock()
			s.rdb.HGet(t.Context(), s.keys.layout()+"x", "f")
		}), "a wrong type")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Equal(t, []string{"ping abandoned"}, heard.of(func() { _ = s.Ping(gone) }))
		assert.Equal(t, 1, heard.begun)
	})
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want Outcome
	}{
		"no error":                    {t.Context(), nil, Answered},
		"nothing there":               {t.Context(), redis.Nil, Answered},
		"a script that is not known":  {t.Context(), replyError("NOSCRIPT No matching script."), Answered},
		"an error reply":              {t.Context(), replyError("OOM command not allowed"), Refused},
		"a lost connection":           {t.Context(), errors.New("EOF"), Failed},
		"time is up":                  {t.Context(), context.DeadlineExceeded, Failed},
		"the caller has gone":         {gone, context.Canceled, Abandoned},
		"another caller's cancelling": {t.Context(), context.Canceled, Failed},
	} {
		assert.Equal(t, test.want, outcomeOf(test.ctx, test.err), name)
	}
}

// replyError is an error reply, as go-redis knows it.
type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

// Each script goes by the name of its file.
func TestScriptsHaveNames(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]script{"append": appendScript, "update": updateScript, "delete": deleteScript, "rate": rateScript, "edits": editsScript} {
		assert.Equal(t, want, s.name)
		assert.Equal(t, want, nameOf(redis.NewCmd(t.Context(), "multi"), call{script: s}.cmd(t.Context(), true)))
	}
	assert.Equal(t, "script", newScript("return 1", false).name)
}
