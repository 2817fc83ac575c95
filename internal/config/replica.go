package config

import (
	"errors"
	"strings"
)

// Replica names the replica of one Redis server; a cluster and sentinels tell their replicas themselves.
type Replica struct {
	ReplicaURL Secret `env:"REDIS_REPLICA_URL" help:"redis://, rediss:// or unix:// address of a replica of the one server, for queries with @stale" group:"Redis"`
}

func (r Replica) rules() []rule {
	return []rule{{"REDIS_REPLICA_URL", "an address that begins with redis://, rediss:// or unix://", r.ReplicaURL == "" || hasScheme(r.ReplicaURL.Reveal())}}
}

// conflicts tells where a replica is named that has no master, or is known otherwise.
func (r Replica) conflicts(master Redis) []error {
	switch {
	case r.ReplicaURL == "":
		return nil
	case len(master.Addrs) > 0:
		return []error{errors.New("REDIS_REPLICA_URL: leave it out, a cluster and sentinels tell which replicas there are")}
	case master.Host == "" && master.URL == "":
		return []error{errors.New("REDIS_REPLICA_URL: name its master too, in REDIS_HOST or REDIS_URL")}
	case master.TLS.asked() && strings.HasPrefix(r.ReplicaURL.Reveal(), "unix://"):
		return []error{errors.New("REDIS_REPLICA_URL: with REDIS_TLS_* it cannot be a unix socket, on which Redis speaks no TLS")}
	}
	return nil
}
