package store

import (
	"context"
	_ "embed"
	"errors"
	"time"
)

//go:embed scripts/stage.lua
var luaStage string

var stageScript = newScript(luaStage, true)

// What takes long is staged: the messages of a thread that is made of another one (fork.go), or that is cut (cut.go), are brought together
// step by step under keys of their own, where nobody sees them, and one short script makes a thread of them.

const (
	// stageFor is how long what is staged stays where nobody comes back to it.
	stageFor = 10 * time.Minute
	// mostStaged is how many messages or empty places one step stages at most.
	mostStaged = 1000
	// stageAttempts is how often the staging of a thread is begun anew whose messages others change meanwhile.
	stageAttempts = 5
	// unstageTimeout bounds how long whoever gives up what was staged waits for its removal.
	unstageTimeout = time.Second
)

// errStageMoved says that a thread was changed while it was staged.
var errStageMoved = errors.New("store: the thread has changed while it was copied")

// stageKeys makes the keys of what is staged in a bucket.
func (s *Store) stageKeys(bucket int) (list, ids string) {
	stage := s.keys.bucketKey(bucket, "f:"+string(randomEpoch()))
	return stage + ":m", stage + ":i"
}

// unstage removes what was staged for nothing. Where that fails it goes by itself after stageFor.
func (s *Store) unstage(ctx context.Context, keys ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unstageTimeout)
	defer cancel()
	_ = s.rdb.Unlink(ctx, keys...).Err()
}
