//go:build unix

package faults

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// server is a process of the real binary with a proxy between it and Redis.
type server struct {
	*servertest.Server
	proxy *redistest.Proxy
}

// startServer starts a server that ends with the test.
func startServer(tb testing.TB, name, binary string, proxy *redistest.Proxy) *server {
	tb.Helper()
	host, port, err := net.SplitHostPort(proxy.Addr())
	require.NoError(tb, err)
	return &server{proxy: proxy, Server: servertest.Start(
		tb, name, binary, "LOG_LEVEL=warn", "REDIS_HOST="+host, "REDIS_PORT="+port,
		"REDIS_TIMEOUT=1s", "REDIS_CONNECT_TIMEOUT=500ms", "DELIVERY_CHECK_INTERVAL=1s", "SHUTDOWN_TIMEOUT=5s",
	)}
}
