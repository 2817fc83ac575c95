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
		return connectURL(c)
	}
	o := &redis.UniversalOptions{
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
	switch {
	case o.MasterName != "":
		return redis.NewFailoverClient(o.Failover()), Sentinel, nil
	case o.IsClusterMode:
		return newCluster(o.Cluster()), Cluster, nil
	default:
		return redis.NewClient(o.Simple()), Standalone, nil
	}
}

// connectURL makes the client for one server named by a URL. Options of the connection that the URL does not say apply.
func connectURL(c Connection) (redis.UniversalClient, RedisMode, error) {
	o, err := redis.ParseURL(c.URL)
	if err != nil {
		return nil, "", fmt.Errorf("store: REDIS_URL: %s", withoutURL(err, c.URL))
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
	return redis.NewClient(o), Standalone, nil
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
