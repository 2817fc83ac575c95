package store

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnections(t *testing.T) {
	for name, c := range map[string]struct {
		connection Connection
		mode       RedisMode
	}{
		"one server":       {Connection{Addrs: []string{"a:1"}}, Standalone},
		"a cluster":        {Connection{Addrs: []string{"a:1", "b:2"}}, Cluster},
		"a cluster of one": {Connection{Addrs: []string{"a:1"}, Cluster: true}, Cluster},
		"sentinels":        {Connection{Addrs: []string{"a:1"}, SentinelMaster: "m"}, Sentinel},
		"a URL":            {Connection{URL: "redis://a:1"}, Standalone},
		"a socket":         {Connection{URL: "unix:///run/redis.sock"}, Standalone},
	} {
		t.Run(name, func(t *testing.T) {
			rdb, mode, err := connect(c.connection)
			require.NoError(t, err)
			assert.Equal(t, c.mode, mode)
			assert.NoError(t, rdb.Close())
		})
	}
}

// TestURL: what the URL does not say the other settings do, and who asks for TLS gets it whatever the scheme.
func TestURL(t *testing.T) {
	options := func(c Connection) *redis.Options {
		rdb, _, err := connect(c)
		require.NoError(t, err)
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb.(*redis.Client).Options()
	}
	o := options(Connection{URL: "redis://user:secret@host:1/2", Username: "other", Password: "other", DB: 3, Timeout: time.Second})
	assert.Equal(t, []any{"host:1", "user", "secret", 2, time.Second}, []any{o.Addr, o.Username, o.Password, o.DB, o.ReadTimeout})
	assert.Nil(t, o.TLSConfig)

	o = options(Connection{URL: "redis://host:1", Username: "user", Password: "secret", DB: 3, TLS: &tls.Config{MinVersion: tls.VersionTLS13}})
	assert.Equal(t, []any{"user", "secret", 3}, []any{o.Username, o.Password, o.DB})
	require.NotNil(t, o.TLSConfig)
	assert.Equal(t, "host", o.TLSConfig.ServerName)
	assert.Equal(t, uint16(tls.VersionTLS13), o.TLSConfig.MinVersion)

	o = options(Connection{URL: "rediss://host:1", TLS: &tls.Config{ServerName: "name", MinVersion: tls.VersionTLS12}})
	assert.Equal(t, "name", o.TLSConfig.ServerName)
}

func TestBadURLDoesNotTellItsPassword(t *testing.T) {
	for _, url := range []string{"redis://user:hunter2@host:port", "redis://user:hunter2@host/db?x=1", "redis://:hunter2@[::1"} {
		_, _, err := connect(Connection{URL: url})
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// A caller who goes while a connection is made for him is no failure of Redis: the pool counts them, and fails for everybody.
func TestDiallingIsNotGivenUp(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	server, client := net.Pipe()
	defer server.Close()
	conn, err := steadily(func(ctx context.Context, _, _ string) (net.Conn, error) { return client, ctx.Err() })(gone, "tcp", "redis:6379")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
