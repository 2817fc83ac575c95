package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// replicaPatience bounds how long a replica is waited for, where Connection.Timeout does not bound it closer: the master has to
	// answer within the same request.
	replicaPatience = time.Second
	// replicaRest is how long a replica that could not be used is left alone. Then one call tries it, and nobody else until that succeeds.
	replicaRest = time.Second
)

// replicas answer reads that may be behind. Whatever they do not answer, the master does: a replica that cannot be reached, is loading,
// or has lost its master is as good as none.
//
// Each of their answers comes with the ROLE of who gives it, so that it is known to follow its master at that moment: a replica goes on
// serving what it has when its link is down, for hours (replica-serve-stale-data). https://redis.io/docs/latest/commands/role/
type replicas struct {
	client   redis.UniversalClient
	gate     *gate
	patience time.Duration
	log      *slog.Logger

	mu sync.Mutex
	// resting are the replicas that have failed, by their addresses, and until when they are left alone.
	resting map[string]time.Time
}

// newReplicas makes what reads from replicas; nil where none are known. master is the client of the same connection.
func newReplicas(c Connection, master redis.UniversalClient, g *gate, log *slog.Logger) (*replicas, error) {
	client, err := connectReplicas(c, master)
	if err != nil || client == nil {
		return nil, err
	}
	return &replicas{client: client, gate: g, patience: min(c.Timeout, replicaPatience), log: log, resting: make(map[string]time.Time)}, nil
}

func (r *replicas) close() error {
	if r == nil {
		return nil
	}
	return r.client.Close()
}

// read lets a replica of the server that has a key run a transaction; false where the master has to.
func (r *replicas) read(ctx context.Context, key string, queue func(pipe redis.Pipeliner)) bool {
	if r.gate.pass(ctx) != nil { // the master tells why
		return false
	}
	replica := r.of(ctx, key)
	return replica != nil && r.ask(ctx, replica, replica.TxPipelined, queue)
}

// answer runs commands on replicas, and gives those that are left to the master.
func (r *replicas) answer(ctx context.Context, cmds []redis.Cmder) (left []redis.Cmder) {
	if r.gate.pass(ctx) != nil {
		return cmds
	}
	groups, left := r.split(ctx, cmds)
	answered := make([]bool, len(groups))
	var all sync.WaitGroup
	for i, g := range groups {
		all.Go(func() {
			answered[i] = r.ask(ctx, g.replica, g.replica.Pipelined, func(pipe redis.Pipeliner) { resend(ctx, pipe, g.cmds) })
		})
	}
	all.Wait()
	for i, g := range groups {
		if !answered[i] {
			left = append(left, g.cmds...)
		}
	}
	return left
}

// resend puts commands into a pipeline. What they brought before is overwritten.
func resend(ctx context.Context, pipe redis.Pipeliner, cmds []redis.Cmder) {
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd) // it is only queued
	}
}

// share is what one replica is asked.
type replicaShare struct {
	replica *redis.Client
	cmds    []redis.Cmder
}

// split gives each replica its share of commands, one for each master of a cluster, and what no replica has.
func (r *replicas) split(ctx context.Context, cmds []redis.Cmder) (groups []*replicaShare, left []redis.Cmder) {
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return []*replicaShare{{r.client.(*redis.Client), cmds}}, nil //nolint:forcetypeassert // connectReplicas makes no other
	}
	byMaster := make(map[string]*replicaShare)
	var keyless []redis.Cmder
	for _, cmd := range cmds {
		key, ok := keyOf(cmd)
		if !ok {
			keyless = append(keyless, cmd)
			continue
		}
		master, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, cmds
		}
		addr := master.Options().Addr
		group, seen := byMaster[addr]
		if !seen {
			if replica := r.of(ctx, key); replica != nil {
				group = &replicaShare{replica: replica}
				groups = append(groups, group)
			}
			byMaster[addr] = group
		}
		if group == nil {
			left = append(left, cmd)
		} else {
			group.cmds = append(group.cmds, cmd)
		}
	}
	if len(groups) == 0 {
		return nil, cmds
	}
	groups[0].cmds = append(groups[0].cmds, keyless...)
	return groups, left
}

// keyOf gives the key of a command that reads; not ok for TIME, which any server answers. Scripts have the number of their keys ahead.
func keyOf(cmd redis.Cmder) (key string, ok bool) {
	at := 1
	if name := cmd.Name(); name == "evalsha_ro" || name == "eval_ro" {
		at = 3
	}
	if args := cmd.Args(); at < len(args) {
		key, ok = args[at].(string)
	}
	return key, ok
}

// of gives a replica of the server that has a key; nil where there is none.
func (r *replicas) of(ctx context.Context, key string) *redis.Client {
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return r.client.(*redis.Client) //nolint:forcetypeassert // connectReplicas makes no other
	}
	master, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil
	}
	replica, err := cluster.SlaveForKey(ctx, key)
	if err != nil || replica.Options().Addr == master.Options().Addr { // go-redis gives the master where it knows of no replica
		return nil
	}
	return replica
}

// ask lets a replica run what queue adds, as run runs it; false where the answer is not to be used.
func (r *replicas) ask(
	ctx context.Context, replica *redis.Client,
	run func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error), queue func(pipe redis.Pipeliner),
) bool {
	addr := replica.Options().Addr
	if !r.mayAsk(addr) {
		return false
	}
	bounded, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	var role *redis.Cmd
	cmds, _ := run(bounded, func(pipe redis.Pipeliner) error { // each command has its own error
		role = pipe.Do(bounded, "role")
		queue(pipe)
		return nil
	})
	err := refusalOf(role, cmds)
	if ctx.Err() != nil { // the caller has gone, which says nothing of the replica
		return err == nil
	}
	r.note(addr, err)
	if cluster, ok := r.client.(*redis.ClusterClient); ok && err != nil {
		cluster.ReloadState(ctx) // it may be that a slot has moved, or a failover: go-redis would look once a minute
	}
	return err == nil
}

// refusalOf tells why an answer is not to be used; nil where it is.
func refusalOf(role *redis.Cmd, cmds []redis.Cmder) error {
	if err := role.Err(); err != nil {
		return err
	}
	facts, err := role.Slice()
	if err != nil {
		return err
	}
	if len(facts) < 4 || facts[0] != "slave" {
		return fmt.Errorf("it is no replica: its role is %v", facts[:min(1, len(facts))])
	}
	if facts[3] != "connected" {
		return fmt.Errorf("its link to its master is down: %v", facts[3])
	}
	for _, cmd := range cmds {
		// A script that it does not know is sent again with its source.
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT") {
			return err
		}
	}
	return nil
}

// mayAsk tells whether a replica is to be asked: not where it has failed of late.
func (r *replicas) mayAsk(addr string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, failed := r.resting[addr]
	now := time.Now()
	if !failed || now.Before(until) {
		return !failed
	}
	r.resting[addr] = now.Add(r.patience + replicaRest) // this call tries it, and others wait for what it finds
	return true
}

// note keeps whether a replica could be used, and logs when that changes.
func (r *replicas) note(addr string, err error) {
	r.mu.Lock()
	_, failed := r.resting[addr]
	if err == nil {
		delete(r.resting, addr)
	} else {
		r.resting[addr] = time.Now().Add(replicaRest)
	}
	r.mu.Unlock()
	switch {
	case err != nil && !failed:
		r.log.Warn("a replica cannot be used: the master answers queries with @stale", "replica", addr, "error", err)
	case err == nil && failed:
		r.log.Info("a replica can be used again", "replica", addr)
	}
}
