package store

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// node is what one server of Redis tells of itself.
type node struct {
	addr string
	// info are the lines of INFO; databases those of its keyspace section.
	info      map[string]string
	databases []string
	// save is the configuration of snapshots, "" for none; savesKnown tells that this user may see it.
	save       string
	savesKnown bool
}

// nodes asks the servers that take writes: one, or the masters of a cluster in the order of their addresses. One round trip.
func (s *Store) nodes(ctx context.Context) ([]node, error) {
	switch rdb := s.rdb.(type) {
	case *redis.Client:
		n, err := askNode(ctx, rdb)
		if s.mode == Sentinel { // whoever that is just now
			n.addr = s.opts.Connection.SentinelMaster
		}
		return []node{n}, err
	case *redis.ClusterClient:
		var mu sync.Mutex
		var all []node
		err := rdb.ForEachMaster(ctx, func(ctx context.Context, client *redis.Client) error {
			n, err := askNode(ctx, client)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, n)
			return err
		})
		slices.SortFunc(all, func(a, b node) int { return cmp.Compare(a.addr, b.addr) })
		return all, err
	default:
		return nil, nil
	}
}

// askNode asks one server. That it does not tell its configuration is no error: many a user may not see it.
func askNode(ctx context.Context, client *redis.Client) (node, error) {
	n := node{addr: client.Options().Addr, info: make(map[string]string)}
	var info *redis.StringCmd
	var save *redis.MapStringStringCmd
	_, _ = client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
		info, save = pipe.Info(ctx), pipe.ConfigGet(ctx, "save")
		return nil
	})
	if info.Err() != nil {
		return n, info.Err()
	}
	for line := range strings.Lines(info.Val()) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if n.info[name] = value; isDatabase(name) {
			n.databases = append(n.databases, name+":"+value)
		}
	}
	n.save, n.savesKnown = save.Val()["save"]
	return n, nil
}

// number gives a number of INFO, 0 where it is not told.
func (n node) number(name string) float64 {
	value, _ := strconv.ParseFloat(n.info[name], 64)
	return value
}

// version is that of Redis, or of what speaks its protocol; Valkey tells which Redis it is like, and its own.
func (n node) version() string {
	if own := n.info["valkey_version"]; own != "" {
		return n.info["redis_version"] + " (Valkey " + own + ")"
	}
	return n.info["redis_version"]
}

// persistence says in a few words what the server keeps on disk.
func (n node) persistence() string {
	var kept []string
	if n.info["aof_enabled"] == "1" {
		kept = append(kept, "append-only file")
	}
	switch {
	case !n.savesKnown:
		kept = append(kept, "snapshots unknown (CONFIG GET is not allowed)")
	case n.save != "":
		kept = append(kept, "snapshots ("+n.save+")")
	}
	if len(kept) == 0 {
		return "off"
	}
	return strings.Join(kept, ", ")
}
