package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// memoryShare is from which share of maxmemory on, or of the host's memory, it is time to act.
	memoryShare = 0.9
	// clientsShare is that of maxclients.
	clientsShare = 0.9
	// oldestRedis is the major version from which on everything that is used is there.
	oldestRedis = 7
)

// checkNodes looks at what costs one round trip: eviction, persistence, memory, connections, replication and the state of a cluster.
// It is what health.warnings tells, and the first part of what the doctor does.
func (s *Store) checkNodes(ctx context.Context, f *findings) ([]node, error) {
	nodes, err := s.nodes(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		n.checkData(f)
		n.checkRoom(f)
		n.checkRole(f, s.opts.WaitReplicas)
	}
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		checkCluster(ctx, cluster, f)
	}
	return nodes, nil
}

// checkData looks for ways in which the node may lose what it has.
func (n node) checkData(f *findings) {
	if policy := n.info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		f.add("eviction", Problem, fmt.Sprintf("The maxmemory-policy is %s, so Redis may drop threads before they expire; set it to noeviction.", policy), n.addr)
	}
	if n.info["loading"] == "1" || n.info["async_loading"] == "1" {
		f.add("loading", Problem, "Redis is loading its data; wait until it has.", n.addr)
	}
	if n.info["aof_enabled"] == "0" && n.savesKnown && n.save == "" {
		f.add("persistence-off", Warning, "Redis keeps nothing on disk, so that all threads are gone when it ends; set appendonly yes.", n.addr)
	}
	if n.info["rdb_last_bgsave_status"] == "err" && (n.save != "" || !n.savesKnown) {
		f.add("snapshot-failed", Problem, "The last snapshot of Redis has failed, and it may refuse writes until one succeeds; see its log, and free room on its disk.", n.addr)
	}
	if n.info["aof_last_write_status"] == "err" {
		f.add("aof-failed", Problem, "Redis cannot write its append-only file, and refuses writes until it can; see its log, and free room on its disk.", n.addr)
	}
	if n.info["aof_enabled"] == "1" && n.info["aof_last_bgrewrite_status"] == "err" {
		f.add("aof-rewrite-failed", Problem, "Redis cannot rewrite its append-only file, which grows until the disk is full; see its log, and free room on its disk.", n.addr)
	}
}

// checkRoom looks whether the node is about to be full, and whether it is new enough.
func (n node) checkRoom(f *findings) {
	if most := n.number("maxmemory"); most > 0 && n.number("used_memory") >= memoryShare*most {
		f.add("memory-near-max", Problem, fmt.Sprintf("Redis uses %.0f %% of its maxmemory, and refuses writes at 100 %%; raise maxmemory, add nodes, or clean up threads.",
			100*n.number("used_memory")/most), n.addr)
	} else if all := n.number("total_system_memory"); most == 0 && all > 0 && n.number("used_memory_rss") >= memoryShare*all {
		f.add("memory-near-host", Problem, "Redis has no maxmemory and uses nearly all memory of its host; set maxmemory, and give it a larger host.", n.addr)
	}
	if most := n.number("maxclients"); most > 0 && n.number("connected_clients") >= clientsShare*most {
		f.add("connections-near-max", Problem, "Redis has nearly as many connections as its maxclients; raise that, or lower REDIS_MAX_CONNECTIONS.", n.addr)
	}
	major, _, _ := strings.Cut(n.info["redis_version"], ".")
	if number, err := strconv.Atoi(major); err == nil && number < oldestRedis {
		f.add("version", Problem, fmt.Sprintf("Redis is of version %s, and this server needs 7.0 or later; upgrade it.", n.version()), n.addr)
	}
}

// checkRole looks whether the node takes writes, and has the replicas that writes wait for.
func (n node) checkRole(f *findings, wait int) {
	if n.info["role"] == "slave" {
		f.add("replica", Problem, "This Redis is a replica and takes no writes; give the address of its master, or its sentinels.", n.addr)
	} else if have := int(n.number("connected_slaves")); have < wait {
		f.add("replicas-missing", Problem, fmt.Sprintf("Writes wait for %d replicas (REDIS_WAIT_REPLICAS) and there are %d, so that they fail; start more, or lower it.", wait, have), n.addr)
	}
}

// checkCluster looks whether all slots of the cluster are served.
func checkCluster(ctx context.Context, cluster *redis.ClusterClient, f *findings) {
	text, err := cluster.ClusterInfo(ctx).Result()
	if err != nil {
		f.add("cluster-unknown", Warning, "The cluster does not tell its state; allow CLUSTER INFO to this user.", "")
		return
	}
	facts := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		facts[name] = value
	}
	if facts["cluster_state"] != "ok" {
		f.add("cluster-down", Problem, "The cluster says that it is down; see redis-cli --cluster check.", "")
	}
	if served := facts["cluster_slots_ok"]; served != strconv.Itoa(slotCount) {
		f.add("cluster-slots", Problem, fmt.Sprintf("Only %s of the 16384 slots of the cluster are served, so that some threads cannot be reached; see redis-cli --cluster fix.", served), "")
	}
}
