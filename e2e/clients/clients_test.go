//go:build unix

// Package clients has the GraphQL clients that people use talk to the real binary on a real Redis: the .mjs files beside this one,
// run by Node's own test runner. Each of their tests is a subtest here.
package clients

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"agentstate/internal/nodetest"
	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// secret is what the tokens are signed with that the guarded server accepts.
const secret = "a secret for tests, of 32 bytes or more"

func TestClients(t *testing.T) {
	nodetest.Install(t, ".")
	host, port, err := net.SplitHostPort(redistest.Start(t).Addr())
	require.NoError(t, err)
	binary := servertest.Build(t)
	environ := []string{"LOG_LEVEL=warn", "REDIS_HOST=" + host, "REDIS_PORT=" + port}
	shared := servertest.Start(t, "the server that all files share", binary, environ...)
	mortal := servertest.Start(t, "the server that is killed", binary, environ...)
	guarded := servertest.Start(t, "the server that wants tokens", binary, append(environ, "AUTH_MODE=jwt", "AUTH_JWT_SECRET="+secret, "AUTH_JWT_LEEWAY=0")...)
	control := httptest.NewServer(controls(mortal))
	defer control.Close()
	nodetest.Run(t, ".", "AGENTSTATE_URL="+shared.Client.URL, "MORTAL_URL="+mortal.Client.URL, "CONTROL_URL="+control.URL,
		"GUARDED_URL="+guarded.Client.URL, "GUARDED_SECRET="+secret)
}

// controls lets the tests do to a server what befalls servers. Each answers when it is done.
func controls(s *servertest.Server) http.Handler {
	mux := http.NewServeMux()
	for name, act := range map[string]func(){"kill": s.Kill, "stop": s.Stop, "start": s.Start} {
		mux.HandleFunc("POST /"+name, func(http.ResponseWriter, *http.Request) { act() })
	}
	return mux
}
