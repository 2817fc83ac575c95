package store

import (
	"context"
	"embed"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Trip is one call of Redis: a command, a script, a pipeline or a transaction, with all that go-redis repeats of it.
type Trip struct {
	// Name is that of the script in it, or else of its first command: one of a few dozen, all chosen here.
	Name string
	// Commands is how many it has.
	Commands int
}

// Outcome is how a trip has ended.
type Outcome string

// The outcomes of trips.
const (
	// Answered: Redis has done what was asked for; that a key is not there is an answer too.
	Answered Outcome = "ok"
	// Refused: Redis answers with an error.
	Refused Outcome = "refused"
	// Failed: there was no answer in time, or no connection.
	Failed Outcome = "failed"
	// Abandoned: whoever has asked does not wait any more.
	Abandoned Outcome = "abandoned"
)

// Observer hears of the calls of Redis, from any goroutine. It must not block, and keep nothing of the context.
type Observer interface {
	// BeginTrip is called ahead of a trip, which goes on with the context that it gives.
	BeginTrip(ctx context.Context, t Trip) context.Context
	// EndTrip is called behind it, with that context.
	EndTrip(ctx context.Context, t Trip, took time.Duration, outcome Outcome)
}

// observing is a hook of go-redis behind the gate, so that the wait for the layout is no part of a trip.
type observing struct{ observer Observer }

// DialHook is part of redis.Hook.
func (observing) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook observes a command.
func (o observing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		trip := Trip{Name: nameOf(cmd), Commands: 1}
		start := time.Now()
		ctx = o.observer.BeginTrip(ctx, trip)
		err := next(ctx, cmd)
		o.observer.EndTrip(ctx, trip, time.Since(start), outcomeOf(ctx, err))
		return err
	}
}

// ProcessPipelineHook observes a pipeline or a transaction.
func (o observing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		trip := Trip{Name: nameOf(cmds...), Commands: len(cmds)}
		start := time.Now()
		ctx = o.observer.BeginTrip(ctx, trip)
		err := next(ctx, cmds)
		o.observer.EndTrip(ctx, trip, time.Since(start), outcomeOf(ctx, err))
		return err
	}
}

// nameOf names a trip by its first script, or else by its first command that says what it is about: not that which begins a transaction, nor the
// question for the time that stands ahead of many.
func nameOf(cmds ...redis.Cmder) string {
	name := ""
	for _, cmd := range cmds {
		if script, ok := cmd.(scriptCmd); ok {
			return script.name
		}
		own := cmd.Name()
		if own == "multi" {
			continue
		}
		if name == "" || name == "time" && own != "exec" {
			name = own
		}
	}
	return name
}

//go:embed scripts/*.lua
var scriptFiles embed.FS

// fileOf gives the name of the file that a script is in, "script" for one that is put together of several.
func fileOf(source string) string {
	entries, err := scriptFiles.ReadDir("scripts")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, entry := range entries {
		if text, err := scriptFiles.ReadFile("scripts/" + entry.Name()); err == nil && string(text) == source {
			return strings.TrimSuffix(entry.Name(), ".lua")
		}
	}
	return "script"
}

// outcomeOf tells what the error of a trip means. NOSCRIPT is no refusal: the script is sent again with its source.
func outcomeOf(ctx context.Context, err error) Outcome {
	var reply redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "NOSCRIPT"):
		return Answered
	case errors.As(err, &reply):
		return Refused
	case errors.Is(ctx.Err(), context.Canceled):
		return Abandoned
	default:
		return Failed
	}
}
