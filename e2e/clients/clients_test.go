//go:build unix

// Package clients has the GraphQL clients that people use talk to the real binary on a real Redis: the .mjs files beside this one,
// run by Node's own test runner. Each of their tests is a subtest here.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agentstate/internal/redistest"
	"agentstate/internal/servertest"
)

// patience bounds the run of all files, which takes some ten seconds.
const patience = 4 * time.Minute

// secret is what the tokens are signed with that the guarded server accepts.
const secret = "a secret for tests, of 32 bytes or more"

func TestClients(t *testing.T) {
	install(t)
	host, port, err := net.SplitHostPort(redistest.Start(t).Addr())
	require.NoError(t, err)
	binary := servertest.Build(t)
	environ := []string{"LOG_LEVEL=warn", "REDIS_HOST=" + host, "REDIS_PORT=" + port}
	shared := servertest.Start(t, "the server that all files share", binary, environ...)
	mortal := servertest.Start(t, "the server that is killed", binary, environ...)
	guarded := servertest.Start(t, "the server that wants tokens", binary, append(environ, "AUTH_MODE=jwt", "AUTH_JWT_SECRET="+secret, "AUTH_JWT_LEEWAY=0")...)
	control := httptest.NewServer(controls(mortal))
	defer control.Close()

	files, err := filepath.Glob("*.test.mjs")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	ctx, cancel := context.WithTimeout(t.Context(), patience) // a file that leaves something open would run for ever
	defer cancel()
	run := exec.CommandContext(ctx, "node", append([]string{"--test", "--test-reporter=./reporter.mjs"}, files...)...)
	run.Env = append(os.Environ(), "AGENTSTATE_URL="+shared.Client.URL, "MORTAL_URL="+mortal.Client.URL, "CONTROL_URL="+control.URL,
		"GUARDED_URL="+guarded.Client.URL, "GUARDED_SECRET="+secret)
	run.Stderr = t.Output()
	out, err := run.Output()
	passed := report(t, out)
	for _, file := range files {
		require.Contains(t, passed, file, "no test of it has passed: %v", err)
	}
	if !t.Failed() {
		require.NoError(t, err)
	}
}

// outcome is a line of reporter.mjs.
type outcome struct{ File, Name, Status, Detail string }

// report makes a subtest of each test that Node has run, and gives how many have passed in each file.
func report(t *testing.T, out []byte) map[string]int {
	t.Helper()
	passed := make(map[string]int)
	for lines := json.NewDecoder(bytes.NewReader(out)); ; {
		var o outcome
		err := lines.Decode(&o)
		if errors.Is(err, io.EOF) {
			return passed
		}
		require.NoError(t, err, string(out))
		t.Run(o.File+"/"+o.Name, func(t *testing.T) {
			switch o.Status {
			case "pass":
				passed[o.File]++
			case "skip":
				t.Skip(o.Detail)
			default:
				t.Error(o.Detail)
			}
		})
	}
}

// controls lets the tests do to a server what befalls servers. Each answers when it is done.
func controls(s *servertest.Server) http.Handler {
	mux := http.NewServeMux()
	for name, act := range map[string]func(){"kill": s.Kill, "stop": s.Stop, "start": s.Start} {
		mux.HandleFunc("POST /"+name, func(http.ResponseWriter, *http.Request) { act() })
	}
	return mux
}

// install makes sure that Node has the packages. Where that cannot be had the test is skipped, or fails with AGENTSTATE_NO_SKIP=1.
func install(t *testing.T) {
	t.Helper()
	giveUp := t.Skipf
	if os.Getenv("AGENTSTATE_NO_SKIP") == "1" {
		giveUp = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		giveUp("install Node.js 20 or newer to test the clients: %v", err)
	}
	if _, err := os.Stat(filepath.Join("node_modules", ".package-lock.json")); err == nil {
		return
	}
	if out, err := exec.CommandContext(t.Context(), "npm", "ci").CombinedOutput(); err != nil {
		giveUp("`npm ci` in e2e/clients must work once to test the clients: %v\n%s", err, out)
	}
}
