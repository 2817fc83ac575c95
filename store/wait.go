package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// runAndWait is run for a script that writes, and then waits until enough replicas have what was written. WAIT is about the
// connection that it comes on, so all of it goes over one. Too few replicas in time are ErrUnavailable: the write stands on the
// master, and a message that carries its id can be sent again, which waits again.
// https://redis.io/docs/latest/commands/wait/
func (s *Store) runAndWait(ctx context.Context, c call, with func(redis.Pipeliner)) (string, reply, error) {
	if err := s.gate.pass(ctx); err != nil { // hooks of a cluster's client are not those of its nodes
		return "", nil, translate(err)
	}
	master, err := s.masterOf(ctx, c.keys[0])
	if err != nil {
		return "", nil, translate(err)
	}
	conn := master.Conn()
	defer conn.Close() //nolint:errcheck // it only goes back to the pool
	// As above.
	if s.mode == Cluster && s.opts.Observer != nil {
		conn.AddHook(observing{s.opts.Observer})
	}
	status, r, err := runOn(ctx, conn, c, with)
	if err != nil || status != "OK" {
		return status, r, err
	}
	reached, err := conn.Wait(ctx, s.opts.WaitReplicas, s.opts.WaitTimeout).Result()
	switch {
	case err != nil:
		return "", nil, translate(err)
	case int(reached) < s.opts.WaitReplicas:
		return "", nil, fmt.Errorf("%w: %d of %d replicas have the write after %v", ErrUnavailable, reached, s.opts.WaitReplicas, s.opts.WaitTimeout)
	}
	return status, r, nil
}

// masterOf gives the client of the server that has a key.
func (s *Store) masterOf(ctx context.Context, key string) (*redis.Client, error) {
	switch rdb := s.rdb.(type) {
	case *redis.Client:
		return rdb, nil
	case *redis.ClusterClient:
		return rdb.MasterForKey(ctx, key)
	default:
		return nil, fmt.Errorf("store: no master of a %T", rdb)
	}
}
