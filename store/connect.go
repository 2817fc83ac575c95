package store

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Reads are repeated by go-redis after a lost connection, with these pauses; writes never are (scriptCmd).
const (
	readRetries = 2
	minBackoff  = 10 * time.Millisecond
	maxBackoff  = 200 * time.Millisecond
	// Dialling is repeated for reads and writes alike: nothing was sent yet. While Redis is down a call fails within a second.
	dialRetries = 3
	dialPause   = 50 * time.Millisecond
)

// clientLog takes what go-redis would print to standard error in a form of its own. The calls that fail say it too.
type clientLog struct{}

// Printf logs at debug level.
func (clientLog) Printf(ctx context.Context, format string, args ...any) {
	slog.DebugContext(ctx, "go-redis: "+fmt.Sprintf(format, args...))
}

// setClientLog runs once: the logger of go-redis is the process's.
var setClientLog = sync.OnceFunc(func() { redis.SetLogger(clientLog{}) })

// connect makes the client for a connection. It dials nothing yet.
func connect(c Connection) (redis.UniversalClient, RedisMode, error) {
	setClientLog()
	if c.URL != "" {
		o, err := urlOptions(c, "REDIS_URL")
		if err != nil {
			return nil, "", err
		}
		return redis.NewClient(o), Standalone, nil
	}
	o := universalOptions(c)
	switch {
	case o.MasterName != "":
		return redis.NewFailoverClient(o.Failover()), Sentinel, nil
	case o.IsClusterMode:
		return newCluster(o.Cluster()), Cluster, nil
	default:
		return redis.NewClient(o.Simple()), Standalone, nil
	}
}

// connectReplicas makes the client for the replicas of a connection, or nil where none are known. It tries everything once: what a replica
// does not answer, the master does. master is the client of the connection; what a replica's URL does not say of user, password and
// database is the master's.
func connectReplicas(c Connection, master redis.UniversalClient) (redis.UniversalClient, error) {
	quick := c
	quick.ConnectTimeout, quick.Timeout = min(c.ConnectTimeout, replicaPatience), min(c.Timeout, replicaPatience)
	switch master := master.(type) {
	case *redis.ClusterClient:
		o := universalOptions(quick)
		o.ReadOnly, o.MaxRetries, o.DialerRetries = true, -1, 1
		return newCluster(o.Cluster()), nil
	case *redis.Client:
		if c.SentinelMaster != "" {
			o := universalOptions(quick)
			o.ReadOnly, o.MaxRetries, o.DialerRetries = true, -1, 1
			return redis.NewFailoverClient(o.Failover()), nil
		}
		if c.ReplicaURL == "" {
			return nil, nil //nolint:nilnil // no replica is none
		}
		its := master.Options()
		quick.URL, quick.Username, quick.Password, quick.DB = c.ReplicaURL, its.Username, its.Password, its.DB
		o, err := urlOptions(quick, "REDIS_REPLICA_URL")
		if err != nil {
			return nil, err
		}
		if o.DB != its.DB {
			return nil, fmt.Errorf("store: REDIS_REPLICA_URL names database %d, and the threads are in database %d: leave the database out", o.DB, its.DB)
		}
		o.MaxRetries, o.DialerRetries = -1, 1
		return redis.NewClient(o), nil
	default:
		return nil, nil //nolint:nilnil // as above
	}
}

// universalOptions are those of a connection that is named by addresses.
func universalOptions(c Connection) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: c.Addrs, MasterName: c.SentinelMaster, IsClusterMode: c.Cluster || (len(c.Addrs) > 1 && c.SentinelMaster == ""),
		Username: c.Username, Password: c.Password, DB: c.DB, TLSConfig: c.TLS,
		SentinelUsername: c.SentinelUsername, SentinelPassword: c.SentinelPassword,
		PoolSize: c.MaxConnections, DialTimeout: c.ConnectTimeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout,
		MaxRetries: readRetries, MinRetryBackoff: minBackoff, MaxRetryBackoff: maxBackoff,
		DialerRetries: dialRetries, DialerRetryTimeout: dialPause,
		// Without this go-redis waits out its own timeout instead of the caller's deadline.
		ContextTimeoutEnabled: true,
		// Saves commands on each new connection that Redis 7 only refuses.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		Dialer:                   steadily(redis.NewDialer(&redis.Options{DialTimeout: c.ConnectTimeout, TLSConfig: c.TLS})),
	}
}

// urlOptions are those of one server named by a URL, which the variable of that name holds. Options of the connection that the URL does
// not say apply.
func urlOptions(c Connection, variable string) (*redis.Options, error) {
	o, err := redis.ParseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %s", variable, withoutURL(err, c.URL))
	}
	if c.TLS != nil { // also for redis://: who asks for TLS gets it
		host, _, _ := net.SplitHostPort(o.Addr)
		if o.TLSConfig = c.TLS.Clone(); o.TLSConfig.ServerName == "" {
			o.TLSConfig.ServerName = host
		}
	}
	if o.DB == 0 {
		o.DB = c.DB
	}
	if o.Username == "" {
		o.Username = c.Username
	}
	if o.Password == "" {
		o.Password = c.Password
	}
	o.PoolSize, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = c.MaxConnections, c.ConnectTimeout, c.Timeout, c.Timeout
	o.MaxRetries, o.MinRetryBackoff, o.MaxRetryBackoff = readRetries, minBackoff, maxBackoff
	o.DialerRetries, o.DialerRetryTimeout = dialRetries, dialPause
	o.ContextTimeoutEnabled, o.DisableIdentity = true, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.Dialer = steadily(redis.NewDialer(o))
	return o, nil
}

// dialer makes a connection.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// steadily makes a connection although nobody waits for it any more, within its timeout: the pool will use it. go-redis 9.23 counts a
// caller who goes while it dials for him as a failure of Redis, and after as many of them as the pool has places it answers
// everybody with the error of the last one, that it was cancelled, until it has dialled again (dialConn in its pool.go).
func steadily(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dial(context.WithoutCancel(ctx), network, addr)
	}
}

// withoutURL gives the text of an error without the URL, which may hold a password.
func withoutURL(err error, url string) string {
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), fmt.Sprintf("%q", url), "the URL"), url, "the URL")
}
