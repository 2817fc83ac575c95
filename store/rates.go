package store

import (
	"context"
	_ "embed"
	"fmt"
	"time"
)

// Why not a library: go-redis/redis_rate (v10, of 2023) does the same, but puts a prefix of its own ahead of the configured one, and lets
// go-redis send its script again after a lost reply, which counts one request twice.

//go:embed scripts/rate.lua
var luaRate string

var rateScript = newScript(luaRate, true)

// Allow counts a request of a caller, who may send so many per second, and burst of them at once after a pause, through all processes
// together. Where it is one too many it is not counted, and wait is how long the caller has to wait for the next. What is kept of a
// caller expires when it has no meaning any more, within burst/perSecond seconds.
//
// One round trip, which is never repeated, and waits for no replica; the error is ErrUnavailable, or says what Redis refuses.
func (s *Store) Allow(ctx context.Context, caller string, perSecond, burst int) (wait time.Duration, err error) {
	status, r, err := runOn(ctx, s.rdb, call{
		script: rateScript, keys: []string{s.keys.rate(caller)}, args: []any{perSecond, max(burst, 1)},
	}, nil)
	switch {
	case err != nil:
		return 0, err
	case status == "OK":
		return 0, nil
	case status == "WAIT":
		return time.Duration(r.int(0)) * time.Microsecond, nil
	default:
		return 0, fmt.Errorf("%w: %s", errReply, status)
	}
}
