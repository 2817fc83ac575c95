//go:build unix

// Package langchain has LangChain and LangGraph talk to the real binary on a real Redis: the .mjs files beside this one, and those of
// clients/langchain-js, run by Node's own test runner. Each of their tests is a subtest here.
package langchain

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

func TestLangChain(t *testing.T) {
	nodetest.Install(t, ".")
	host, port, err := net.SplitHostPort(redistest.Start(t).Addr())
	require.NoError(t, err)
	server := servertest.Start(t, "the server", servertest.Build(t), "LOG_LEVEL=warn", "REDIS_HOST="+host, "REDIS_PORT="+port)
	for name, folder := range map[string]string{"forms": ".", "history": filepath.Join("..", "..", "clients", "langchain-js")} {
		t.Run(name, func(t *testing.T) { nodetest.Run(t, folder, "AGENTSTATE_URL="+server.Client.URL) })
	}
}
