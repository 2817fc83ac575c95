package store

import (
	"context"
	"crypto/sha1" //nolint:gosec // SHA-1 is how Redis names scripts; nothing is secured by it.
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/lib.lua
var luaLib string

//go:embed scripts/append.lua
var luaAppend string

//go:embed scripts/update.lua
var luaUpdate string

//go:embed scripts/delete.lua
var luaDelete string

//go:embed scripts/extend.lua
var luaExtend string

//go:embed scripts/message.lua
var luaMessage string

//go:embed scripts/count.lua
var luaCount string

// script is a Lua script with the name that Redis gives it, and in the form in which its announcements are sharded (sharded.go).
type script struct {
	name, source, sha         string // name is that of its file, for observers
	shardedSource, shardedSHA string
	writes                    bool
}

// newScript makes a script of its file; shared are those that stand ahead of it beside lib.lua.
func newScript(source string, writes bool, shared ...string) script {
	name := fileOf(source)
	source = strings.Join(append(append([]string{luaLib}, shared...), source), "\n")
	sc := script{name: name, source: source, shardedSource: strings.Replace(source, classicLine, shardedLine, 1), writes: writes}
	sc.sha, sc.shardedSHA = shaOf(sc.source), shaOf(sc.shardedSource)
	return sc
}

func shaOf(source string) string {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

var (
	appendScript  = newScript(luaAppend, true)
	updateScript  = newScript(luaUpdate, true)
	deleteScript  = newScript(luaDelete, true)
	extendScript  = newScript(luaExtend, true)
	messageScript = newScript(luaMessage, false)
	countScript   = newScript(luaCount, false)
)

// scriptCmd is the run of a script. One that writes is never sent a second time: go-redis' default is to repeat a command whose
// reply was lost, and what has run must not run again. (Idempotent messages would survive it; an addPlan would not.)
type scriptCmd struct {
	*redis.Cmd
	once bool
	name string // of the script
}

// NoRetry tells go-redis not to send the command, or the pipeline it is in, again.
func (c scriptCmd) NoRetry() bool { return c.once }

// call is one run of a script.
type call struct {
	script script
	keys   []string
	args   []any
	// onReplica says that the run may go to a replica: its servers take scripts by commands of their own, which let nothing be written.
	onReplica bool
}

// cmd makes the command: by the script's name, or with its source where Redis does not know the name yet.
func (c call) cmd(ctx context.Context, withSource bool) scriptCmd {
	args := make([]any, 0, 3+len(c.keys)+len(c.args))
	name, text := "evalsha", c.script.sha
	if withSource {
		name, text = "eval", c.script.source
	}
	if c.onReplica {
		name += "_ro"
	}
	args = append(args, name, text, len(c.keys))
	for _, key := range c.keys {
		args = append(args, key)
	}
	args = append(args, c.args...)
	return scriptCmd{Cmd: redis.NewCmd(ctx, args...), once: c.script.writes, name: c.script.name}
}

// reply is what a script answered, behind its status word.
type reply []any

// run runs one script and then, atomically with it, the commands that with queues (nil for none), in one round trip; two
// where Redis has not seen the script before, and one more to wait for replicas where that is asked for. It gives the script's
// status word and the rest of its reply.
func (s *Store) run(ctx context.Context, c call, with func(redis.Pipeliner)) (string, reply, error) {
	if s.adopter != nil {
		return s.adopter.run(ctx, c, with)
	}
	return s.runNow(ctx, c, with)
}

// runNow is run without a look for what may be adopted.
func (s *Store) runNow(ctx context.Context, c call, with func(redis.Pipeliner)) (string, reply, error) {
	c = s.suited(c)
	if s.opts.WaitReplicas == 0 || s.mode == Embedded || !c.script.writes {
		if s.together != nil && c.script.writes && with == nil {
			return runOn(ctx, s.together, c, nil)
		}
		return runOn(ctx, s.rdb, c, with)
	}
	return s.runAndWait(ctx, c, with)
}

// executor is a client, or one connection of it.
type executor interface {
	Process(ctx context.Context, cmd redis.Cmder) error
	TxPipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// runOn is run, on a client or a connection.
func runOn(ctx context.Context, on executor, c call, with func(redis.Pipeliner)) (string, reply, error) {
	for _, withSource := range []bool{false, true} {
		cmd := c.cmd(ctx, withSource)
		var err error
		if with == nil {
			err = on.Process(ctx, cmd)
		} else {
			_, err = on.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				err := pipe.Process(ctx, cmd)
				with(pipe)
				return err
			})
		}
		if cmd.Err() != nil {
			err = cmd.Err()
		}
		if redis.HasErrorPrefix(err, "NOSCRIPT") && !withSource {
			continue // it has not run, so it may be sent again
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			return "", nil, translate(err)
		}
		return parseReply(cmd.Val())
	}
	return "", nil, errReply
}

// runAll runs any number of scripts in one round trip, each atomic by itself, and calls each with the status and the reply of
// every one in turn. Where Redis has not seen the script before it takes two.
func (s *Store) runAll(ctx context.Context, calls []call, each func(i int, status string, r reply)) error {
	suited := make([]call, len(calls))
	for i, c := range calls {
		suited[i] = s.suited(c)
	}
	return runAllBy(ctx, func(ctx context.Context, queue func(redis.Pipeliner) error) error {
		_, err := s.rdb.Pipelined(ctx, queue)
		return err
	}, suited, each)
}

// runAllBy is runAll, over what runs a pipeline.
func runAllBy(
	ctx context.Context, pipelined func(context.Context, func(redis.Pipeliner) error) error,
	calls []call, each func(i int, status string, r reply),
) error {
	todo := make([]int, len(calls))
	for i := range calls {
		todo[i] = i
	}
	for _, withSource := range []bool{false, true} {
		cmds := make([]scriptCmd, len(todo))
		// Each command has its own error, so the pipeline's, which is the first of them, says nothing more.
		_ = pipelined(ctx, func(pipe redis.Pipeliner) error {
			for j, i := range todo {
				cmds[j] = calls[i].cmd(ctx, withSource)
				_ = pipe.Process(ctx, cmds[j])
			}
			return nil
		})
		var again []int
		for j, i := range todo {
			if redis.HasErrorPrefix(cmds[j].Err(), "NOSCRIPT") {
				again = append(again, i)
				continue
			}
			if cmds[j].Err() != nil {
				return translate(cmds[j].Err())
			}
			status, r, err := parseReply(cmds[j].Val())
			if err != nil {
				return err
			}
			each(i, status, r)
		}
		if len(again) == 0 {
			return nil
		}
		todo = again
	}
	return errReply
}

// errReply says that a script answered in a form that this program does not know.
var errReply = errors.New("store: unknown reply of a script")

func parseReply(val any) (string, reply, error) {
	values, ok := val.([]any)
	if !ok || len(values) == 0 {
		return "", nil, fmt.Errorf("%w: %T", errReply, val)
	}
	status, ok := values[0].(string)
	if !ok {
		return "", nil, fmt.Errorf("%w: status %T", errReply, values[0])
	}
	return status, values[1:], nil
}

// int gives the whole number at place i of the reply, 0 where there is none.
func (r reply) int(i int) int {
	if i < len(r) {
		if n, ok := r[i].(int64); ok {
			return int(n)
		}
	}
	return 0
}

// text gives the text at place i of the reply, empty where there is none.
func (r reply) text(i int) string {
	if i < len(r) {
		if text, ok := r[i].(string); ok {
			return text
		}
	}
	return ""
}
