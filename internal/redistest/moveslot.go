package redistest

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
)

// MoveSlot moves the slot of a key from its master to another one, with all keys in it, while clients go on:
// https://redis.io/docs/latest/commands/cluster-setslot/#redis-cluster-live-resharding-explained
func (n Nodes) MoveSlot(ctx context.Context, key string) error {
	slot, err := n[0].Client().ClusterKeySlot(ctx, key).Result()
	if err != nil {
		return err
	}
	from, to, err := n.owners(ctx, int(slot))
	if err != nil {
		return err
	}
	source, target := from.Client(), to.Client()
	sourceID, err := source.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	targetID, err := target.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	if err := target.Do(ctx, "cluster", "setslot", slot, "importing", sourceID).Err(); err != nil {
		return err
	}
	if err := source.Do(ctx, "cluster", "setslot", slot, "migrating", targetID).Err(); err != nil {
		return err
	}
	if err := migrate(ctx, source, to.Addr(), int(slot)); err != nil {
		return err
	}
	for _, client := range []*redis.Client{target, source} { // in this order: https://redis.io/docs/latest/commands/cluster-setslot/
		if err := client.Do(ctx, "cluster", "setslot", slot, "node", targetID).Err(); err != nil {
			return err
		}
	}
	return nil
}

// owners gives the master that has a slot, and another one. Each is asked about itself: what the others know may be old.
func (n Nodes) owners(ctx context.Context, slot int) (from, to *Server, err error) {
	for _, node := range n {
		ranges, err := node.Client().ClusterSlots(ctx).Result() //nolint:staticcheck // CLUSTER SHARDS is a master's of Redis 7 alone
		if err != nil {
			return nil, nil, err
		}
		has := slices.ContainsFunc(ranges, func(r redis.ClusterSlot) bool {
			return r.Nodes[0].Addr == node.Addr() && r.Start <= slot && slot <= r.End
		})
		if has {
			from = node
		} else {
			to = node
		}
	}
	if from == nil || to == nil {
		return nil, nil, fmt.Errorf("redistest: slot %d has no master, or there is no other", slot)
	}
	return from, to, nil
}

// migrate moves the keys of a slot until it is empty.
func migrate(ctx context.Context, source *redis.Client, addr string, slot int) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 10).Result()
		if err != nil || len(keys) == 0 {
			return err
		}
		args := []any{"migrate", host, port, "", 0, 5000, "keys"}
		for _, key := range keys {
			args = append(args, key)
		}
		if err := source.Do(ctx, args...).Err(); err != nil {
			return err
		}
	}
}
